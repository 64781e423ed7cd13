//===- RowMap.h - Which rank owns which row of a step --------------------------------*- C++ -*-===//
//
// Member i of an attention group with T rows owns rows [floor(i*T/tp), floor((i+1)*T/tp)) of them.
// Global (RECEIVED) index: ranks in order, each rank's owned rows; a group's rows are therefore
// consecutive in it. LANE index on device d: the owned rows of (0,d), (1,d), ...
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_RUNTIME_COMM_ROWMAP_H
#define MIXSERVE_RUNTIME_COMM_ROWMAP_H

#include "comm/Topology.h"

#include <cstdint>
#include <vector>

namespace mxs {

/// Row numbers, ascending, of a RowMap that lives longer.
struct RowList {
  const int32_t *first = nullptr, *last = nullptr;
  const int32_t *begin() const { return first; }
  const int32_t *end() const { return last; }
  int64_t size() const { return last - first; }
};

class RowMap {
public:
  /// A map without rows.
  RowMap() = default;
  /// Allocates for maps of up to `rows` rows, which update() and copies into this one then do not.
  void reserve(const Topology &topology, int64_t rows);
  /// Makes this the map of `groupTokens`: rows of each attention group. `asked`: a flag per row, group
  /// after group (non-zero = logits are asked); null stands for "none".
  Status update(const Topology &topology, const std::vector<int64_t> &groupTokens,
                const uint8_t *asked);
  /// The same with a list of flags per group; an empty list stands for "none".
  static Status create(const Topology &topology, const std::vector<int64_t> &groupTokens,
                       const std::vector<std::vector<uint8_t>> &asked, RowMap &out);

  int64_t ownedRows(int rank) const { return owned[rank + 1] - owned[rank]; }
  /// First owned row, counted in the rows of the rank's group.
  int64_t ownedBegin(int rank) const { return globalBegin(rank) - groupBegin(topo.attnGroup(rank)); }
  /// First owned row in the RECEIVED index.
  int64_t globalBegin(int rank) const { return owned[rank]; }
  int64_t groupRows(int group) const { return groupEnd(group) - groupBegin(group); }
  int64_t groupBegin(int group) const { return owned[topo.firstRankOfGroup(group)]; }
  int64_t totalRows() const { return owned.empty() ? 0 : owned.back(); }
  int64_t laneRows(int device) const { return laneBegin(topo.nodes, device); }
  /// First row of (node, device) in the LANE index; `node` may be the number of nodes.
  int64_t laneBegin(int node, int device) const { return lane[device * (topo.nodes + 1) + node]; }

  int64_t askedOwned(int rank) const { return askedEnds[rank + 1] - askedEnds[rank]; }
  int64_t askedRows(int group) const {
    return askedEnds[topo.firstRankOfGroup(group + 1)] - askedEnds[topo.firstRankOfGroup(group)];
  }
  /// First asked owned row, counted in the asked rows of the rank's group.
  int64_t askedBegin(int rank) const {
    return askedEnds[rank] - askedEnds[topo.firstRankOfGroup(topo.attnGroup(rank))];
  }
  /// Owned-row indices of the rank's asked rows, ascending.
  RowList askedOwnedRows(int rank) const {
    return {askedIndex.data() + askedEnds[rank], askedIndex.data() + askedEnds[rank + 1]};
  }

  /// Rows of `set` on `rank`.
  int64_t rows(int rank, mxs_row_set_t set) const;

  /// Chunk `c` of `chunks` of n rows begins at floor(c*n/chunks).
  static int64_t chunkBegin(int64_t rows, int chunk, int chunks) { return chunk * rows / chunks; }

private:
  int64_t groupEnd(int group) const { return owned[topo.firstRankOfGroup(group + 1)]; }

  Topology topo;
  std::vector<int64_t> owned;     // [P + 1] prefix sums
  std::vector<int64_t> lane;      // [devices][nodes + 1] prefix sums
  std::vector<int64_t> askedEnds;  // [P + 1] prefix sums
  std::vector<int32_t> askedIndex; // of all ranks, one after another
};

} // namespace mxs

#endif // MIXSERVE_RUNTIME_COMM_ROWMAP_H
