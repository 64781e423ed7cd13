//===- RowMap.cpp -------------------------------------------------------------------------------===//

#include "comm/RowMap.h"

namespace mxs {

void RowMap::reserve(const Topology &topology, int64_t rows) {
  const size_t ranks = static_cast<size_t>(topology.rankCount());
  owned.reserve(ranks + 1);
  askedEnds.reserve(ranks + 1);
  askedIndex.reserve(static_cast<size_t>(rows));
  lane.reserve(static_cast<size_t>(topology.devices * (topology.nodes + 1)));
}

static Status checkGroups(const Topology &topology, const std::vector<int64_t> &groupTokens) {
  const int groups = topology.attnGroups();
  if (static_cast<int>(groupTokens.size()) != groups)
    return invalidArgument("row map: " + std::to_string(groups) + " attention groups, but " +
                           std::to_string(groupTokens.size()) + " token counts");
  for (int g = 0; g < groups; ++g)
    if (groupTokens[g] < 0)
      return invalidArgument("row map: attention group " + std::to_string(g) + " has " +
                             std::to_string(groupTokens[g]) + " tokens");
  return okStatus();
}

Status RowMap::create(const Topology &topology, const std::vector<int64_t> &groupTokens,
                      const std::vector<std::vector<uint8_t>> &asked, RowMap &out) {
  MXS_TRY(checkGroups(topology, groupTokens));
  if (asked.size() != groupTokens.size())
    return invalidArgument("row map: " + std::to_string(groupTokens.size()) +
                           " attention groups, but " + std::to_string(asked.size()) +
                           " lists of asked rows");
  std::vector<uint8_t> flags;
  for (size_t g = 0; g < asked.size(); ++g) {
    if (!asked[g].empty() && static_cast<int64_t>(asked[g].size()) != groupTokens[g])
      return invalidArgument("row map: attention group " + std::to_string(g) + " has " +
                             std::to_string(groupTokens[g]) + " tokens, but " +
                             std::to_string(asked[g].size()) + " flags of asked rows");
    flags.insert(flags.end(), asked[g].begin(), asked[g].end());
    if (asked[g].empty())
      flags.insert(flags.end(), static_cast<size_t>(groupTokens[g]), 0);
  }
  return out.update(topology, groupTokens, flags.data());
}

Status RowMap::update(const Topology &topology, const std::vector<int64_t> &groupTokens,
                      const uint8_t *asked) {
  MXS_TRY(checkGroups(topology, groupTokens));
  const int ranks = topology.rankCount();
  topo = topology;
  owned.assign(ranks + 1, 0);
  askedEnds.assign(ranks + 1, 0);
  askedIndex.clear();
  for (int rank = 0; rank < ranks; ++rank) {
    const int64_t tokens = groupTokens[topology.attnGroup(rank)];
    const int member = topology.attnCoord(rank);
    const int64_t begin = chunkBegin(tokens, member, topology.attnTp);
    const int64_t rows = chunkBegin(tokens, member + 1, topology.attnTp) - begin;
    for (int64_t row = 0; asked && row < rows; ++row)
      if (asked[owned[rank] + row])
        askedIndex.push_back(static_cast<int32_t>(row));
    owned[rank + 1] = owned[rank] + rows;
    askedEnds[rank + 1] = static_cast<int64_t>(askedIndex.size());
  }

  lane.assign(topology.devices * (topology.nodes + 1), 0);
  for (int device = 0; device < topology.devices; ++device)
    for (int node = 0; node < topology.nodes; ++node)
      lane[device * (topology.nodes + 1) + node + 1] =
          laneBegin(node, device) + ownedRows(topology.rankOf(node, device));
  return okStatus();
}

int64_t RowMap::rows(int rank, mxs_row_set_t set) const {
  switch (set) {
  case MXS_ROWS_OWNED:
    return ownedRows(rank);
  case MXS_ROWS_GROUP:
    return groupRows(topo.attnGroup(rank));
  case MXS_ROWS_LANE:
    return laneRows(topo.deviceOf(rank));
  case MXS_ROWS_RECEIVED:
    return totalRows();
  case MXS_ROWS_ASKED_OWNED:
    return askedOwned(rank);
  case MXS_ROWS_ASKED:
    return askedRows(topo.attnGroup(rank));
  }
  return 0;
}

} // namespace mxs
