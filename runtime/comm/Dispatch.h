//===- Dispatch.h - The routed collectives, by method ---------------------------------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_COMM_DISPATCH_H
#define MIXSERVE_RUNTIME_COMM_DISPATCH_H

#include "comm/Call.h"

namespace mxs {

struct RoutedShape {
  int64_t hidden, topK;
};

// Destinations.cpp: Route::sent from the ids of `rows` owned rows starting at `first`; rows are
// appended in ascending order. MXS_INVALID_ARGUMENT: an id outside [-1, E).
Status addDestinationRanks(Call &call, const int32_t *ids, int64_t first, int64_t rows,
                           int64_t topK);
Status addDestinationNodes(Call &call, const int32_t *ids, int64_t first, int64_t rows,
                           int64_t topK);
/// Marks, for every row of `offer`, the devices of this node that hold one of its experts:
/// Route::forwarded[node * D + device].
void addForwards(Call &call, const Offer &offer, int node, int64_t topK);
void clearLists(std::vector<std::vector<int32_t>> &lists);

Status flatDispatch(Call &call, const RoutedRows &in, const RoutedRowsOut &out, RoutedShape shape);
Status flatCombine(Call &call, const float *partial, float *out, int64_t hidden);

/// Both in one piece, or, if the step has several chunks, by the schedules of the fused pair: the
/// network moves chunk i + 1 while chunk i is forwarded. Bitwise equal at every chunk count.
Status hierDispatch(Call &call, const RoutedRows &in, const RoutedRowsOut &out, RoutedShape shape);
Status hierCombine(Call &call, const float *partial, float *out, int64_t hidden);
/// MXS_INVALID_ARGUMENT: the last dispatch kept no list of who got which row.
Status needForwarded(Call &call);
/// sums[i,:] = the partial rows of the i-th of the lane's rows of `node` in [first, first + rows),
/// added over the devices of this node that they were forwarded to, in ascending order.
void sumForwarded(Call &call, float *sums, int node, int64_t first, int64_t rows, int64_t hidden,
                  mxs_site_t op);

/// OWNED -> LANE.
Status hybridDispatch(Call &call, const RoutedRows &in, const RoutedRowsOut &out,
                      RoutedShape shape);
/// LANE -> RECEIVED: rows with some id >= 0.
Status gatherLanes(Call &call, const RoutedRows &in, const RoutedRowsOut &out, RoutedShape shape);
/// RECEIVED -> LANE: the rows that gatherLanes gathered from this lane; zero elsewhere.
Status reduceToLane(Call &call, const float *partial, float *out, int64_t hidden);
/// LANE -> OWNED.
Status hybridCombine(Call &call, const float *lane, float *out, int64_t hidden);

/// What a lane gives its node of the rows that came, and as what that is counted.
struct LaneRows {
  enum Form {
    Gathered, ///< every row to every rank, needs MoE TP groups inside the nodes
    Forwarded ///< each row to the ranks that hold one of its experts
  } form;
  mxs_site_t spread, sum;
};
/// Of hier-ep in chunks.
constexpr LaneRows kHierRows = {LaneRows::Forwarded, MXS_SITE_DISPATCH, MXS_SITE_COMBINE};
/// Of the fused pair. Where every rank of a node holds a part of every expert of the node, each row
/// goes to all of them; else only to those that hold one of its experts. The sums are the same: what
/// other ranks would add is zero.
inline LaneRows fusedRows(const Topology &topo) {
  return {topo.moeTp == topo.devices ? LaneRows::Gathered : LaneRows::Forwarded,
          MXS_SITE_DISPATCH_AG, MXS_SITE_COMBINE_RS};
}
/// `args.partial` needs an attention group inside a node.
Status fusedDispatch(Call &call, mxs_ctx_t *ctx, const mxs_ag_dispatch_t &args, LaneRows rows);
/// `after`: null, or what follows inside the schedule.
Status fusedCombine(Call &call, const float *partial, float *out, int64_t hidden, mxs_ctx_t *ctx,
                    const GatherAfter *after, LaneRows rows);

/// Sums that came home: out[row,:] += rows[i,:] for the i-th row of `list`.
void addRows(float *out, const float *rows, const std::vector<int32_t> &list, int64_t begin,
             int64_t end, int64_t hidden);

/// Posts the receives of this rank's node sums (Route::sent) from its lane on the other nodes.
Status expectNodeSums(Call &call, int64_t hidden);
/// out = the node sums of this rank's rows, added in ascending node. `ownSum`: those of its own
/// node, one per row of Route::sent[own node].
Status addNodeSums(Call &call, const float *ownSum, float *out, int64_t hidden);

/// Checks that a message holds the `rows` rows of `width` floats that the route promised.
Status checkSums(Call &call, const Received &message, int64_t rows, int64_t width, int source,
                 int chunk);

} // namespace mxs

#endif // MIXSERVE_RUNTIME_COMM_DISPATCH_H
