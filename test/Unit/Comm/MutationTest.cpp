//===- MutationTest.cpp - The ordinary checks notice planted faults -----------------------------===//
//
// Built against a copy of the library in which core/Mutation.h can plant a fault. Each test runs the
// same check as the conformance or the schedule test and expects it to fail.
//
//===----------------------------------------------------------------------===//

#include "Conformance.h"
#include "comm/ScheduleChecker.h"
#include "core/Mutation.h"

#include "gtest/gtest.h"

namespace mxs::test {

class Planted : public testing::Test {
protected:
  void TearDown() override { setMutation(Mutation::None); }

  static Topology topology() {
    Topology topo;
    topo.nodes = 3;
    topo.devices = 2;
    topo.experts = 12;
    return topo;
  }

  /// What the conformance check says of three nodes when messages from some are slower.
  static std::vector<std::string> check(Mutation mutation, std::vector<LinkFault> faults = {},
                                        WireType wire = WireType::F32) {
    setMutation(mutation);
    const Topology topo = topology();
    WorldOptions options = optionsFor(128, 8, 3);
    options.wire = wire;
    Cluster cluster(topo, options, std::move(faults));
    const Scenario s(topo, std::vector<int64_t>(6, 9), Routing::Random, 3, 5);
    return checkScenario(cluster, s, {1, 3});
  }

  static bool mention(const std::vector<std::string> &problems, const std::string &part) {
    for (const std::string &problem : problems)
      if (problem.find(part) != std::string::npos)
        return true;
    return false;
  }
};

// Node 0's messages come last at node 2, node 1's at node 0: never in ascending order everywhere.
static std::vector<LinkFault> slowLinks() {
  return {{LinkFault::Delay, 0, -1, -1, 3'000'000}, {LinkFault::Delay, 1, -1, -1, 3'000'000}};
}

TEST_F(Planted, NothingIsFoundWithoutAFault) {
  EXPECT_EQ(check(Mutation::None), std::vector<std::string>());
  EXPECT_EQ(check(Mutation::None, slowLinks()), std::vector<std::string>());
}

TEST_F(Planted, RowsSentOncePerExpertAreFound) {
  EXPECT_FALSE(check(Mutation::NodeDedupOff).empty());
}

TEST_F(Planted, ExtraCopiesShowInTheByteCounters) {
  // Of the dispatch alone, whose result is the same.
  setMutation(Mutation::NodeDedupOff);
  Topology topo = topology();
  Cluster cluster(topo, optionsFor(128, 8, 3));
  const Scenario s(topo, std::vector<int64_t>(6, 9), Routing::OneExpert, 3, 5);
  uint64_t sent = 0;
  for (const Status &status : cluster.run([&](Communicator &comm) {
         MXS_TRY(comm.beginStep(s.rows, 1));
         const int64_t lane = s.rows.laneRows(s.device(comm.rank()));
         std::vector<float> x(9 * 8, 1.0f), weights(9 * 3, 1.0f), outX(lane * 8), outW(lane * 3);
         std::vector<int32_t> outIds(lane * 3);
         return comm.dispatch({0, MXS_SITE_DISPATCH}, MXS_HYBRID,
                              {x.data(), weights.data(),
                               s.ids.data() + s.ownedFirst[comm.rank()] * 3},
                              {outX.data(), outW.data(), outIds.data()}, 8, 3);
       }))
    ASSERT_TRUE(status.ok()) << status.message();
  for (const ByteRow &row : cluster.world->counters().rows())
    if (row.link == Link::Inter && row.direction == Direction::Out)
      sent += row.bytes;
  const uint64_t once = 4 * 9 * (4 * 8 + 8 * 3 + 4); // ranks of nodes 1 and 2, 9 rows to node 0
  EXPECT_GT(sent, once);
}

TEST_F(Planted, AWeightAppliedTwiceIsFound) {
  EXPECT_TRUE(mention(check(Mutation::WeightTwice), "got"));
}

TEST_F(Planted, SumsInOrderOfArrivalAreFound) {
  EXPECT_TRUE(mention(check(Mutation::ArrivalOrder, slowLinks()), "got"));
}

TEST_F(Planted, RanksThatHoldDifferentBitsOfARowAreFound) {
  EXPECT_EQ(check(Mutation::None, {}, WireType::BF16), std::vector<std::string>());
  EXPECT_TRUE(mention(check(Mutation::OwnRowsExact, {}, WireType::BF16), "all_gather"));
}

TEST_F(Planted, AnEarlyFlagIsFoundByTheScheduleChecker) {
  setMutation(Mutation::EarlyFlag);
  Topology topo = topology();
  RowMap rows;
  ASSERT_TRUE(RowMap::create(topo, std::vector<int64_t>(6, 9),
                             std::vector<std::vector<uint8_t>>(6), rows)
                  .ok());
  std::vector<StepList> steps;
  for (int rank = 0; rank < topo.rankCount(); ++rank)
    steps.push_back(buildSteps(ScheduleKind::Dispatch, topo, rows, 3, rank));
  const Status status = checkSchedule(ScheduleKind::Dispatch, topo, steps);
  EXPECT_NE(status.message().find("(C4)"), std::string::npos) << status.message();
}

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define MXS_THREAD_SANITIZER // reports the race itself, which is not what is tested here
#endif
#endif
#if !defined(MXS_THREAD_SANITIZER) && !defined(__SANITIZE_THREAD__)
TEST_F(Planted, AnEarlyFlagIsFoundByTheResult) {
  // Device 1's messages are slower: device 0 gathers them before they are there.
  EXPECT_FALSE(check(Mutation::EarlyFlag, {{LinkFault::Delay, 1, -1, -1, 20'000'000},
                                           {LinkFault::Delay, 3, -1, -1, 20'000'000}})
                   .empty());
}
#endif

} // namespace mxs::test
