//===- FlatDispatch.cpp - flat-ep: each row once per destination rank ---------------------------===//

#include "comm/Dispatch.h"
#include "comm/RowPacking.h"

#include <algorithm>

namespace mxs {

// The ranks of the other nodes, lane by lane, starting after this node: rank i posts its receives
// and sends in this order, so slot numbers follow from it.
template <class Action> static Status forRemoteRanks(Call &call, Action action) {
  const RankState &state = call.state;
  return forOtherNodes(state.nodeIndex, 0, call.topo.nodes, [&](int node) {
    for (int i = 0; i < call.topo.devices; ++i)
      MXS_TRY(action(call.topo.rankOf(node, (state.device + i) % call.topo.devices)));
    return okStatus();
  });
}

Status flatDispatch(Call &call, const RoutedRows &in, const RoutedRowsOut &out, RoutedShape shape) {
  RankState &state = call.state;
  Route &route = state.route;
  const int64_t hidden = shape.hidden, topK = shape.topK;
  const int64_t rowBytes = routedRowBytes(hidden, topK);
  const mxs_site_t op = call.site.op;
  route.isForwarded = false;
  clearLists(route.sent);
  MXS_TRY(addDestinationRanks(call, in.ids, 0, call.rows.ownedRows(state.self), topK));
  std::fill_n(out.ids, call.rows.totalRows() * topK, -1);

  int slot = 0;
  MXS_TRY(forRemoteRanks(call, [&](int source) {
    return call.expect(source, 0, call.rows.ownedRows(source) * rowBytes, slot);
  }));
  MXS_TRY(forRemoteRanks(call, [&](int target) {
    const std::vector<int32_t> &list = route.sent[target];
    const auto rows = static_cast<int64_t>(list.size());
    uint8_t *payload = nullptr;
    MXS_TRY(call.startMessage(rows * rowBytes, payload));
    packRows(payload, list.data(), rows, in, hidden, topK);
    return call.send(payload, target, 0, rows, rows * rowBytes, op, rows * routedExactBytes(topK));
  }));

  for (int device = 0; device < call.topo.devices; ++device) {
    const std::vector<int32_t> &list = route.sent[call.topo.rankOf(state.nodeIndex, device)];
    state.offers[device] = {list.data(), list.data(), static_cast<int64_t>(list.size()),
                            in.x,        in.weights,  in.ids};
  }
  Published shown;
  shown.offers = state.offers.data();
  MXS_TRY(call.enter(call.topo.node(state.nodeIndex), shown));
  for (int i = 0; i < call.topo.devices; ++i) {
    const int device = (state.device + i) % call.topo.devices;
    call.take(call.shownBy(device).offers[state.device], device,
              call.topo.rankOf(state.nodeIndex, device), out, hidden, topK, op);
  }
  call.doneReading();

  slot = 0;
  MXS_TRY(forRemoteRanks(call, [&](int source) {
    Received message;
    Offer offer;
    MXS_TRY(call.receive(slot++, op, message));
    MXS_TRY(openRows(message.payload, message.rows, message.bytes, 0, call.rows.ownedRows(source),
                     hidden, topK, offer));
    route.received[source].assign(offer.index, offer.index + offer.count);
    placeRows(offer, call.rows.globalBegin(source), out, hidden, topK);
    return okStatus();
  }));
  return call.leave();
}

Status flatCombine(Call &call, const float *partial, float *out, int64_t hidden) {
  RankState &state = call.state;
  Route &route = state.route;
  const mxs_site_t op = call.site.op;
  const int64_t ownBegin = call.rows.globalBegin(state.self);

  // Slots are looked up by rank: homes add in ascending rank, receives are posted lane by lane.
  std::vector<int> &slots = state.slots;
  MXS_TRY(forRemoteRanks(call, [&](int source) {
    return call.expect(source, 0, static_cast<int64_t>(route.sent[source].size()) * hidden * 4,
                       slots[source]);
  }));
  MXS_TRY(forRemoteRanks(call, [&](int home) {
    const std::vector<int32_t> &list = route.received[home];
    const auto rows = static_cast<int64_t>(list.size());
    uint8_t *payload = nullptr;
    MXS_TRY(call.startMessage(rows * hidden * 4, payload));
    for (int64_t i = 0; i < rows; ++i)
      std::copy_n(partial + (call.rows.globalBegin(home) + list[i]) * hidden, hidden,
                  reinterpret_cast<float *>(payload) + i * hidden);
    return call.send(payload, home, 0, rows, rows * hidden * 4, op);
  }));

  Published shown;
  shown.columns[0] = partial;
  MXS_TRY(call.enter(call.topo.node(state.nodeIndex), shown));
  std::fill_n(out, call.rows.ownedRows(state.self) * hidden, 0.0f);
  for (int rank = 0; rank < call.topo.rankCount(); ++rank) {
    const std::vector<int32_t> &list = route.sent[rank];
    if (call.topo.nodeOf(rank) == state.nodeIndex) {
      const int device = call.topo.deviceOf(rank);
      const auto *from = static_cast<const float *>(call.shownBy(device).columns[0]);
      for (int32_t row : list)
        call.pullAdd(device, out + row * hidden, from + (ownBegin + row) * hidden, hidden, op);
      call.settle();
      continue;
    }
    Received message;
    MXS_TRY(call.receive(slots[rank], op, message));
    MXS_TRY(checkSums(call, message, static_cast<int64_t>(list.size()), hidden, rank, 0));
    addRows(out, reinterpret_cast<const float *>(message.payload), list, 0, message.rows, hidden);
  }
  call.doneReading();
  return call.leave();
}

} // namespace mxs
