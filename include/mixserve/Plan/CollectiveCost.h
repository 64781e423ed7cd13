//===- CollectiveCost.h - Time of the step's communication -------*- C++ -*-===//
//
// One stage of a collective moves its bytes over one link class. With alpha = latency [ns] and
// B = bandwidth [byte/ns], and B_s for the first b bytes if the cluster file gives a slower start:
//   t(S) = alpha + min(S, b) / B_s + max(0, S - b) / B    [ns]; 0 if nothing moves
// S is what the busiest rank sends or receives (links are full duplex); with `per: node`, what the
// busiest node does. Why two segments: fitted to public collective tables they miss by 2-8 %
// (13 % in the worst set), a single segment by 7-19 %.
// Worked: alpha = 5000 ns, B = 50 byte/ns, S = 1 MiB -> 5000 + 1048576 / 50 = 25971.52 ns.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_PLAN_COLLECTIVECOST_H
#define MIXSERVE_PLAN_COLLECTIVECOST_H

#include "mixserve/Plan/ByteCount.h"
#include "mixserve/Plan/ClusterFile.h"

#include <algorithm>
#include <initializer_list>

namespace mixserve::planner {

/// t(S) above for `bytes` over `link`.
double transferTime(const LinkSpec &link, double bytes);

/// One stage of an op: what its links are busy with.
struct StageLoad {
  Link link = Link::Intra;
  double outBytes = 0; ///< of the busiest sender
  double inBytes = 0;  ///< of the busiest receiver

  /// Of the busier direction.
  double bytes() const { return std::max(outBytes, inBytes); }
};

/// What `ops` together move over `link`, at the busiest rank (or node, if the link is per node).
StageLoad stageLoad(const Cluster &cluster, const ByteTable<double> &table,
                    std::initializer_list<CommOp> ops, Link link);

/// Time of an op run alone: both link classes one after the other (hierarchical collectives depend
/// on the first), except flat-ep, whose messages are independent: the slower class.
double opTime(const Cluster &cluster, const ByteTable<double> &table, CommOp op, bool independent);

/// Time of a layer's MoE communication by any method but hybrid-fused: the ops in sequence, but
/// hier-ep over several chunks by `forwardedTime`, and flat-ep less what `earlyAnswerBytes`
/// (EarlyAnswers.h) take between nodes, but no less than its rows inside nodes take.
double expertCommTime(const Cluster &cluster, const ByteTable<double> &table, Method method,
                      int64_t chunks);

/// Time of hybrid-fused: two fused ops over `chunks`, by their schedules (Overlap.h):
///   ag_dispatch = [attn_rs ->] dispatch -> dispatch_ag,
///   rs_combine = combine_rs -> combine [-> attn_ag of the next layer].
/// A stage inside the node takes t(S / C) per chunk; between nodes S / C / B on the network, and
/// arrives alpha later. attn_rs and attn_ag take part unless the attention group spans nodes; then
/// they are not included here.
struct FusedTime {
  double agDispatchNs = 0;
  double rsCombineNs = 0;
  bool includesAttention = false; ///< attn_rs and attn_ag
};
FusedTime fusedTime(const Cluster &cluster, const Layout &layout, const ByteTable<double> &table,
                    int64_t chunks);

/// Time of hier-ep's dispatch and combine over several chunks: the same schedules, where a lane
/// forwards a row to the ranks that need it in place of giving it to all, and nothing of attention
/// takes part. One chunk is run in one piece instead, see expertCommTime.
double forwardedTime(const Cluster &cluster, const ByteTable<double> &table, int64_t chunks);

/// A layer's communication: attention's all_gather and reduce_scatter, dispatch and combine, as
/// fitted to what was measured of the method if the cluster has that (Calibration.h). hybrid-fused:
/// `moeNs` holds the attn_rs and the attn_ag that it hides. `tokens`: of the step; `wire`: what
/// `table` was counted with.
struct LayerCommTime {
  double attnNs = 0, moeNs = 0;
  double processorNs = 0; ///< of both, what keeps processors busy; 0 if nothing was measured
  double total() const { return attnNs + moeNs; }
};
LayerCommTime layerCommTime(const Cluster &cluster, const Layout &layout, Method method,
                            int64_t chunks, double tokens, const ByteTable<double> &table,
                            WireType wire);

} // namespace mixserve::planner

#endif // MIXSERVE_PLAN_COLLECTIVECOST_H
