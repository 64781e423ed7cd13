//===- DispatchSchedule.cpp - Steps of ag_dispatch ----------------------------------------------===//
//
//   chunk        0: reduce region send | gather own ...
//   chunk        1:                    reduce region send | gather own | receive 0, gather 0 ...
//
// A rank sends chunk c + 1 before it waits for chunk c of the other nodes: while it gathers c, the
// network moves c + 1, and c + 2 is reduced next.
//
//===----------------------------------------------------------------------===//

#include "comm/ScheduleBuilder.h"
#include "core/Mutation.h"

namespace mxs {

static void gather(ScheduleBuilder &build, int chunk, int node) {
  const Topology &topology = build.topology;
  for (int i = 0; i < topology.devices; ++i) {
    const int device = (build.device + i) % topology.devices;
    Step step = build.step(StepKind::Gather, chunk, node);
    step.device = device;
    // A rank's own rows are there by program order.
    if (device != build.device)
      step.waitFlag = chunkFlag(topology, chunk, node);
    // The rows that `device` offers are those of its own lane.
    build.setHome(step, topology.rankOf(node, device));
    build.steps.push_back(step);
  }
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
    gather(build, chunk, build.node);
    if (chunk > 0)
      receiveAndGather(build, chunk - 1);
  }
  receiveAndGather(build, chunks - 1);
  build.leave();
  return std::move(build.steps);
}

} // namespace mxs
