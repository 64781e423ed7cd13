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

Status hierDispatch(Call &call, const RoutedRows &in, const RoutedRowsOut &out, RoutedShape shape);
Status hierCombine(Call &call, const float *partial, float *out, int64_t hidden);

/// OWNED -> LANE.
Status hybridDispatch(Call &call, const RoutedRows &in, const RoutedRowsOut &out,
                      RoutedShape shape);
/// LANE -> RECEIVED: rows with some id >= 0.
Status gatherLanes(Call &call, const RoutedRows &in, const RoutedRowsOut &out, RoutedShape shape);
/// RECEIVED -> LANE: the rows that gatherLanes gathered from this lane; zero elsewhere.
Status reduceToLane(Call &call, const float *partial, float *out, int64_t hidden);
/// LANE -> OWNED.
Status hybridCombine(Call &call, const float *lane, float *out, int64_t hidden);

/// Both need MoE TP groups inside the nodes; `args.partial` an attention group inside a node.
Status fusedDispatch(Call &call, mxs_ctx_t *ctx, const mxs_ag_dispatch_t &args);
/// `after`: null, or what follows inside the schedule.
Status fusedCombine(Call &call, const float *partial, float *out, int64_t hidden, mxs_ctx_t *ctx,
                    const GatherAfter *after);

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
