//===- ScheduleTest.cpp - Every schedule is proved; the checker sees every kind of fault ------===//

#include "comm/ScheduleChecker.h"

#include "gtest/gtest.h"

#include <algorithm>

namespace mxs {

static Topology mesh(int nodes, int devices, int attnTp) {
  Topology topo;
  topo.nodes = nodes;
  topo.devices = devices;
  topo.attnTp = attnTp;
  topo.experts = 8;
  return topo;
}

static std::vector<StepList> allSteps(ScheduleKind kind, const Topology &topo, int chunks,
                                      int64_t tokens) {
  std::vector<int64_t> groups;
  for (int g = 0; g < topo.attnGroups(); ++g)
    groups.push_back(g % 2 ? 0 : tokens + g);
  RowMap rows;
  EXPECT_TRUE(
      RowMap::create(topo, groups, std::vector<std::vector<uint8_t>>(groups.size()), rows).ok());
  std::vector<StepList> steps;
  for (int rank = 0; rank < topo.rankCount(); ++rank)
    steps.push_back(buildSteps(kind, topo, rows, chunks, rank));
  return steps;
}

TEST(Schedule, IsSoundOnEveryMeshAndChunkCount) {
  int checked = 0;
  for (int nodes = 1; nodes <= 4; ++nodes)
    for (int devices = 1; devices <= 4; ++devices)
      for (int attnTp = 1; attnTp <= devices; ++attnTp) {
        const Topology topo = mesh(nodes, devices, attnTp);
        if (!topo.check().ok())
          continue;
        for (int chunks = 1; chunks <= 8; ++chunks)
          for (ScheduleKind kind : {ScheduleKind::Dispatch, ScheduleKind::ReduceDispatch,
                                    ScheduleKind::Combine, ScheduleKind::CombineGather}) {
            const Status status =
                checkSchedule(kind, topo, allSteps(kind, topo, chunks, /*tokens=*/13));
            ASSERT_TRUE(status.ok()) << nodes << "x" << devices << " attn_tp " << attnTp
                                     << " chunks " << chunks << ": " << status.message();
            ++checked;
          }
      }
  EXPECT_EQ(checked, 4 * 8 * 8 * 4);
}

TEST(Schedule, DoesNotDependOnRouting) {
  // Nothing but topology, rows and chunks goes in; a chunk without rows still has its messages.
  const Topology topo = mesh(2, 2, 1);
  const std::vector<StepList> none = allSteps(ScheduleKind::Dispatch, topo, 3, 0);
  const std::vector<StepList> some = allSteps(ScheduleKind::Dispatch, topo, 3, 50);
  for (int rank = 0; rank < 4; ++rank) {
    ASSERT_EQ(none[rank].size(), some[rank].size());
    for (size_t i = 0; i < none[rank].size(); ++i)
      EXPECT_EQ(none[rank][i].kind, some[rank][i].kind);
  }
}

/// How often a rank stops for other ranks of its node, and for messages.
struct Stops {
  int flags = 0, messages = 0;
};
static Stops stopsOf(const StepList &steps) {
  Stops result;
  for (const Step &step : steps) {
    result.flags += step.waitFlag >= 0;
    result.messages += step.kind == StepKind::Recv;
  }
  return result;
}

// Where ranks share processors every stop is a switch of threads.
TEST(Schedule, InOneChunkStopsNoMoreThanTheCollectivesApart) {
  for (int nodes = 1; nodes <= 4; ++nodes) {
    const Topology topo = mesh(nodes, 4, 4);
    const Stops dispatch = stopsOf(allSteps(ScheduleKind::ReduceDispatch, topo, 1, 8)[1]);
    EXPECT_EQ(dispatch.flags, 3); // reduce_scatter: entered; dispatch: entered, left
    EXPECT_EQ(dispatch.messages, nodes - 1);
    const Stops combine = stopsOf(allSteps(ScheduleKind::CombineGather, topo, 1, 8)[1]);
    EXPECT_EQ(combine.flags, 3); // combine: entered, left; all_gather: entered
    EXPECT_EQ(combine.messages, nodes - 1);
  }
}

/// Faults are planted in rank 1 of a 2x2 mesh with 3 chunks.
class ScheduleFault : public testing::Test {
protected:
  Topology topo = mesh(2, 2, 2);
  ScheduleKind kind = ScheduleKind::ReduceDispatch;
  std::vector<StepList> steps = allSteps(kind, topo, 3, 10);

