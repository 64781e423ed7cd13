//===- RowGather.cpp - all_gather ---------------------------------------------------------------===//

#include "comm/DenseCollectives.h"
#include "core/Mutation.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace mxs {

static uint8_t *rowsOf(const Column &column, int64_t row) {
  return static_cast<uint8_t *>(column.out) + row * column.rowBytes;
}

static void copyBytes(void *to, const void *from, int64_t bytes) {
  if (bytes > 0 && to != from)
    std::memcpy(to, from, bytes);
}

// Sends this rank's rows to its lane's ranks of the group's other nodes and places theirs.
static Status exchangeLanes(Call &call, const RankGroup &group, const Column *columns, int count,
                            const RowSpans &spans) {
  RankState &state = call.state;
  int64_t rowBytes = 0, exactBytes = 0;
  for (int i = 0; i < count; ++i) {
    rowBytes += columns[i].rowBytes;
    exactBytes += columns[i].rounds ? 0 : columns[i].rowBytes;
  }

  int slot = 0;
  MXS_TRY(forOtherNodes(state.nodeIndex, group.firstNode, group.nodes, [&](int node) {
    const int source = call.topo.rankOf(node, state.device);
    return call.expect(source, 0, spans.count(source) * rowBytes, slot);
  }));

  const int64_t own = spans.count(state.self);
  MXS_TRY(forOtherNodes(state.nodeIndex, group.firstNode, group.nodes, [&](int node) {
    uint8_t *payload = nullptr;
    MXS_TRY(call.startMessage(own * rowBytes, payload));
    uint8_t *to = payload;
    for (int i = 0; i < count; ++i) {
      copyBytes(to, columns[i].in, own * columns[i].rowBytes);
      to += own * columns[i].rowBytes;
    }
    return call.send(payload, call.topo.rankOf(node, state.device), 0, own, own * rowBytes,
                     call.site.op, own * exactBytes);
  }));

  slot = 0;
  return forOtherNodes(state.nodeIndex, group.firstNode, group.nodes, [&](int node) {
    const int source = call.topo.rankOf(node, state.device);
    Received message;
    MXS_TRY(call.receive(slot++, call.site.op, message));
    if (message.rows != spans.count(source) || message.bytes != message.rows * rowBytes)
      return call.failure(MXS_INTERNAL, "rank " + std::to_string(source) + " sent " +
                                            std::to_string(message.rows) + " rows, expected " +
                                            std::to_string(spans.count(source)));
    const uint8_t *from = message.payload;
    for (int i = 0; i < count; ++i) {
      copyBytes(rowsOf(columns[i], spans.begin(source)), from, message.rows * columns[i].rowBytes);
      from += message.rows * columns[i].rowBytes;
    }
    return okStatus();
  });
}

Status gatherRows(Call &call, const RankGroup &group, const Column *columns, int count,
                  const RowSpans &spans) {
  RankState &state = call.state;
  const bool rounds = group.spansNodes() && state.world.options().wire == WireType::BF16 &&
                      !mutated(Mutation::OwnRowsExact);
  for (int i = 0; i < count; ++i) {
    uint8_t *to = rowsOf(columns[i], spans.begin(state.self));
    const int64_t bytes = spans.count(state.self) * columns[i].rowBytes;
    copyBytes(to, columns[i].in, bytes);
    if (rounds && columns[i].rounds)
      roundRows(reinterpret_cast<float *>(to), bytes / 4);
  }
  MXS_TRY(exchangeLanes(call, group, columns, count, spans));

  const int64_t own = spans.count(state.self);
  int64_t ownBytes = 0;
  for (int i = 0; i < count; ++i)
    ownBytes += own * columns[i].rowBytes;
  uint8_t *room = nullptr;
  MXS_TRY(call.stage(group, ownBytes, room));
  Published shown;
  for (int i = 0; i < count; ++i) {
    const uint8_t *rows = rowsOf(columns[i], spans.begin(state.self));
    if (room) {
      std::copy_n(rows, own * columns[i].rowBytes, room);
      rows = std::exchange(room, room + own * columns[i].rowBytes);
    }
    shown.columns[i] = rows;
  }
  MXS_TRY(call.enter(group, shown));
  for (int k = 1; k < group.devices; ++k) {
    const int device =
        group.firstDevice + (state.device - group.firstDevice + k) % group.devices;
    const Published &peer = call.shownBy(device);
    for (int node = group.firstNode; node < group.firstNode + group.nodes; ++node) {
      const int home = call.topo.rankOf(node, device);
      for (int i = 0; i < count; ++i)
        // Shown are the peer's own rows; those that came on its lane lie around them.
        call.pullCopy(device, rowsOf(columns[i], spans.begin(home)),
                      static_cast<const uint8_t *>(peer.columns[i]) +
                          (spans.begin(home) - spans.begin(call.topo.rankOf(state.nodeIndex, device))) *
                              columns[i].rowBytes,
                      spans.count(home) * columns[i].rowBytes, call.site.op);
    }
  }
  call.doneReading();
  return call.leave();
}

} // namespace mxs
