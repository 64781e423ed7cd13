//===- Destinations.cpp - From expert ids to ranks and nodes ------------------------------------===//

#include "comm/Dispatch.h"
#include "core/Mutation.h"

namespace mxs {

void clearLists(std::vector<std::vector<int32_t>> &lists) {
  for (std::vector<int32_t> &list : lists)
    list.clear();
}

static Status checkId(Call &call, int32_t id, int64_t row) {
  if (id < -1 || id >= call.topo.experts)
    return call.failure(MXS_INVALID_ARGUMENT,
                        "expert id " + std::to_string(id) + " of row " + std::to_string(row) +
                            " is outside [0, " + std::to_string(call.topo.experts) + ")");
  return okStatus();
}

// Rows come in ascending order, so "already there" is the end of the list.
static void addOnce(std::vector<int32_t> &list, int64_t row) {
  if (list.empty() || list.back() != row)
    list.push_back(static_cast<int32_t>(row));
}

Status addDestinationRanks(Call &call, const int32_t *ids, int64_t first, int64_t rows,
                           int64_t topK) {
  const Topology &topo = call.topo;
  for (int64_t row = first; row < first + rows; ++row)
    for (int64_t k = 0; k < topK; ++k) {
      const int32_t id = ids[row * topK + k];
      MXS_TRY(checkId(call, id, row));
      if (id < 0)
        continue;
      const int rank = topo.ownerOfExpert(id) * topo.moeTp;
      for (int slice = 0; slice < topo.moeTp; ++slice)
        addOnce(call.state.route.sent[rank + slice], row);
    }
  return okStatus();
}

Status addDestinationNodes(Call &call, const int32_t *ids, int64_t first, int64_t rows,
                           int64_t topK) {
  const Topology &topo = call.topo;
  for (int64_t row = first; row < first + rows; ++row)
    for (int64_t k = 0; k < topK; ++k) {
      const int32_t id = ids[row * topK + k];
      MXS_TRY(checkId(call, id, row));
      if (id < 0)
        continue;
      const int rank = topo.ownerOfExpert(id) * topo.moeTp;
      for (int node = topo.nodeOf(rank); node <= topo.nodeOf(rank + topo.moeTp - 1); ++node) {
        std::vector<int32_t> &list = call.state.route.sent[node];
        if (mutated(Mutation::NodeDedupOff))
          list.push_back(static_cast<int32_t>(row));
        else
          addOnce(list, row);
      }
    }
  return okStatus();
}

void addForwards(Call &call, const Offer &offer, int node, int64_t topK) {
  const Topology &topo = call.topo;
  Route &route = call.state.route;
  for (int64_t i = 0; i < offer.count; ++i)
    for (int64_t k = 0; k < topK; ++k) {
      const int32_t id = offer.ids[offer.at(i) * topK + k];
      if (id < 0)
        continue;
      const int first = topo.ownerOfExpert(id) * topo.moeTp;
      for (int rank = first; rank < first + topo.moeTp; ++rank) {
        if (topo.nodeOf(rank) != call.state.nodeIndex)
          continue;
        const int list = node * topo.devices + topo.deviceOf(rank);
        std::vector<int32_t> &positions = route.forwardedAt[list];
        std::vector<int32_t> &rows = route.forwarded[list];
        const auto position = static_cast<int32_t>(offer.at(i));
        // Both: positions begin again in each chunk's message.
        if (!rows.empty() && rows.back() == offer.index[i] && positions.back() == position)
          continue;
        positions.push_back(position);
        rows.push_back(offer.index[i]);
      }
    }
}

} // namespace mxs
