//===- LayerBench.h - Times of a MoE layer by every method --------*- C++ -*-===//
#ifndef MIXSERVE_TOOLS_BENCH_LAYERBENCH_H
#define MIXSERVE_TOOLS_BENCH_LAYERBENCH_H

#include "tools/mixserve-bench/LayerMesh.h"
#include "tools/mixserve-bench/Median.h"

#include <nlohmann/json.hpp>

namespace mixserve::tools {

struct LayerBenchOptions {
  LayerShape shape;
  LayerLinks links;
  std::vector<LayerMethod> methods;
  int64_t rounds = 7, warmUps = 1;
  int64_t tracedRounds = 3; ///< after them, of the fused methods
  uint64_t deadlineNs = 30'000'000'000;
};

/// Runs all methods one after another, `rounds` times. `result`: {links, shape, rounds, methods:
/// [...]} of mixserve.bench/v1; on other nodes than node 0 nothing.
mxs::Status runLayerBench(const LayerBenchOptions &options, mxs::MpiProcess *mpi,
                          nlohmann::json &result);

} // namespace mixserve::tools

#endif // MIXSERVE_TOOLS_BENCH_LAYERBENCH_H
