//===- Topology.h - Ranks, attention groups, experts ---------------------------------*- C++ -*-===//
//
// rank = node * devices + device. Attention groups and expert (EP) groups are consecutive ranks;
// a group lies inside a node or covers whole nodes.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_RUNTIME_COMM_TOPOLOGY_H
#define MIXSERVE_RUNTIME_COMM_TOPOLOGY_H

#include "core/Status.h"

#include <cstdint>

namespace mxs {

/// The ranks [first, first + count), as the nodes [firstNode, firstNode + nodes) times the devices
/// [firstDevice, firstDevice + devices) of each.
struct RankGroup {
  int first = 0, count = 1;
  int firstNode = 0, nodes = 1;
  int firstDevice = 0, devices = 1;

  bool spansNodes() const { return nodes > 1; }
};

struct Topology {
  int nodes = 1, devices = 1;
  int attnTp = 1, moeTp = 1;
  int64_t experts = 1;

  int rankCount() const { return nodes * devices; }
  int nodeOf(int rank) const { return rank / devices; }
  int deviceOf(int rank) const { return rank % devices; }
  int rankOf(int node, int device) const { return node * devices + device; }

  int attnGroups() const { return rankCount() / attnTp; }
  int attnGroup(int rank) const { return rank / attnTp; }
  int attnCoord(int rank) const { return rank % attnTp; }
  int firstRankOfGroup(int group) const { return group * attnTp; }

  /// EP group e holds experts [floor(e*E/ep), floor((e+1)*E/ep)); its moeTp ranks hold F-slices.
  int epCount() const { return rankCount() / moeTp; }
  int epIndex(int rank) const { return rank / moeTp; }
  int64_t firstExpertOf(int ep) const { return ep * experts / epCount(); }
  int64_t firstExpert(int rank) const { return firstExpertOf(epIndex(rank)); }
  int64_t endExpert(int rank) const { return firstExpertOf(epIndex(rank) + 1); }
  /// EP index of the group that holds `expert`, which must be in [0, experts).
  int ownerOfExpert(int64_t expert) const {
    return static_cast<int>(((expert + 1) * epCount() - 1) / experts);
  }
  /// Whether every EP group lies inside one node: what the hybrid methods need.
  bool expertGroupsInsideNodes() const { return moeTp <= devices && devices % moeTp == 0; }

  RankGroup attnRanks(int rank) const { return consecutive(firstRankOfGroup(attnGroup(rank)), attnTp); }
  RankGroup world() const { return consecutive(0, rankCount()); }
  RankGroup node(int node) const { return consecutive(rankOf(node, 0), devices); }

  /// MXS_INVALID_ARGUMENT: a count below 1, or a degree that does not factor the axes (it must
  /// divide `devices`, or be a multiple of it that divides the number of ranks).
  Status check() const;

private:
  RankGroup consecutive(int first, int count) const;
};

} // namespace mxs

#endif // MIXSERVE_RUNTIME_COMM_TOPOLOGY_H
