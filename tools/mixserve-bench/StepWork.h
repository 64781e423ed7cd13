//===- StepWork.h - What a step must read and compute at least ----*- C++ -*-===//
#ifndef MIXSERVE_TOOLS_BENCH_STEPWORK_H
#define MIXSERVE_TOOLS_BENCH_STEPWORK_H

#include "core/Manifest.h"
#include <nlohmann/json.hpp>

namespace mixserve::tools {

/// A step: sequences of equal length that all add the same number of tokens.
struct StepShape {
  int64_t sequences = 1;
  int64_t tokensEach = 1;
  int64_t cached = 0; ///< positions of each sequence before the step

  int64_t tokens() const { return sequences * tokensEach; }
};

/// Sums over all ranks. Every byte is read once: weights that some token needs, the table rows of
/// the tokens, keys and values (latent rows) of the attended positions. Norms, activations and routing are left
/// out.
struct StepWork {
  double weightBytes = 0, cacheBytes = 0;
  double flops[4] = {}; ///< by the mxs_weight_type_t of the weights; attention computes in f32

  double bytes() const { return weightBytes + cacheBytes; }
  double allFlops() const { return flops[0] + flops[1] + flops[2] + flops[3]; }
};

/// `expertsTouched`: distinct experts that a layer's tokens choose, on average over the layers.
/// `heads`: query heads of the model.
StepWork workOf(const mxs::Manifest &manifest, int64_t heads, const StepShape &shape,
                double expertsTouched);

/// Mean number of distinct experts per layer of each step of a routing trace
/// (mixserve.routing/v1).
std::vector<double> expertsTouched(const nlohmann::json &trace);

} // namespace mixserve::tools

#endif // MIXSERVE_TOOLS_BENCH_STEPWORK_H
