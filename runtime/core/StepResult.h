//===- StepResult.h - What the ranks of a step send to node 0 ---------------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_CORE_STEPRESULT_H
#define MIXSERVE_RUNTIME_CORE_STEPRESULT_H

#include "core/StepPlan.h"
#include "core/Wire.h"
#include "sample/Sampler.h"

#include <vector>

namespace mxs {

/// One rank's part. Rows are the asked rows of its attention group; columns its part of the
/// vocabulary.
struct RankResult {
  std::vector<Pick> picks;   ///< of every sequence of the group that asks logits
  std::vector<float> logits; ///< [rows, vocab_local] if the batch wants logits, else empty
  std::vector<std::vector<int32_t>> routing; ///< [moe layers][owned rows * K] if it wants routing

  /// Allocates for the picks of the artifact's largest step. What is asked beside tokens, logits and
  /// routing, gets its memory when it is asked first.
  void reserve(const Manifest &manifest);
  /// Bytes that write() makes at most of picks alone.
  static size_t largestBytes(const Manifest &manifest);
  /// Empties it; its memory stays.
  void clear();
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

/// The token of each sequence, [sequences]; `token` is negative without one (Pick's constants).
void mergePicks(const StepPlan &plan, const Topology &topology,
                const std::vector<RankResult> &ranks, std::vector<Pick> &picks);

} // namespace mxs

#endif // MIXSERVE_RUNTIME_CORE_STEPRESULT_H
