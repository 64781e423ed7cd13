//===- ScheduleBuilder.h - What the two schedules have in common ---------------------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_COMM_SCHEDULEBUILDER_H
#define MIXSERVE_RUNTIME_COMM_SCHEDULEBUILDER_H

#include "comm/Schedule.h"

#include <utility>

namespace mxs {

class ScheduleBuilder {
public:
  /// `memory`: a list of an earlier step, used again.
  ScheduleBuilder(const Topology &topology, const RowMap &rows, int chunks, int rank,
                  StepList memory)
      : topology(topology), node(topology.nodeOf(rank)), device(topology.deviceOf(rank)),
        steps(std::move(memory)), rows(rows), chunks(chunks) {
    steps.clear();
  }

  /// A step about (chunk, `homeNode`) on this lane; its rows are those of the lane's rank there.
  Step step(StepKind kind, int chunk, int homeNode) const {
    Step result{kind};
    result.chunk = chunk;
    result.node = homeNode;
    setHome(result, topology.rankOf(homeNode, device));
    return result;
  }
  /// Makes `home`'s chunk the rows of `step`.
  void setHome(Step &step, int home) const {
    const int64_t owned = rows.ownedRows(home);
    step.first = RowMap::chunkBegin(owned, step.chunk, chunks);
    step.rows = RowMap::chunkBegin(owned, step.chunk + 1, chunks) - step.first;
  }

  /// Consecutive nodes, on from the first after the last.
  struct NodeRange {
    int first, count;
  };
  NodeRange ownNode() const { return {node, 1}; }
  NodeRange otherNodes() const { return {(node + 1) % topology.nodes, topology.nodes - 1}; }
  NodeRange allNodes() const { return {node, topology.nodes}; }

  void publish(int chunk, NodeRange homes, ChunkRows flag) {
    Step result = step(StepKind::Publish, chunk, homes.first);
    result.nodes = homes.count;
    result.setFlag = chunkFlag(chunk, flag);
    steps.push_back(result);
  }

  /// Takes the rows of (chunk, homes) that the ranks of `group`, which is on this node, offer.
  void gather(const RankGroup &group, int chunk, NodeRange homes, ChunkRows flag) {
    Step result = step(StepKind::Gather, chunk, homes.first);
    result.nodes = homes.count;
    result.device = group.firstDevice;
    result.devices = group.devices;
    if (group.devices > 1) // a rank's own rows are there by program order
      result.waitFlag = chunkFlag(chunk, flag);
    steps.push_back(result);
  }

  /// Shows this rank's buffers and waits for those of `group`'s ranks, which are on this node.
  void enter(const RankGroup &group) {
    Step result{StepKind::Enter};
    result.setFlag = NodeShared::Entered;
    steps.push_back(result);
    await(group.firstDevice, group.devices, NodeShared::Entered);
  }
  /// Buffers of this collective are free for the next one when this is done.
  void leave() {
    Step result{StepKind::Leave};
    result.setFlag = NodeShared::Left;
    steps.push_back(result);
    steps.push_back(Step{StepKind::WaitSends});
    await(0, topology.devices, NodeShared::Left);
  }

  /// The other nodes, starting after this one: no two ranks of a lane begin with the same target.
  template <class Action> void forOtherNodes(Action action) const {
    for (int i = 1; i < topology.nodes; ++i)
      action((node + i) % topology.nodes);
  }

  const Topology &topology;
  const int node, device;
  StepList steps;

private:
  void await(int firstDevice, int devices, int flag) {
    if (devices == 1)
      return;
    Step result{StepKind::Await};
    result.device = firstDevice;
    result.devices = devices;
    result.waitFlag = flag;
    steps.push_back(result);
  }

  const RowMap &rows;
  const int chunks;
};

StepList buildDispatchSteps(const Topology &topology, const RowMap &rows, int chunks, int rank,
                            bool reduce, StepList memory);
StepList buildCombineSteps(const Topology &topology, const RowMap &rows, int chunks, int rank,
                           bool gather, StepList memory);

} // namespace mxs

#endif // MIXSERVE_RUNTIME_COMM_SCHEDULEBUILDER_H
