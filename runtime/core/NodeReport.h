//===- NodeReport.h - What a node tells node 0 of its ranks' work -----------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_CORE_NODEREPORT_H
#define MIXSERVE_RUNTIME_CORE_NODEREPORT_H

#include "comm/ByteCounters.h"
#include "comm/FlightRecorder.h"
#include "comm/Trace.h"
#include "core/Calls.h"
#include "core/Wire.h"

#include <set>
#include <string>
#include <vector>

namespace mxs {

/// Of one rank, in all steps [ns]: the parts together are the time in steps. Of a step in two
/// halves, which overlap, the times of both are in it.
struct RankTimes {
  int64_t compute = 0; ///< all that is no collective
  int64_t intra = 0;   ///< copying, adding and packing inside the node, with the pace of its links
  int64_t inter = 0;   ///< waiting for messages between nodes
  int64_t wait = 0;    ///< waiting for ranks of its node
};

/// Counters of the ranks of one node.
struct NodeReport {
  std::vector<CallCounts> calls, times; ///< of each device; times in ns
  std::vector<RankTimes> spent;         ///< of each device
  std::vector<ByteRow> bytes;           ///< empty for nodes that share node 0's counters

  std::string written() const;
  /// False: malformed, or not of `devices` devices and `ranks` ranks in all.
  bool read(const std::string &text, int devices, int ranks);
};

/// The last operations of ranks as text.
std::string writeFlights(const std::vector<RankFlight> &flights);
/// Appends what writeFlights wrote. False: malformed, or a rank outside [0, ranks).
bool readFlights(const std::string &text, int ranks, std::vector<RankFlight> &flights);

/// Trace events as text.
std::string writeEvents(const std::vector<TraceEvent> &events);
/// Appends what writeEvents wrote, all times moved by `shiftNs`. `names` keeps the names that the
/// events point to. False: malformed.
bool readEvents(const std::string &text, int64_t shiftNs, std::set<std::string> &names,
                std::vector<TraceEvent> &events);

} // namespace mxs

#endif // MIXSERVE_RUNTIME_CORE_NODEREPORT_H
