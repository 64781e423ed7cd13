//===- DispatchSchedule.cpp - Steps of ag_dispatch ----------------------------------------------===//
//
//   reduce 0, region 0, send 0, reduce 1, region 1, send 1, ...
//   gather own 0, receive 0, gather 0, gather own 1, receive 1, gather 1, ...
//
// What the network carries is made first, so that it never waits for this rank: it moves chunk 1
// while chunk 2 is reduced, and the last ones while the first ones are gathered.
//
//===----------------------------------------------------------------------===//

#include "comm/ScheduleBuilder.h"
#include "core/Mutation.h"

namespace mxs {

static void gather(ScheduleBuilder &build, int chunk, int node) {
  build.gather(build.topology.node(build.node), chunk, node);
}

static void receiveAndGather(ScheduleBuilder &build, int chunk) {
  const bool early = mutated(Mutation::EarlyFlag) && chunk == 0;
  build.forOtherNodes([&](int node) {
    if (early)
      build.publish(chunk, node);
    build.steps.push_back(build.step(StepKind::Recv, chunk, node));
    if (!early)
      build.publish(chunk, node);
  });
  build.forOtherNodes([&](int node) { gather(build, chunk, node); });
}

StepList buildDispatchSteps(const Topology &topology, const RowMap &rows, int chunks, int rank,
                            bool reduce, StepList memory) {
  ScheduleBuilder build(topology, rows, chunks, rank, std::move(memory));
  for (int chunk = 0; chunk < chunks; ++chunk)
    build.forOtherNodes(
        [&](int node) { build.steps.push_back(build.step(StepKind::PostRecv, chunk, node)); });
  build.enter(reduce ? topology.attnRanks(rank) : RankGroup{rank, 1, build.node, 1, build.device, 1});

  for (int chunk = 0; chunk < chunks; ++chunk) {
    if (reduce)
      build.steps.push_back(build.step(StepKind::Reduce, chunk, build.node));
    build.steps.push_back(build.step(StepKind::Region, chunk, build.node));
    build.forOtherNodes([&](int node) {
      Step step = build.step(StepKind::Send, chunk, node);
      build.setHome(step, rank);
      build.steps.push_back(step);
    });
    build.publish(chunk, build.node);
  }
  for (int chunk = 0; chunk < chunks; ++chunk) {
    gather(build, chunk, build.node);
    receiveAndGather(build, chunk);
  }
  build.leave();
  return std::move(build.steps);
}

} // namespace mxs
