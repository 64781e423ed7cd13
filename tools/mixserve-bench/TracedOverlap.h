//===- TracedOverlap.h - What a trace shows to be hidden ----------*- C++ -*-===//
#ifndef MIXSERVE_TOOLS_BENCH_TRACEDOVERLAP_H
#define MIXSERVE_TOOLS_BENCH_TRACEDOVERLAP_H

#include "comm/Trace.h"

namespace mixserve::tools {

/// Of one rank, or of the mean of several, in seconds.
struct TracedOverlap {
  double inter = 0; ///< some message from or to its node was on its way
  double intra = 0; ///< it moved rows inside its node: "reduce" and "gather", not waiting for them
  double both = 0;  ///< at the same time
  /// Of the shorter one, the part during which the other one worked, too; 0 without one.
  double hidden() const;
  void add(const TracedOverlap &other, double times) {
    inter += times * other.inter;
    intra += times * other.intra;
    both += times * other.both;
  }
};

/// Means over the ranks [firstRank, endRank), which are those of one node, from the events of a
/// fused layer.
TracedOverlap overlapOf(const std::vector<mxs::TraceEvent> &events, int firstRank, int endRank);

} // namespace mixserve::tools

#endif // MIXSERVE_TOOLS_BENCH_TRACEDOVERLAP_H
