//===- StepBench.h - Times of whole steps beside their bound ------*- C++ -*-===//
#ifndef MIXSERVE_TOOLS_BENCH_STEPBENCH_H
#define MIXSERVE_TOOLS_BENCH_STEPBENCH_H

#include "core/Status.h"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace mixserve::tools {

struct StepBenchOptions {
  std::string artifact, routingFile; ///< the trace of the run is written to `routingFile`
  int64_t prompt = 512;              ///< tokens of the prefill
  int64_t context = 128;             ///< tokens in the cache of each decoding sequence
  std::vector<int64_t> batches = {1, 8};
  int64_t warmUps = 3, repetitions = 15;
  int64_t ceilingMib = 512; ///< memory that is read to measure the bandwidth [MiB]
  uint64_t deadlineNs = 30'000'000'000;
};

/// Runs prefill and decode steps, measures the machine before each, and adds to `result` what
/// README.md lists. What does not fit the artifact's limits is left out and named in "skipped".
mxs::Status runStepBench(const StepBenchOptions &options, nlohmann::json &result);

} // namespace mixserve::tools

#endif // MIXSERVE_TOOLS_BENCH_STEPBENCH_H
