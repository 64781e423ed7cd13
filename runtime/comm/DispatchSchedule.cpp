//===- DispatchSchedule.cpp - Steps of ag_dispatch --------------------------------------------===//
//
//   reduce 0, region 0, send 0, reduce 1, region 1, send 1, ...
//   gather own 0, receive 0, gather 0, gather own 1, receive 1, gather 1, ...
//
// In one chunk all rows are gathered at the end, with one wait for the node's ranks and not two.
//
// What the network carries is made first, so that it never waits for this rank: it moves chunk 1
// while chunk 2 is reduced, and the last ones while the first ones are gathered.
//
//===----------------------------------------------------------------------===//

#include "comm/ScheduleBuilder.h"
#include "core/Mutation.h"

namespace mxs {

/// The rows of `homes` that are not published when the chunk is sent.
static void receiveAndGather(ScheduleBuilder &build, int chunk, ScheduleBuilder::NodeRange homes) {
  if (homes.count == 0)
    return;
  const bool early = mutated(Mutation::EarlyFlag) && chunk == 0;
  if (early)
    build.publish(chunk, homes, ChunkRows::Arrived);
  build.forOtherNodes(
      [&](int node) { build.steps.push_back(build.step(StepKind::Recv, chunk, node)); });
  if (!early)
    build.publish(chunk, homes, ChunkRows::Arrived);
  build.gather(build.topology.node(build.node), chunk, homes, ChunkRows::Arrived);
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
    if (chunks > 1)
      build.publish(chunk, build.ownNode(), ChunkRows::Own);
  }
  for (int chunk = 0; chunk < chunks; ++chunk) {
    if (chunks > 1)
      build.gather(topology.node(build.node), chunk, build.ownNode(), ChunkRows::Own);
    receiveAndGather(build, chunk, chunks > 1 ? build.otherNodes() : build.allNodes());
  }
  build.leave();
  return std::move(build.steps);
}

} // namespace mxs
