//===- RowReduce.cpp - reduce_scatter -----------------------------------------------------------===//

#include "comm/DenseCollectives.h"

#include <cstring>

namespace mxs {

Status reduceRows(Call &call, const RankGroup &group, const float *in, float *out, int64_t width,
                  const RowSpans &spans) {
  RankState &state = call.state;
  const mxs_site_t op = call.site.op;
  const int64_t own = spans.count(state.self);
  auto laneRank = [&](int node) { return call.topo.rankOf(node, state.device); };
  auto sumNode = [&](float *to, int home) {
    call.sumDevices(group, to, spans.count(home) * width, op, [&](int device) {
      return static_cast<const float *>(call.shownBy(device).columns[0]) +
             spans.begin(home) * width;
    });
  };

  int slot = 0;
  MXS_TRY(forOtherNodes(state.nodeIndex, group.firstNode, group.nodes, [&](int node) {
    return call.expect(laneRank(node), 0, own * width * 4, slot);
  }));
  int64_t all = 0;
  for (int rank = group.first; rank < group.first + group.count; ++rank)
    all += spans.count(rank);
  uint8_t *room = nullptr;
  MXS_TRY(call.stage(group, all * width * 4, room));
  if (room && all > 0)
    std::memcpy(room, in, all * width * 4);
  Published shown;
  shown.columns[0] = room ? reinterpret_cast<const float *>(room) : in;
  MXS_TRY(call.enter(group, shown));

  MXS_TRY(forOtherNodes(state.nodeIndex, group.firstNode, group.nodes, [&](int node) {
    const int home = laneRank(node);
    const int64_t bytes = spans.count(home) * width * 4;
    uint8_t *payload = nullptr;
    MXS_TRY(call.startMessage(bytes, payload));
    sumNode(reinterpret_cast<float *>(payload), home);
    call.settle();
    return call.send(payload, home, 0, spans.count(home), bytes, op);
  }));
  float *ownSum = group.spansNodes() ? state.ownSum.get() : out;
  sumNode(ownSum, state.self);
  call.doneReading();

  // Receives were posted in the order of forOtherNodes; sums ascend over the nodes.
  for (int node = group.firstNode; group.spansNodes() && node < group.firstNode + group.nodes;
       ++node) {
    const float *sum = ownSum;
    if (node != state.nodeIndex) {
      Received message;
      MXS_TRY(call.receive((node - state.nodeIndex + group.nodes) % group.nodes - 1, op, message));
      if (message.bytes != own * width * 4)
        return call.failure(MXS_INTERNAL, "rank " + std::to_string(laneRank(node)) + " sent " +
                                              std::to_string(message.bytes) + " bytes, expected " +
                                              std::to_string(own * width * 4));
      sum = reinterpret_cast<const float *>(message.payload);
    }
    for (int64_t i = 0; i < own * width; ++i)
      out[i] = node == group.firstNode ? sum[i] : out[i] + sum[i];
  }
  return call.leave();
}

} // namespace mxs
