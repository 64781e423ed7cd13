//===- StepSampler.h - The tokens of a step, on one rank -----------------------------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_CORE_STEPSAMPLER_H
#define MIXSERVE_RUNTIME_CORE_STEPSAMPLER_H

#include "core/Context.h"
#include "sample/Sampler.h"

namespace mxs {

/// Chooses, with the other ranks of the attention group, the next tokens of the group's sequences
/// from the logits that the model's code has left in the context.
class StepSampler {
public:
  /// Allocates everything for the artifact's largest step.
  Status create(const Manifest &manifest, const Topology &topology, int rank);
  /// Most bytes that it gives to one Communicator::share.
  static int64_t largestShare(const Manifest &manifest);

  /// Records the tokens of a group's sequences that ask nothing: those of an early half, before
  /// run() on the late one.
  void record(const StepPlan &plan, int group);
  /// After the model's code. `picks`: one per sequence of the group that asks logits, in order.
  /// Every rank of the group calls it in every step.
  Status run(const mxs_ctx &ctx, std::vector<Pick> &picks);

private:
  /// Records the tokens of the batch descriptor and fills `rows` from it.
  void collect(const mxs_ctx &ctx);

  Sampler sampler;
  std::vector<SampledRow> rows;
};

} // namespace mxs

#endif // MIXSERVE_RUNTIME_CORE_STEPSAMPLER_H
