//===- NodeSums.cpp - Node sums on their way home -----------------------------------------------===//

#include "comm/Dispatch.h"
#include "core/Mutation.h"

#include <algorithm>

namespace mxs {

void addRows(float *out, const float *rows, const std::vector<int32_t> &list, int64_t begin,
             int64_t end, int64_t hidden) {
  for (int64_t i = begin; i < end; ++i) {
    float *to = out + list[i] * hidden;
    const float *from = rows + (i - begin) * hidden;
    for (int64_t h = 0; h < hidden; ++h)
      to[h] += from[h];
  }
}

Status checkSums(Call &call, const Received &message, int64_t rows, int64_t width, int source,
                 int chunk) {
  if (message.rows == rows && message.bytes == rows * width * 4)
    return okStatus();
  return call.failure(MXS_INTERNAL,
                      "rank " + std::to_string(source) + " sent " + std::to_string(message.rows) +
                          " rows (" + std::to_string(message.bytes) + " bytes), expected " +
                          std::to_string(rows) + " of " + std::to_string(width * 4),
                      chunk);
}

Status expectNodeSums(Call &call, int64_t hidden) {
  const RankState &state = call.state;
  return forOtherNodes(state.nodeIndex, 0, call.topo.nodes, [&](int node) {
    const auto rows = static_cast<int64_t>(state.route.sent[node].size());
    return call.expect(call.topo.rankOf(node, state.device), 0, rows * hidden * 4,
                       call.state.slots[node]);
  });
}

Status addNodeSums(Call &call, const float *ownSum, float *out, int64_t hidden) {
  RankState &state = call.state;
  std::vector<int> &order = state.order;
  order.clear();
  for (int node = 0; node < call.topo.nodes; ++node)
    order.push_back(node);
  if (mutated(Mutation::ArrivalOrder)) {
    for (int node : order)
      if (node != state.nodeIndex)
        MXS_TRY(call.waitArrival(state.slots[node]));
    std::sort(order.begin(), order.end(), [&](int a, int b) {
      auto key = [&](int n) { return n == state.nodeIndex ? 0 : call.arrivalOf(state.slots[n]); };
      return key(a) < key(b);
    });
  }

  std::fill_n(out, call.rows.ownedRows(state.self) * hidden, 0.0f);
  for (int node : order) {
    const std::vector<int32_t> &list = state.route.sent[node];
    const auto rows = static_cast<int64_t>(list.size());
    const float *sums = ownSum;
    if (node != state.nodeIndex) {
      Received message;
      MXS_TRY(call.receive(state.slots[node], call.site.op, message));
      MXS_TRY(checkSums(call, message, rows, hidden, call.topo.rankOf(node, state.device), 0));
      sums = reinterpret_cast<const float *>(message.payload);
    }
    addRows(out, sums, list, 0, rows, hidden);
  }
  return okStatus();
}

} // namespace mxs
