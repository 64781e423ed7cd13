//===- Artifact.h - Opens and checks an artifact folder ---------------------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_CORE_ARTIFACT_H
#define MIXSERVE_RUNTIME_CORE_ARTIFACT_H

#include "core/Manifest.h"
#include "core/WeightFile.h"

namespace mxs {

/// The parameters of one rank, in its own mapped weight file and the shared one. Other ranks' files
/// are not touched.
class RankWeights {
public:
  const mxs_weight_t &weight(int index) const { return weights[static_cast<size_t>(index)]; }
  int count() const { return static_cast<int>(weights.size()); }

private:
  friend class Artifact;
  WeightFile own, shared;
  std::vector<mxs_weight_t> weights;
};

/// An artifact whose small files were read and found right.
class Artifact {
public:
  /// Checks, in this order: manifest's own checksum and schema; size of every file; no other code
  /// or weights in the folder; sha256 of all but weights; target; memory; ABI; plan hash.
  /// MXS_BAD_ARTIFACT: something is missing, damaged or too much. MXS_MISMATCH: not for this
  /// machine. `nodesHere`: nodes whose ranks this machine must have memory for; 0: all of them.
  static Status open(const std::string &folder, Artifact &out, int nodesHere = 0);

  const std::string &folder() const { return root; }
  const Manifest &manifest() const { return facts; }
  const std::string &manifestText() const { return text; }

  /// Maps the two files of `rank`. `verify` / `verifyShared`: compare block checksums.
  Status openWeights(int rank, bool verify, bool verifyShared, const WeightFile::Progress &progress,
                     RankWeights &out) const;

  /// sha256 of every weight file: what mixserve-inspect --check does beyond opening.
  Status checkWeightFiles() const;

private:
  std::string root, text;
  Manifest facts;
};

} // namespace mxs

#endif // MIXSERVE_RUNTIME_CORE_ARTIFACT_H
