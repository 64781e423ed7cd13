//===- Trace.h - Events of ranks and links as a Chrome trace ------------------------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_COMM_TRACE_H
#define MIXSERVE_RUNTIME_COMM_TRACE_H

#include "comm/Site.h"
#include "core/Status.h"

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

namespace mxs {

/// Nanoseconds of the steady clock; the time base of traces, deadlines and pacing.
int64_t steadyNs();

struct TraceEvent {
  const char *name; ///< static storage: "reduce", "region", "send", "in-flight", "gather", ...
  Site site;
  int source;             ///< rank of the track; for a link event the sending rank
  int target;             ///< receiving rank of a link event, -1 for a rank's own event
  int chunk;              ///< -1: not chunked
  int peer;               ///< rank or node that the step is about, of several the first; -1: none
  int64_t beginNs, endNs; ///< steadyNs()
  int stream = 0;         ///< of a rank's own event
};

/// Thread-safe; does nothing unless enabled.
class Trace {
public:
  Trace(bool enabled, int devices);

  bool enabled() const { return on.load(std::memory_order_relaxed); }
  /// From now on; events that have begun may be missed.
  void enable(bool value) { on.store(value, std::memory_order_relaxed); }
  void add(const TraceEvent &event);
  std::vector<TraceEvent> events() const;
  void clear();

  /// Trace Event Format: complete events, one track per rank (pid = node, tid = rank), one more for
  /// each further stream of a rank (tid = ranks x stream + rank), and one per link that carried a
  /// message (pid = number of the last node + 1). Times in us since creation.
  std::string json() const { return json(events()); }
  /// The same for other events, for example of several processes.
  std::string json(const std::vector<TraceEvent> &all) const;

private:
  std::atomic<bool> on;
  int devices;
  int64_t origin;
  mutable std::mutex mutex;
  std::vector<TraceEvent> list;
};

} // namespace mxs

#endif // MIXSERVE_RUNTIME_COMM_TRACE_H
