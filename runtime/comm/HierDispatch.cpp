//===- HierDispatch.cpp - hier-ep: each row once per node, forwarded inside it ------------------===//

#include "comm/Dispatch.h"
#include "comm/RowPacking.h"

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

Status hierDispatch(Call &call, const RoutedRows &in, const RoutedRowsOut &out, RoutedShape shape) {
  RankState &state = call.state;
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
                     call.site.op);
  }));

  std::vector<Offer> &lane = state.laneRows;
  const std::vector<int32_t> &own = route.sent[state.nodeIndex];
  lane[state.nodeIndex] = {own.data(), own.data(), static_cast<int64_t>(own.size()),
                           in.x,       in.weights, in.ids};
  MXS_TRY(receiveLane(call, lane, shape));
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

// sums[i,:] = the partial rows of lane row i of `node`, added over this node's devices in
// ascending order.
static void sumForwarded(Call &call, float *sums, int node, int64_t hidden) {
  RankState &state = call.state;
  const Route &route = state.route;
  const std::vector<int32_t> &rows = route.lane[node];
  const int64_t base = call.rows.globalBegin(call.topo.rankOf(node, state.device));
  std::fill_n(sums, static_cast<int64_t>(rows.size()) * hidden, 0.0f);
  for (int device = 0; device < call.topo.devices; ++device) {
    const auto *from = static_cast<const float *>(call.shownBy(device).columns[0]);
    size_t i = 0;
    for (int32_t row : route.forwarded[node * call.topo.devices + device]) {
      while (rows[i] != row)
        ++i;
      call.pullAdd(device, sums + i * hidden, from + (base + row) * hidden, hidden, call.site.op);
    }
  }
  call.settle();
}

Status hierCombine(Call &call, const float *partial, float *out, int64_t hidden) {
  RankState &state = call.state;
  MXS_TRY(expectNodeSums(call, hidden));
  Published shown;
  shown.columns[0] = partial;
  MXS_TRY(call.enter(call.topo.node(state.nodeIndex), shown));

  MXS_TRY(forOtherNodes(state.nodeIndex, 0, call.topo.nodes, [&](int node) {
    const auto rows = static_cast<int64_t>(state.route.lane[node].size());
    uint8_t *payload = nullptr;
    MXS_TRY(call.startMessage(rows * hidden * 4, payload));
    sumForwarded(call, reinterpret_cast<float *>(payload), node, hidden);
    return call.send(payload, call.topo.rankOf(node, state.device), 0, rows, rows * hidden * 4,
                     call.site.op);
  }));
  sumForwarded(call, state.ownSum.get(), state.nodeIndex, hidden);
  call.doneReading();
  MXS_TRY(addNodeSums(call, state.ownSum.get(), out, hidden));
  return call.leave();
}

} // namespace mxs
