//===- CombineSchedule.cpp - Steps of rs_combine ----------------------------------------------===//
//
// Rows that go to other nodes are summed and sent first, so that the network works while this
// node's own rows are summed; those hide the last messages. With a gather, a chunk that is complete
// goes through the region and is offered to the attention group, and is gathered while the network
// moves the next one: the group's ranks complete a chunk within the time of that, since their
// messages share a link. Only the last chunk's gather is left when the network is done.
//
//===----------------------------------------------------------------------===//

#include "comm/ScheduleBuilder.h"

namespace mxs {

StepList buildCombineSteps(const Topology &topology, const RowMap &rows, int chunks, int rank,
                           bool gather, StepList memory) {
  ScheduleBuilder build(topology, rows, chunks, rank, std::move(memory));
  for (int chunk = 0; chunk < chunks; ++chunk)
    build.forOtherNodes([&](int node) {
      Step step = build.step(StepKind::PostRecv, chunk, node);
      build.setHome(step, rank);
      build.steps.push_back(step);
    });
  build.enter(topology.node(build.node));

  for (int chunk = 0; chunk < chunks; ++chunk)
    build.forOtherNodes([&](int node) {
      build.steps.push_back(build.step(StepKind::Reduce, chunk, node));
      build.steps.push_back(build.step(StepKind::Send, chunk, node));
    });
  for (int chunk = 0; chunk < chunks; ++chunk) {
    build.steps.push_back(build.step(StepKind::Reduce, chunk, build.node));
    if (gather && chunk > 0)
      build.gather(topology.attnRanks(rank), chunk - 1, build.ownNode(), ChunkRows::Own);
    build.forOtherNodes([&](int node) {
      Step step = build.step(StepKind::Recv, chunk, node);
      build.setHome(step, rank);
      build.steps.push_back(step);
    });
    build.steps.push_back(build.step(StepKind::Add, chunk, build.node));
    if (!gather)
      continue;
    build.steps.push_back(build.step(StepKind::Region, chunk, build.node));
    build.publish(chunk, build.ownNode(), ChunkRows::Own);
  }
  if (gather)
    build.gather(topology.attnRanks(rank), chunks - 1, build.ownNode(), ChunkRows::Own);
  build.leave();
  return std::move(build.steps);
}

} // namespace mxs
