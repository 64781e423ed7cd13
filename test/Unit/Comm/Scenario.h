//===- Scenario.h - One step's rows, values and routing ------------------------------*- C++ -*-===//
//
// Written from the definitions, without the runtime's Topology and RowMap arithmetic: it is what
// they are compared with. Values are hashes of (what, rank, row, column), in (-1, 1).
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_TEST_UNIT_COMM_SCENARIO_H
#define MIXSERVE_TEST_UNIT_COMM_SCENARIO_H

#include "comm/RowMap.h"
#include "comm/WireType.h"

#include <set>
#include <string>
#include <vector>

namespace mxs::test {

enum class Routing { Uniform, OneExpert, Random };

struct Scenario {
  Topology topo;
  int64_t hidden = 8, topK = 2;
  std::vector<int64_t> groupTokens;
  std::vector<std::vector<uint8_t>> asked;
  std::vector<int32_t> ids; ///< [T, K] by global row

  std::vector<int> home;            ///< [T] rank that owns a global row
  std::vector<int64_t> ownedFirst;  ///< [P + 1] first global row of a rank
  RowMap rows;                      ///< what the runtime is given
  WireType wire = WireType::F32;    ///< of the world

  Scenario(const Topology &topo, std::vector<int64_t> groupTokens, Routing routing, int64_t topK,
           unsigned seed);

  int64_t totalRows() const { return static_cast<int64_t>(home.size()); }
  int ranks() const { return topo.nodes * topo.devices; }
  int node(int rank) const { return rank / topo.devices; }
  int device(int rank) const { return rank % topo.devices; }
  int64_t owned(int rank) const { return ownedFirst[rank + 1] - ownedFirst[rank]; }

  /// Ranks, and nodes, that hold an expert of a row, as `ids` was made.
  const std::set<int> &destinationRanks(int64_t row) const { return rankSets[row]; }
  const std::set<int> &destinationNodes(int64_t row) const { return nodeSets[row]; }
  bool holds(int rank, int64_t row) const { return destinationRanks(row).count(rank) != 0; }

  /// `value` of a row that went from one node to another, and of a row that all ranks from
  /// `firstRank` on, `count` of them, hold alike.
  float sent(float value, int fromNode, int toNode) const;
  float shared(float value, int firstRank, int count) const {
    return sent(value, node(firstRank), node(firstRank + count - 1));
  }

  float x(int64_t row, int64_t h) const;
  float weight(int64_t row, int64_t k) const;
  /// Attention's partial sum on `rank`, and what `rank`'s experts make of a row (0 without one).
  float attention(int rank, int64_t row, int64_t h) const;
  float expert(int rank, int64_t row, int64_t h) const;

  std::string name() const;

private:
  void findDestinations();

  std::vector<std::set<int>> rankSets, nodeSets; ///< [T]
};

} // namespace mxs::test

#endif // MIXSERVE_TEST_UNIT_COMM_SCENARIO_H
