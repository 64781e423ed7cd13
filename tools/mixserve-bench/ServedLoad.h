//===- ServedLoad.h - What happened to the requests of a load -----*- C++ -*-===//
#ifndef MIXSERVE_TOOLS_BENCH_SERVEDLOAD_H
#define MIXSERVE_TOOLS_BENCH_SERVEDLOAD_H

#include "core/Status.h"
#include "mixserve_rt.h"
#include "tools/mixserve-bench/RequestLoad.h"

#include <nlohmann/json.hpp>

namespace mixserve::tools {

/// Submits requests to an engine when they arrive and hears what it tells. Latencies count from the
/// time at which a request should have arrived, not from that at which it could be submitted.
class ServedLoad {
public:
  /// A load for `engine`, whose first request gets the id `firstId`.
  ServedLoad(const std::vector<LoadedRequest> &requests, uint64_t firstId);

  /// Submits all, waits for their last events. MXS_* of the first request that failed.
  mxs::Status run(mxs_engine_t *engine);
  /// To be called for every event; ids that are not of this load are ignored.
  void hear(const mxs_event_t &event);

  double elapsed() const; ///< from the begin of the load to the last event [s]
  int64_t promptTokens() const;
  int64_t outputTokens() const;
  /// {ttft_s, itl_s, queued_s, request_s: {mean, p50, p99, most}}; null where there is no value.
  nlohmann::json latencies() const;

private:
  struct Served {
    double arrived = 0;           ///< [s] on the clock of bench::now()
    double queued = 0, ended = 0; ///< [s]
    std::vector<double> tokens;   ///< when each came
  };

  const std::vector<LoadedRequest> &requests;
  const uint64_t firstId;
  double begin = 0;
  std::vector<Served> served; ///< written by the engine's thread until the engine is idle
  mxs::Status failure;
};

/// {mean, p50, p99, most} by nearest rank, or null.
nlohmann::json summaryOf(std::vector<double> values);

} // namespace mixserve::tools

#endif // MIXSERVE_TOOLS_BENCH_SERVEDLOAD_H