  StepList::iterator find(StepKind wanted, int chunk) {
    return std::find_if(steps[1].begin(), steps[1].end(), [&](const Step &step) {
      return step.kind == wanted && (chunk < 0 || step.chunk == chunk);
    });
  }
  void expectViolation(const char *rule) {
    const Status status = checkSchedule(kind, topo, steps);
    EXPECT_EQ(status.code(), MXS_INTERNAL);
    EXPECT_NE(status.message().find(rule), std::string::npos) << status.message();
  }
};

TEST_F(ScheduleFault, C1SendWithoutReceive) {
  steps[1].erase(find(StepKind::Recv, 1));
  expectViolation("(C1)");
}
TEST_F(ScheduleFault, C1Bound) {
  find(StepKind::PostRecv, 2)->rows -= 1;
  expectViolation("(C1)");
}
TEST_F(ScheduleFault, C1Order) {
  std::iter_swap(find(StepKind::Send, 0), find(StepKind::Send, 1));
  expectViolation("(C1)");
}
TEST_F(ScheduleFault, C1PostedLate) {
  const Step post = *find(StepKind::PostRecv, 2);
  steps[1].erase(find(StepKind::PostRecv, 2));
  steps[1].insert(find(StepKind::Recv, 2) + 1, post);
  expectViolation("(C1)");
}
TEST_F(ScheduleFault, C2SetTwice) {
  steps[1].insert(find(StepKind::Publish, 1), *find(StepKind::Publish, 1));
  expectViolation("(C2)");
}
TEST_F(ScheduleFault, C2NeverSet) {
  steps[1].erase(find(StepKind::Publish, 1));
  expectViolation("(C2)");
}
TEST_F(ScheduleFault, C3Cycle) {
  // Rank 1 gathers what rank 0 received in chunk 0 before it computes its own chunk 0, which rank 0
  // gathers before it receives.
  auto last = std::find_if(steps[1].begin(), steps[1].end(), [&](const Step &step) {
    return step.kind == StepKind::Gather && step.chunk == 0 && step.device == 0 && step.node == 1;
  });
  const Step gather = *last;
  steps[1].erase(last);
  steps[1].insert(find(StepKind::Region, 0), gather);
  expectViolation("(C3)");
}
TEST_F(ScheduleFault, C4FlagBeforeData) {
  auto publish = std::find_if(steps[1].begin(), steps[1].end(), [&](const Step &step) {
    return step.kind == StepKind::Publish && step.node == 1;
  });
  const Step early = *publish;
  steps[1].erase(publish);
  steps[1].insert(find(StepKind::Recv, early.chunk), early);
  expectViolation("(C4)");
}
TEST_F(ScheduleFault, C4NoWait) {
  auto gather = std::find_if(steps[1].begin(), steps[1].end(), [&](const Step &step) {
    return step.kind == StepKind::Gather && step.waitFlag >= 0;
  });
  gather->waitFlag = -1;
  expectViolation("(C4)");
}
TEST_F(ScheduleFault, C5ReturnsTooEarly) {
  StepList &list = steps[1];
  list.erase(std::remove_if(list.begin(), list.end(),
                            [](const Step &step) {
                              return step.kind == StepKind::Await &&
                                     step.waitFlag == NodeShared::Left;
                            }),
             list.end());
  expectViolation("(C5)");
}
TEST_F(ScheduleFault, C6LeftOut) {
  steps[1].erase(find(StepKind::Gather, 1));
  expectViolation("(C6)");
}
TEST_F(ScheduleFault, C6DeviceLeftOut) {
  find(StepKind::Gather, 1)->devices -= 1;
  expectViolation("(C6)");
}
TEST_F(ScheduleFault, C6NodeLeftOut) {
  steps = allSteps(kind, topo, 1, 10);
  ASSERT_EQ(find(StepKind::Gather, 0)->nodes, 2);
  find(StepKind::Gather, 0)->nodes -= 1;
  expectViolation("(C6)");
}

/// The same in a combine with a gather at its end.
class GatherFault : public ScheduleFault {
protected:
  GatherFault() {
    kind = ScheduleKind::CombineGather;
    steps = allSteps(kind, topo, 3, 10);
  }
};

TEST_F(GatherFault, C4NoWait) {
  std::find_if(steps[1].begin(), steps[1].end(), [&](const Step &step) {
    return step.kind == StepKind::Gather && step.waitFlag >= 0;
  })->waitFlag = -1;
  expectViolation("(C4)");
}
TEST_F(GatherFault, C4RegionBeforeTheSums) {
  std::iter_swap(find(StepKind::Region, 1), find(StepKind::Add, 1));
  expectViolation("(C4)");
}
TEST_F(GatherFault, C4PublishedBeforeTheRegion) {
  std::iter_swap(find(StepKind::Region, 1), find(StepKind::Publish, 1));
  expectViolation("(C4)");
}
// What is left when the network is done: one chunk's gather.
TEST_F(GatherFault, AChunkIsGatheredBeforeTheNextIsAwaited) {
  const StepList &list = steps[1];
  for (auto step = list.begin(); step != list.end(); ++step)
    for (auto later = step; later != list.end(); ++later) {
      if (step->kind == StepKind::Recv && later->kind == StepKind::Gather) {
        EXPECT_GE(later->chunk, step->chunk);
      }
    }
}
TEST_F(GatherFault, C6LeftOut) {
  steps[1].erase(find(StepKind::Gather, 2));
  expectViolation("(C6)");
}

} // namespace mxs
