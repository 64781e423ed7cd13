//===- RankState.cpp - Sizes of a rank's buffers ------------------------------------------------===//

#include "comm/RankState.h"
#include "comm/RowPacking.h"
#include "core/Mutation.h"

#include <algorithm>

namespace mxs {

static int64_t maxOwnedRows(const Topology &topology, const WorldOptions &options) {
  return (options.maxTokens + topology.attnTp - 1) / topology.attnTp;
}

// Messages of one collective: one per rank (flat-ep) or per (chunk, other node).
static int maxMessages(const Topology &topology, const WorldOptions &options) {
  return std::max(topology.rankCount(), topology.nodes * options.maxChunks);
}

// Bytes that one rank sends, or receives, in one collective at most. Rows: each owned row to every
// other node (dispatch), to every rank of other nodes that can hold one of its experts (flat-ep),
// or each row of the step once (gathers, and rows on their way home).
static int64_t stagingBytes(const Topology &topology, const WorldOptions &options) {
  const int64_t otherRanks = topology.rankCount() - topology.devices;
  const int64_t fanOut = std::max<int64_t>(
      topology.nodes - 1, std::min<int64_t>(otherRanks, options.topK * topology.moeTp));
  int64_t rows = std::max(options.maxTokens, fanOut * maxOwnedRows(topology, options));
  if (mutated(Mutation::NodeDedupOff))
    rows *= options.topK;
  const int64_t perMessage = sizeof(MessageHeader) + Staging::kAlign;
  const int64_t rowBytes = rows * routedRowBytes(options.hidden, options.topK);
  const int64_t shared = (topology.nodes - 1) * options.shareBytes;
  return std::max(rowBytes, shared) + maxMessages(topology, options) * perMessage;
}

RankState::RankState(World &world, NodeShared &node, PacedLink &link, int rank, int stream)
    : world(world), node(node), topo(world.topology()), self(rank), nodeIndex(topo.nodeOf(rank)),
      device(topo.deviceOf(rank)), stream(stream),
      copiesPerRow(mutated(Mutation::NodeDedupOff) ? world.options().topK : 1),
      outgoing(stagingBytes(topo, world.options())), incoming(stagingBytes(topo, world.options())),
      messageLimit(maxMessages(topo, world.options())),
      ownSum(
          new float[maxOwnedRows(topo, world.options()) * copiesPerRow * world.options().hidden]),
      pace(link) {
  for (StagedRows &place : staged)
    place.memory.reset(new uint8_t[world.options().stagedBytes]);
  sends = std::make_unique<MessageRequest[]>(messageLimit);
  arrivals = std::make_unique<Arrival[]>(messageLimit);
  offers.resize(topo.nodes * topo.devices * world.options().maxChunks);
  laneRows.resize(topo.nodes);
  slots.resize(messageLimit);
  payloads.resize(messageLimit);
  sums.resize(messageLimit);
  order.reserve(topo.nodes);
  pulls.assign(kSiteCount * topo.devices, 0);
  rows.reserve(topo, world.options().maxTokens);
  reserveRoute();
}

void RankState::reserveRoute() {
  const auto prepare = [&](std::vector<std::vector<int32_t>> &lists, int count) {
    lists.resize(count);
    // For the worst case, since a step allocates nothing; and lists of `sent` and `forwarded` are
    // never moved: while a dispatch in chunks fills them, peers read what they already hold.
    for (std::vector<int32_t> &list : lists)
      list.reserve(maxOwnedRows(topo, world.options()) * copiesPerRow);
  };
  prepare(route.sent, topo.rankCount());
  prepare(route.received, topo.rankCount());
  prepare(route.lane, topo.nodes);
  prepare(route.forwarded, topo.nodes * topo.devices);
  prepare(route.forwardedAt, topo.nodes * topo.devices);
}

} // namespace mxs
