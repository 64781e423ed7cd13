//===- TopologyTest.cpp - Rank arithmetic against its definition --------------------------------===//

#include "comm/RowMap.h"

#include "gtest/gtest.h"

namespace mxs {

static Topology make(int nodes, int devices, int attnTp, int moeTp, int64_t experts) {
  Topology topo;
  topo.nodes = nodes;
  topo.devices = devices;
  topo.attnTp = attnTp;
  topo.moeTp = moeTp;
  topo.experts = experts;
  return topo;
}

TEST(Topology, OwnerOfExpertIsTheGroupThatHoldsIt) {
  for (int ranks = 1; ranks <= 8; ++ranks)
    for (int64_t experts = 1; experts <= 40; ++experts) {
      const Topology topo = make(1, ranks, 1, 1, experts);
      int64_t held = 0;
      for (int rank = 0; rank < ranks; ++rank)
        for (int64_t e = topo.firstExpert(rank); e < topo.endExpert(rank); ++e, ++held)
          EXPECT_EQ(topo.ownerOfExpert(e), topo.epIndex(rank)) << ranks << " " << experts;
      EXPECT_EQ(held, experts);
    }
}

TEST(Topology, DegreesMustFactorTheAxes) {
  EXPECT_TRUE(make(2, 4, 2, 4, 8).check().ok());
  EXPECT_TRUE(make(2, 4, 8, 1, 8).check().ok());
  EXPECT_TRUE(make(4, 2, 4, 8, 8).check().ok());
  EXPECT_EQ(make(2, 4, 3, 1, 8).check().code(), MXS_INVALID_ARGUMENT);
  EXPECT_EQ(make(2, 3, 1, 2, 8).check().code(), MXS_INVALID_ARGUMENT); // 2 ends inside a node
  EXPECT_EQ(make(3, 2, 4, 1, 8).check().code(), MXS_INVALID_ARGUMENT); // 4 does not divide 6
  EXPECT_EQ(make(2, 2, 0, 1, 8).check().code(), MXS_INVALID_ARGUMENT);
  EXPECT_EQ(make(0, 2, 1, 1, 8).check().code(), MXS_INVALID_ARGUMENT);
}

TEST(Topology, GroupsLieInsideANodeOrCoverNodes) {
  const Topology inside = make(2, 4, 2, 1, 8);
  EXPECT_EQ(inside.attnRanks(7).first, 6);
  EXPECT_EQ(inside.attnRanks(7).firstDevice, 2);
  EXPECT_FALSE(inside.attnRanks(7).spansNodes());
  const Topology across = make(4, 2, 4, 1, 8);
  EXPECT_EQ(across.attnRanks(6).firstNode, 2);
  EXPECT_EQ(across.attnRanks(6).nodes, 2);
  EXPECT_EQ(across.attnRanks(6).devices, 2);
}

TEST(RowMap, OwnedRowsOfAnUnevenGroup) {
  const Topology topo = make(1, 4, 4, 1, 8);
  RowMap rows;
  ASSERT_TRUE(RowMap::create(topo, {7}, {{1, 0, 0, 1, 1, 0, 1}}, rows).ok());
  // floor(i * 7 / 4) = 0 1 3 5 7
  const int64_t expected[] = {1, 2, 2, 2};
  for (int rank = 0; rank < 4; ++rank)
    EXPECT_EQ(rows.ownedRows(rank), expected[rank]);
  EXPECT_EQ(rows.askedOwned(1), 0);
  const RowList asked = rows.askedOwnedRows(2);
  EXPECT_EQ(std::vector<int32_t>(asked.begin(), asked.end()), (std::vector<int32_t>{0, 1}));
  EXPECT_EQ(rows.askedBegin(3), 3);
  EXPECT_EQ(rows.askedRows(0), 4);
  EXPECT_EQ(rows.rows(3, MXS_ROWS_GROUP), 7);
}

TEST(RowMap, LaneOrderIsByNode) {
  const Topology topo = make(2, 2, 1, 1, 8);
  RowMap rows;
  ASSERT_TRUE(RowMap::create(topo, {3, 5, 2, 0}, {{}, {}, {}, {}}, rows).ok());
  EXPECT_EQ(rows.laneRows(0), 5);
  EXPECT_EQ(rows.laneBegin(1, 0), 3);
  EXPECT_EQ(rows.laneRows(1), 5);
  EXPECT_EQ(rows.globalBegin(2), 8);
  EXPECT_EQ(rows.totalRows(), 10);
}

TEST(RowMap, RefusesCountsThatDoNotFit) {
  const Topology topo = make(1, 2, 1, 1, 8);
  RowMap rows;
  EXPECT_EQ(RowMap::create(topo, {1}, {{}}, rows).code(), MXS_INVALID_ARGUMENT);
  EXPECT_EQ(RowMap::create(topo, {1, -1}, {{}, {}}, rows).code(), MXS_INVALID_ARGUMENT);
  EXPECT_EQ(RowMap::create(topo, {1, 2}, {{}, {1}}, rows).code(), MXS_INVALID_ARGUMENT);
}

} // namespace mxs
