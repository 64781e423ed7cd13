//===- RowMap.cpp -------------------------------------------------------------------------------===//

#include "comm/RowMap.h"

namespace mxs {

Status RowMap::create(const Topology &topology, const std::vector<int64_t> &groupTokens,
                      const std::vector<std::vector<uint8_t>> &asked, RowMap &out) {
  const int groups = topology.attnGroups(), ranks = topology.rankCount();
  if (static_cast<int>(groupTokens.size()) != groups || static_cast<int>(asked.size()) != groups)
    return invalidArgument("row map: " + std::to_string(groups) + " attention groups, but " +
                           std::to_string(groupTokens.size()) + " token counts and " +
                           std::to_string(asked.size()) + " lists of asked rows");
  for (int g = 0; g < groups; ++g) {
    if (groupTokens[g] < 0)
      return invalidArgument("row map: attention group " + std::to_string(g) + " has " +
                             std::to_string(groupTokens[g]) + " tokens");
    if (!asked[g].empty() && static_cast<int64_t>(asked[g].size()) != groupTokens[g])
      return invalidArgument("row map: attention group " + std::to_string(g) + " has " +
                             std::to_string(groupTokens[g]) + " tokens, but " +
                             std::to_string(asked[g].size()) + " flags of asked rows");
  }

  out.topo = topology;
  out.owned.assign(ranks + 1, 0);
  out.askedEnds.assign(ranks + 1, 0);
  out.askedIndex.assign(ranks, {});
  for (int rank = 0; rank < ranks; ++rank) {
    const int group = topology.attnGroup(rank), member = topology.attnCoord(rank);
    const int64_t begin = chunkBegin(groupTokens[group], member, topology.attnTp);
    const int64_t end = chunkBegin(groupTokens[group], member + 1, topology.attnTp);
    out.owned[rank + 1] = out.owned[rank] + end - begin;
    if (!asked[group].empty())
      for (int64_t row = begin; row < end; ++row)
        if (asked[group][row])
          out.askedIndex[rank].push_back(static_cast<int32_t>(row - begin));
    out.askedEnds[rank + 1] =
        out.askedEnds[rank] + static_cast<int64_t>(out.askedIndex[rank].size());
  }

  out.lane.assign(topology.devices * (topology.nodes + 1), 0);
  for (int device = 0; device < topology.devices; ++device)
    for (int node = 0; node < topology.nodes; ++node)
      out.lane[device * (topology.nodes + 1) + node + 1] =
          out.laneBegin(node, device) + out.ownedRows(topology.rankOf(node, device));
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
