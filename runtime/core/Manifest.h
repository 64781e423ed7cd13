//===- Manifest.h - What an artifact contains (mixserve.artifact/v1) --------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_CORE_MANIFEST_H
#define MIXSERVE_RUNTIME_CORE_MANIFEST_H

#include "core/Status.h"
#include "kernels/Weight.h"

#include <cstdint>
#include <string>
#include <vector>

namespace mxs {

/// One file of the artifact. `blocks` is empty for files that are checked by `sha256` at load.
struct FileEntry {
  std::string path; ///< relative to the artifact folder, inside it
  int64_t bytes = 0;
  std::string sha256;
  int64_t blockBytes = 0;          ///< of every block but the last one
  std::vector<std::string> blocks; ///< XXH3-64 in hex
};

/// Row of the method table: the first one with tokens <= maxTokens is taken.
struct TableEntry {
  int64_t maxTokens = 0;
  int variant = 0; ///< index into Manifest::variants
  int chunks = 1;
  int microBatches = 1; ///< 2: the step in two halves, see MicroBatches.h
};

/// The cache of one layer: keys and values of each kv head, or (MLA) one latent row for all heads.
struct CacheEntry {
  int layer = 0;
  int kvHeads = 0;     ///< of one rank; 0 if latent
  int headDim = 0;     ///< 0 if latent
  bool isBf16 = false; ///< elements are bf16, else f32
  int latentDim = 0;   ///< L of a latent cache; 0 otherwise, as what follows
  int ropeDim = 0;     ///< R
  int heads = 0;       ///< A of one rank, that read the rows
  int nopeDim = 0;     ///< D of a head's query without position
  int valueDim = 0;    ///< V of a head's result

  bool isLatent() const { return latentDim > 0; }
  /// Numbers of a position.
  int64_t width() const {
    return isLatent() ? int64_t(latentDim) + ropeDim : 2 * int64_t(kvHeads) * headDim;
  }
};

struct ParamEntry {
  std::string name;    ///< tensor of the weight file; its scales, if any, are NAME.scale
  bool shared = false; ///< in weights/shared.safetensors, else in the rank's own file
  WeightLayout layout = WeightLayout::Plain;
  mxs_weight_type_t type = MXS_WEIGHT_F32;
  int64_t group = 0;       ///< inputs that share a scale, 0 without scales
  int64_t n = 0, k = 0;    ///< of a rank's part, 0 if plain
  bool hasExperts = false; ///< one matrix per local expert
};

/// manifest.json, checked in itself.
struct Manifest {
  std::string producer, triple, features, planHash;
  int64_t vocab = 0, hidden = 0, experts = 0;
  int topK = 0, layers = 0;
  std::vector<int64_t> moeLayers;
  std::vector<int64_t> eosTokens; ///< end-of-sequence ids; empty if the artifact names none
  int nodes = 1, devices = 1;
  bool hasBf16Wire = false; ///< rows between nodes are bf16, else f32
  int attnTp = 1, attnDp = 1, moeTp = 1, moeEp = 1;
  std::vector<std::string> variants;
  std::vector<TableEntry> table;
  int64_t maxBatchTokens = 0, maxContext = 0;
  int maxSeqs = 0; ///< cache slots of an attention group
  int64_t arenaBytes = 0, vocabLocal = 0;
  std::vector<CacheEntry> caches;
  std::vector<ParamEntry> params;
  std::vector<FileEntry> files;

  int ranks() const { return nodes * devices; }
  const FileEntry *file(const std::string &path) const;
  /// Index of a variant, -1 if the artifact has none of that name.
  int variantIndex(const std::string &name) const;
  /// The table's entry for a step of `tokens`, which is at most maxBatchTokens.
  const TableEntry &entryFor(int64_t tokens) const;

  /// Parses manifest.json. MXS_BAD_ARTIFACT: malformed, another schema, or contradictory.
  /// The ABI version is returned, not compared: that check comes after target and checksums.
  static Status parse(const std::string &text, Manifest &out, int &abi);
};

inline constexpr const char *kArtifactSchema = "mixserve.artifact/v1";
inline constexpr const char *kCodeFile = "code/model.so";
inline constexpr const char *kPlanFile = "plan.json";
inline constexpr const char *kSharedWeights = "weights/shared.safetensors";
/// "weights/rank-0003.safetensors".
std::string rankWeightsFile(int rank);

} // namespace mxs

#endif // MIXSERVE_RUNTIME_CORE_MANIFEST_H
