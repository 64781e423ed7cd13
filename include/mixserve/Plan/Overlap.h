//===- Overlap.h - Time of the fused collectives' schedules ------*- C++ -*-===//
//
// The runtime's schedules (runtime/comm/DispatchSchedule.cpp, CombineSchedule.cpp) on a rank like
// all others: its thread does one step after the other, and the network moves what was sent beside
// it, in order. With k = 0 .. C-1, t the thread's clock and n the network's:
//   ag_dispatch  for each k: t += reduce; n = max(n, t) + network; arrived[k] = n + latency
//                for each k: t += own; t = max(t, arrived[k]); t += other
//   rs_combine   for each k: t += reduce; n = max(n, t) + network; arrived[k] = n + latency
//                for each k: t += own; k > 0: t += gather; t = max(t, arrived[k])
//                at the end: t += gather
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_PLAN_OVERLAP_H
#define MIXSERVE_PLAN_OVERLAP_H

#include <cstdint>

namespace mixserve::planner {

/// What one of the C chunks takes [ns].
struct DispatchChunk {
  double reduceNs = 0;  ///< sums of attention's partial rows (attn_rs)
  double networkNs = 0; ///< of the messages to and from other nodes
  double latencyNs = 0; ///< until the last byte of a message has arrived
  double ownNs = 0;     ///< gathering rows that this node's ranks own: waits for no message
  double otherNs = 0;   ///< gathering rows that have arrived
};
struct CombineChunk {
  double reduceNs = 0; ///< sums over the node for rows of other nodes
  double networkNs = 0;
  double latencyNs = 0;
  double ownNs = 0;    ///< sums for the rank's own rows: waits for no message
  double gatherNs = 0; ///< gathering the next attention's rows (attn_ag)
};

/// Time until all chunks are through. Worked, C = 4: {0, 250, 0, 125, 125} -> 1125 ns: own rows
/// of all chunks and all but the last arrived rows are gathered while the network works.
double dispatchTime(const DispatchChunk &chunk, int64_t chunks);
/// Worked, C = 4: {0, 250, 0, 0, 250} -> 1250 ns: the network takes 1000 ns, and the gather of the
/// last chunk remains.
double combineTime(const CombineChunk &chunk, int64_t chunks);

} // namespace mixserve::planner

#endif // MIXSERVE_PLAN_OVERLAP_H
