//===- StepResult.h - What the ranks of a step send to node 0 ---------------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_CORE_STEPRESULT_H
#define MIXSERVE_RUNTIME_CORE_STEPRESULT_H

#include "core/StepPlan.h"
#include "core/Wire.h"

#include <vector>

namespace mxs {

/// One rank's part. Rows are the asked rows of its attention group; columns its part of the
/// vocabulary.
struct RankResult {
  std::vector<float> best;        ///< largest logit of each row; NaN if the row has a NaN
  std::vector<int32_t> bestToken; ///< its token id, the lowest of equal ones
  std::vector<float> logits;      ///< [rows, vocab_local] if the batch wants logits, else empty
  std::vector<std::vector<int32_t>> routing; ///< [moe layers][owned rows * K] if it wants routing

  /// `logits` [rows, columns]; token ids start at `firstToken`.
  void setLogits(const float *logits, int64_t rows, int64_t columns, int32_t firstToken, bool keep);

  void write(ByteWriter &out) const;
  void read(ByteReader &in);
};

/// Checks that every rank's result has the size that the plan says. MXS_INTERNAL otherwise.
Status checkResults(const StepPlan &plan, const Topology &topology, const Manifest &manifest,
                    const std::vector<RankResult> &ranks);

/// Rows of the step whose logits are asked, over all groups.
int64_t askedRows(const Batch &batch);

/// Puts the vocabulary parts together: logits [asked rows, V] in batch order.
void mergeLogits(const StepPlan &plan, const Topology &topology,
                 const std::vector<RankResult> &ranks, int64_t vocabLocal, float *logits);

/// Greedy token of each sequence's last asked row, -1 without one. MXS_INTERNAL: logits of such a
/// row are not numbers.
Status mergeTokens(const StepPlan &plan, const Topology &topology,
                   const std::vector<RankResult> &ranks, int32_t *tokens);

} // namespace mxs

#endif // MIXSERVE_RUNTIME_CORE_STEPRESULT_H
