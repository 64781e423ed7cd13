//===- HybridDispatch.cpp - hybrid: lane-wise between nodes, gather and reduce inside -----------===//

#include "comm/Dispatch.h"
#include "comm/RowPacking.h"

#include <algorithm>

namespace mxs {

Status hybridDispatch(Call &call, const RoutedRows &in, const RoutedRowsOut &out,
                      RoutedShape shape) {
  RankState &state = call.state;
  Route &route = state.route;
  const int64_t hidden = shape.hidden, topK = shape.topK;
  const int64_t rowBytes = routedRowBytes(hidden, topK);
  auto laneBegin = [&](int node) { return call.rows.laneBegin(node, state.device); };
  auto laneRank = [&](int node) { return call.topo.rankOf(node, state.device); };
  route.isForwarded = false;
  clearLists(route.sent);
  MXS_TRY(addDestinationNodes(call, in.ids, 0, call.rows.ownedRows(state.self), topK));
  std::fill_n(out.ids, call.rows.laneRows(state.device) * topK, -1);

  int slot = 0;
  MXS_TRY(forOtherNodes(state.nodeIndex, 0, call.topo.nodes, [&](int node) {
    return call.expect(laneRank(node), 0, state.laneCapacity(laneRank(node)) * rowBytes, slot);
  }));
  MXS_TRY(forOtherNodes(state.nodeIndex, 0, call.topo.nodes, [&](int node) {
    const std::vector<int32_t> &list = route.sent[node];
    const auto rows = static_cast<int64_t>(list.size());
    uint8_t *payload = nullptr;
    MXS_TRY(call.startMessage(rows * rowBytes, payload));
    packRows(payload, list.data(), rows, in, hidden, topK);
    return call.send(payload, laneRank(node), 0, rows, rows * rowBytes, call.site.op,
                     rows * routedExactBytes(topK));
  }));

  const std::vector<int32_t> &own = route.sent[state.nodeIndex];
  const Offer kept{own.data(), own.data(), static_cast<int64_t>(own.size()),
                   in.x,       in.weights, in.ids};
  placeRows(kept, laneBegin(state.nodeIndex), out, hidden, topK);
  route.lane[state.nodeIndex] = own;

  slot = 0;
  MXS_TRY(forOtherNodes(state.nodeIndex, 0, call.topo.nodes, [&](int node) {
    Received message;
    Offer offer;
    MXS_TRY(call.receive(slot++, call.site.op, message));
    MXS_TRY(openRows(message.payload, message.rows, message.bytes, 0,
                     call.rows.ownedRows(laneRank(node)), hidden, topK, offer));
    route.lane[node].assign(offer.index, offer.index + offer.count);
    placeRows(offer, laneBegin(node), out, hidden, topK);
    return okStatus();
  }));
  return call.waitSends();
}

// Rows of the LANE set that came: those with some id >= 0. Read from the ids and not from the
// route, so that the gather does what its operands say.
static void listLaneRows(Call &call, const int32_t *ids, int64_t topK) {
  RankState &state = call.state;
  clearLists(state.route.lane);
  for (int node = 0; node < call.topo.nodes; ++node) {
    const int64_t begin = call.rows.laneBegin(node, state.device);
    const int64_t end = call.rows.laneBegin(node + 1, state.device);
    for (int64_t row = begin; row < end; ++row) {
      const int32_t *rowIds = ids + row * topK;
      if (std::any_of(rowIds, rowIds + topK, [](int32_t id) { return id >= 0; }))
        state.route.lane[node].push_back(static_cast<int32_t>(row - begin));
    }
  }
}

Status gatherLanes(Call &call, const RoutedRows &in, const RoutedRowsOut &out, RoutedShape shape) {
  RankState &state = call.state;
  const int64_t hidden = shape.hidden, topK = shape.topK;
  listLaneRows(call, in.ids, topK);
  std::fill_n(out.ids, call.rows.totalRows() * topK, -1);
  for (int node = 0; node < call.topo.nodes; ++node) {
    const std::vector<int32_t> &list = state.route.lane[node];
    const int64_t begin = call.rows.laneBegin(node, state.device);
    state.offers[node] = {list.data(),
                          list.data(),
                          static_cast<int64_t>(list.size()),
                          in.x + begin * hidden,
                          in.weights + begin * topK,
                          in.ids + begin * topK};
  }

  Published shown;
  shown.offers = state.offers.data();
  MXS_TRY(call.enter(call.topo.node(state.nodeIndex), shown));
  for (int i = 0; i < call.topo.devices; ++i) {
    const int device = (state.device + i) % call.topo.devices;
    for (int node = 0; node < call.topo.nodes; ++node)
      call.take(call.shownBy(device).offers[node], device, call.topo.rankOf(node, device), out,
                hidden, topK, call.site.op);
  }
  call.doneReading();
  return call.leave();
}

Status reduceToLane(Call &call, const float *partial, float *out, int64_t hidden) {
  RankState &state = call.state;
  Published shown;
  shown.columns[0] = partial;
  const RankGroup node = call.topo.node(state.nodeIndex);
  MXS_TRY(call.enter(node, shown));
  std::fill_n(out, call.rows.laneRows(state.device) * hidden, 0.0f);
  for (int home = 0; home < call.topo.nodes; ++home) {
    const int64_t base = call.rows.globalBegin(call.topo.rankOf(home, state.device));
    float *to = out + call.rows.laneBegin(home, state.device) * hidden;
    for (int32_t row : state.route.lane[home])
      call.sumDevices(node, to + row * hidden, hidden, call.site.op, [&](int device) {
        return static_cast<const float *>(call.shownBy(device).columns[0]) + (base + row) * hidden;
      });
  }
  call.doneReading();
  return call.leave();
}

Status hybridCombine(Call &call, const float *lane, float *out, int64_t hidden) {
  RankState &state = call.state;
  MXS_TRY(expectNodeSums(call, hidden));
  auto pack = [&](float *to, int node) {
    const float *from = lane + call.rows.laneBegin(node, state.device) * hidden;
    for (int32_t row : state.route.lane[node])
      to = std::copy_n(from + row * hidden, hidden, to);
  };
  MXS_TRY(forOtherNodes(state.nodeIndex, 0, call.topo.nodes, [&](int node) {
    const auto rows = static_cast<int64_t>(state.route.lane[node].size());
    uint8_t *payload = nullptr;
    MXS_TRY(call.startMessage(rows * hidden * 4, payload));
    pack(reinterpret_cast<float *>(payload), node);
    return call.send(payload, call.topo.rankOf(node, state.device), 0, rows, rows * hidden * 4,
                     call.site.op);
  }));
  pack(state.ownSum.get(), state.nodeIndex);
  MXS_TRY(addNodeSums(call, state.ownSum.get(), out, hidden));
  return call.waitSends();
}

} // namespace mxs
