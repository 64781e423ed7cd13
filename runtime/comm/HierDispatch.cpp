//===- HierDispatch.cpp - hier-ep: each row once per node, forwarded inside it ------------------===//

#include "comm/Dispatch.h"
#include "comm/RowPacking.h"
#include "comm/ScheduleRunner.h"

#include <algorithm>

namespace mxs {

// Receives the lane's rows of every other node and lists to which devices they go.
static Status receiveLane(Call &call, std::vector<Offer> &lane, RoutedShape shape) {
  RankState &state = call.state;
  int slot = 0;
  return forOtherNodes(state.nodeIndex, 0, call.topo.nodes, [&](int node) {
    Received message;
    MXS_TRY(call.receive(slot++, call.site.op, message));
    MXS_TRY(openRows(message.payload, message.rows, message.bytes, 0,
                     call.rows.ownedRows(call.topo.rankOf(node, state.device)), shape.hidden,
                     shape.topK, lane[node]));
    return okStatus();
  });
}

static Status hierDispatchInChunks(Call &call, const RoutedRows &in, const RoutedRowsOut &out,
                                   RoutedShape shape) {
  mxs_ag_dispatch_t args = {};
  args.x = in.x;
  args.weights = in.weights;
  args.ids = in.ids;
  args.out_x = out.x;
  args.out_weights = out.weights;
  args.out_ids = out.ids;
  args.hidden = shape.hidden;
  args.top_k = shape.topK;
  return fusedDispatch(call, nullptr, args, kHierRows);
}

Status hierDispatch(Call &call, const RoutedRows &in, const RoutedRowsOut &out, RoutedShape shape) {
  RankState &state = call.state;
  if (state.chunks > 1)
    return hierDispatchInChunks(call, in, out, shape);
  Route &route = state.route;
  const int64_t hidden = shape.hidden, topK = shape.topK;
  const int64_t rowBytes = routedRowBytes(hidden, topK);
  const int nodes = call.topo.nodes, devices = call.topo.devices;
  clearLists(route.sent);
  MXS_TRY(addDestinationNodes(call, in.ids, 0, call.rows.ownedRows(state.self), topK));
  std::fill_n(out.ids, call.rows.totalRows() * topK, -1);

  int slot = 0;
  MXS_TRY(forOtherNodes(state.nodeIndex, 0, nodes, [&](int node) {
    const int source = call.topo.rankOf(node, state.device);
    return call.expect(source, 0, state.laneCapacity(source) * rowBytes, slot);
  }));
  MXS_TRY(forOtherNodes(state.nodeIndex, 0, nodes, [&](int node) {
    const std::vector<int32_t> &list = route.sent[node];
    const auto rows = static_cast<int64_t>(list.size());
    uint8_t *payload = nullptr;
    MXS_TRY(call.startMessage(rows * rowBytes, payload));
    packRows(payload, list.data(), rows, in, hidden, topK);
    return call.send(payload, call.topo.rankOf(node, state.device), 0, rows, rows * rowBytes,
                     call.site.op, rows * routedExactBytes(topK));
  }));

  std::vector<Offer> &lane = state.laneRows;
  const std::vector<int32_t> &own = route.sent[state.nodeIndex];
  lane[state.nodeIndex] = {own.data(), own.data(), static_cast<int64_t>(own.size()),
                           in.x,       in.weights, in.ids};
  MXS_TRY(receiveLane(call, lane, shape));
  route.isForwarded = true;
  clearLists(route.forwarded);
  clearLists(route.forwardedAt);
  for (int node = 0; node < nodes; ++node) {
    route.lane[node].assign(lane[node].index, lane[node].index + lane[node].count);
    addForwards(call, lane[node], node, topK);
    for (int i = node * devices; i < (node + 1) * devices; ++i)
      state.offers[i] = {route.forwarded[i].data(),
                         route.forwardedAt[i].data(),
                         static_cast<int64_t>(route.forwarded[i].size()),
                         lane[node].x,
                         lane[node].weights,
                         lane[node].ids};
  }

  Published shown;
  shown.offers = state.offers.data();
  MXS_TRY(call.enter(call.topo.node(state.nodeIndex), shown));
  for (int i = 0; i < devices; ++i) {
    const int device = (state.device + i) % devices;
    for (int node = 0; node < nodes; ++node)
      call.take(call.shownBy(device).offers[node * devices + state.device], device,
                call.topo.rankOf(node, device), out, hidden, topK, call.site.op);
  }
  call.doneReading();
  return call.leave();
}

void sumForwarded(Call &call, float *sums, int node, int64_t first, int64_t rows, int64_t hidden,
                  mxs_site_t op) {
  RankState &state = call.state;
  const Route &route = state.route;
  const std::vector<int32_t> &lane = route.lane[node];
  const ListRange part = rangeOf(lane, first, rows);
  const int64_t base = call.rows.globalBegin(call.topo.rankOf(node, state.device));
  std::fill_n(sums, part.count() * hidden, 0.0f);
  for (int device = 0; device < call.topo.devices; ++device) {
    const auto *from = static_cast<const float *>(call.shownBy(device).columns[0]);
    const std::vector<int32_t> &forwarded = route.forwarded[node * call.topo.devices + device];
    const ListRange here = rangeOf(forwarded, first, rows);
    int64_t at = part.begin;
    for (int64_t i = here.begin; i < here.end; ++i) {
      const int32_t row = forwarded[i];
      while (lane[at] != row)
        ++at;
      call.pullAdd(device, sums + (at - part.begin) * hidden, from + (base + row) * hidden, hidden,
                   op);
    }
  }
  call.settle();
}

Status needForwarded(Call &call) {
  if (call.state.route.isForwarded)
    return okStatus();
  return call.failure(MXS_INVALID_ARGUMENT,
                      "the rows were not dispatched by the method that combines them");
}

Status hierCombine(Call &call, const float *partial, float *out, int64_t hidden) {
  RankState &state = call.state;
  if (state.chunks > 1)
    return fusedCombine(call, partial, out, hidden, nullptr, nullptr, kHierRows);
  MXS_TRY(needForwarded(call));
  auto sum = [&](float *sums, int node) {
    const int64_t rows = call.rows.ownedRows(call.topo.rankOf(node, state.device));
    sumForwarded(call, sums, node, 0, rows, hidden, call.site.op);
  };
  MXS_TRY(expectNodeSums(call, hidden));
  Published shown;
  shown.columns[0] = partial;
  MXS_TRY(call.enter(call.topo.node(state.nodeIndex), shown));

  MXS_TRY(forOtherNodes(state.nodeIndex, 0, call.topo.nodes, [&](int node) {
    const auto rows = static_cast<int64_t>(state.route.lane[node].size());
    uint8_t *payload = nullptr;
    MXS_TRY(call.startMessage(rows * hidden * 4, payload));
    sum(reinterpret_cast<float *>(payload), node);
    return call.send(payload, call.topo.rankOf(node, state.device), 0, rows, rows * hidden * 4,
                     call.site.op);
  }));
  sum(state.ownSum.get(), state.nodeIndex);
  call.doneReading();
  MXS_TRY(addNodeSums(call, state.ownSum.get(), out, hidden));
  return call.leave();
}

} // namespace mxs
