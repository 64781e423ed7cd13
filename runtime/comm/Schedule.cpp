//===- Schedule.cpp -----------------------------------------------------------------------------===//

#include "comm/Schedule.h"
#include "comm/ScheduleBuilder.h"

namespace mxs {

StepList buildSteps(ScheduleKind kind, const Topology &topology, const RowMap &rows, int chunks,
                    int rank, StepList memory) {
  if (kind == ScheduleKind::Combine || kind == ScheduleKind::CombineGather)
    return buildCombineSteps(topology, rows, chunks, rank, kind == ScheduleKind::CombineGather,
                             std::move(memory));
  return buildDispatchSteps(topology, rows, chunks, rank, kind == ScheduleKind::ReduceDispatch,
                            std::move(memory));
}

const char *stepName(StepKind kind) {
  switch (kind) {
  case StepKind::PostRecv:
    return "post-recv";
  case StepKind::Enter:
    return "enter";
  case StepKind::Await:
    return "await";
  case StepKind::Reduce:
    return "reduce";
  case StepKind::Region:
    return "region";
  case StepKind::Send:
    return "send";
  case StepKind::Recv:
    return "recv";
  case StepKind::Publish:
    return "publish";
  case StepKind::Gather:
    return "gather";
  case StepKind::Add:
    return "add";
  case StepKind::Leave:
    return "leave";
  case StepKind::WaitSends:
    return "wait-sends";
  }
  return "unknown";
}

} // namespace mxs
