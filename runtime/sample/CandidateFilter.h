//===- CandidateFilter.h - min-p, top-k and top-p on sorted candidates ---------------*- C++ -*-===//
//
// All three keep a prefix of the vocabulary sorted by falling logit, so only its beginning has to be
// known. The lists of the ranks are merged as far as the filters ask.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_RUNTIME_SAMPLE_CANDIDATEFILTER_H
#define MIXSERVE_RUNTIME_SAMPLE_CANDIDATEFILTER_H

#include "sample/LogitsRow.h"
#include "core/Sampling.h"

#include <vector>

namespace mxs {

/// The first candidates of one part of the vocabulary, sorted.
struct CandidateList {
  const Candidate *items = nullptr;
  int64_t count = 0;
  bool whole = false; ///< the part has no others
};

/// Distribution of a row before filtering: logits are divided by the temperature already.
struct RowMass {
  float max = 0;   ///< largest logit of the vocabulary
  double mass = 0; ///< sum of exp(logit - max) over the vocabulary
};

class CandidateFilter {
public:
  /// Room for `capacity` kept candidates of at most `lists` lists.
  void create(int64_t capacity, int lists);

  /// Draws a token from what min-p, top-k and top-p (in this order, as in vLLM) leave of the
  /// distribution. `uniform` in [0, 1) selects in order of falling logit. The lists are the parts of
  /// one vocabulary. Returns -1 if they are too short to know what is left.
  int32_t draw(const mxs_sampling_t &sampling, const std::vector<CandidateList> &lists,
               const RowMass &row, double uniform);

  /// What the last draw kept, in falling order. Empty after a draw that gave -1.
  const std::vector<Candidate> &kept() const { return tokens; }

private:
  enum class Pulled { One, Exhausted, Unknown };
  /// Takes the next candidate of all lists. Unknown: it may be one that no list holds.
  Pulled pull(const std::vector<CandidateList> &lists, Candidate &next);
  bool keepByCountAndRatio(const mxs_sampling_t &sampling, const std::vector<CandidateList> &lists,
                           float max);
  bool keepByMass(float topP, const std::vector<CandidateList> &lists, const RowMass &row);
  void keep(const Candidate &candidate, double weight);
  /// Shortens what is kept to the shortest prefix that has `topP` of its mass.
  void cutToMass(float topP);

  std::vector<Candidate> tokens;
  std::vector<double> weights;
  std::vector<int64_t> heads; ///< next item of each list
  double total = 0;           ///< sum of weights
};

} // namespace mxs

#endif // MIXSERVE_RUNTIME_SAMPLE_CANDIDATEFILTER_H
