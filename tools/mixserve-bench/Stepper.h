//===- Stepper.h - Steps a model with made-up sequences -----------*- C++ -*-===//
#ifndef MIXSERVE_TOOLS_BENCH_STEPPER_H
#define MIXSERVE_TOOLS_BENCH_STEPPER_H

#include "mixserve_rt.h"
#include "tools/mixserve-bench/StepWork.h"

#include <string>

namespace mixserve::tools {

/// Steps with tokens that differ, so that the router has something to choose. Sampling is greedy.
class Stepper {
public:
  Stepper(mxs_model_t *model, const mxs::Manifest &manifest) : model(model), manifest(manifest) {}

  /// Why the artifact cannot run a step of `shape`, or nothing.
  std::string whyTooLarge(const StepShape &shape) const;
  /// Fills the caches of `shape.sequences` sequences up to `shape.cached`.
  mxs::Status fill(const StepShape &shape);
  /// Runs one step of `shape` and measures its time [s].
  mxs::Status step(const StepShape &shape, double &seconds);
  /// Steps so far.
  size_t count() const { return steps; }

private:
  mxs_model_t *model;
  const mxs::Manifest &manifest;
  uint64_t state = 1; ///< of the generator of token ids
  size_t steps = 0;
};

} // namespace mixserve::tools

#endif // MIXSERVE_TOOLS_BENCH_STEPPER_H
