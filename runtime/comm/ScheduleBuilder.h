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

  void publish(int chunk, int homeNode) {
    Step result = step(StepKind::Publish, chunk, homeNode);
    result.setFlag = chunkFlag(topology, chunk, homeNode);
    steps.push_back(result);
  }

  /// Takes the rows of (chunk, homeNode) that each rank of `group`, which is on this node, offers.
  void gather(const RankGroup &group, int chunk, int homeNode) {
    for (int i = 0; i < group.devices; ++i) {
      const int peer = group.firstDevice + (device - group.firstDevice + i) % group.devices;
      Step result = step(StepKind::Gather, chunk, homeNode);
      result.device = peer;
      // A rank's own rows are there by program order.
      if (peer != device)
        result.waitFlag = chunkFlag(topology, chunk, homeNode);
      // The rows that `peer` offers are those of its own lane.
      setHome(result, topology.rankOf(homeNode, peer));
      steps.push_back(result);
    }
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
    for (int i = 0; i < devices; ++i) {
      Step result{StepKind::Await};
      result.device = firstDevice + i;
      result.waitFlag = flag;
      if (result.device != device)
        steps.push_back(result);
    }
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
