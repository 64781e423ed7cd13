//===- Sampler.h - How a rank takes part in choosing tokens --------------------------*- C++ -*-===//
//
// The logits of a group's rows are sharded over the vocabulary: each rank holds consecutive ids.
// What travels between the ranks of the group (README.md has the protocol):
//   greedy             nothing: each rank hands its best one on, node 0 compares;
//   temperature alone  a summary of 32 bytes per row and rank: the rank that the random number
//                      falls on walks its own part;
//   top-k/top-p/min-p  the summary and the first candidates of each rank; whole parts only of rows
//                      whose filters keep more than those.
// All ranks of the group see the same numbers and come to the same end without asking each other.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_RUNTIME_SAMPLE_SAMPLER_H
#define MIXSERVE_RUNTIME_SAMPLE_SAMPLER_H

#include "sample/CandidateFilter.h"
#include "sample/TokenHistory.h"

#include <functional>
#include <memory>
#include <vector>

namespace mxs {

/// One sequence of the group whose next token is asked.
struct SampledRow {
  const float *logits = nullptr; ///< this rank's part, [vocabLocal]
  int slot = 0;
  int64_t length = 0;            ///< tokens of the sequence so far: the position of the next one
  mxs_sampling_t sampling{};
};

/// What a rank says about a row. Of all ranks of the group, the one with a token and the largest
/// value has the token.
struct Pick {
  static constexpr int32_t kElsewhere = -1; ///< another rank has it
  static constexpr int32_t kNotFinite = -2; ///< a logit is NaN or infinite

  int32_t token = kElsewhere;
  float value = 0;
  float logprob = 0; ///< NaN unless asked
};

class Sampler {
public:
  struct Shape {
    int parts = 1;          ///< ranks of the group
    int part = 0;           ///< this one
    int64_t vocabLocal = 0; ///< logits of each part
    int maxRows = 0;        ///< sequences of the group in a step
    int slots = 0;
    int64_t capacity = 0;   ///< positions of a slot
  };
  /// Gives every rank of the group the `bytes` bytes of all of them, in rank order.
  using Exchange = std::function<Status(const void *own, void *all, int64_t bytes)>;

  /// Allocates everything; later calls allocate nothing.
  Status create(const Shape &shape);
  /// Most bytes that one exchange gives to each rank.
  static int64_t largestExchange(const Shape &shape);

  TokenHistory &history() { return past; }

  /// Fills picks [rows]. Every rank of the group passes the same rows, but for `logits`.
  Status pick(const std::vector<SampledRow> &rows, const Exchange &exchange,
              std::vector<Pick> &picks);

private:
  struct Summary;

  const float *processed(const SampledRow &row);
  void penalize(const SampledRow &row, float *logits);
  int64_t listedOf(const mxs_sampling_t &sampling) const;
  Summary summarize(const SampledRow &row, Candidate *listed);
  Status decide(const SampledRow &row, const Exchange &exchange, size_t index, int64_t listAt,
                int64_t recordBytes, Pick &pick);
  Status drawFiltered(const SampledRow &row, const Exchange &exchange, const RowMass &mass,
                      double uniform, int64_t listAt, int64_t recordBytes, int32_t &token);
  Status drawFromAll(const SampledRow &row, const Exchange &exchange, const RowMass &mass,
                     double uniform, int32_t &token);
  /// The token that `uniform` falls on in vocabulary order, or kElsewhere.
  int32_t drawPlain(const SampledRow &row, const RowMass &mass, double uniform, size_t index,
                    int64_t recordBytes);
  Summary summaryOf(int part, size_t index, int64_t recordBytes) const;

  Shape shape;
  int32_t firstToken = 0;
  TokenHistory past;
  TopCandidates top;
  CandidateFilter filter;
  std::vector<CandidateList> lists;
  std::vector<uint32_t> seen; ///< [vocabLocal] the last penalize() that met the token
  uint32_t epoch = 0;
  std::unique_ptr<float[]> scratch, whole; ///< [vocabLocal]; [parts * vocabLocal]
  std::unique_ptr<Candidate[]> sorted;     ///< [parts * vocabLocal]
  std::unique_ptr<uint8_t[]> own, all;     ///< records: summaries of the rows, then their lists
};

} // namespace mxs

#endif // MIXSERVE_RUNTIME_SAMPLE_SAMPLER_H
