//===- ServeBench.h - A request load through the engine -----------*- C++ -*-===//
#ifndef MIXSERVE_TOOLS_BENCH_SERVEBENCH_H
#define MIXSERVE_TOOLS_BENCH_SERVEBENCH_H

#include "core/Status.h"
#include "tools/mixserve-bench/RequestLoad.h"

#include <nlohmann/json.hpp>
#include <string>

namespace mixserve::tools {

struct ServeBenchOptions {
  std::string artifact, method, trace; ///< empty: by the artifact's table, no trace
  LoadOptions load;
  int64_t warmUps = 4; ///< requests before the load, not counted
  int64_t maxRunning = 0, maxPrefillChunk = 0, chunks = 0,
          microBatches = 0;                                ///< 0: the runtime's default
  int64_t paceInter = 0, paceIntra = 0;                    ///< [ns/MiB]
  uint64_t latencyNs = 0, deadlineNs = 30'000'000'000;
  bool launched = false; ///< mpirun or srun started a process per node, and this is one of them
};

/// Opens the artifact, runs the load, and adds to `result` what README.md lists. Of several
/// processes, those of nodes other than 0 take part in its steps and set `result` to null.
mxs::Status runServeBench(const ServeBenchOptions &options, nlohmann::json &result);

} // namespace mixserve::tools

#endif // MIXSERVE_TOOLS_BENCH_SERVEBENCH_H
