//===- ScheduleChecker.h - Proves a schedule sound -----------------------------------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_COMM_SCHEDULECHECKER_H
#define MIXSERVE_RUNTIME_COMM_SCHEDULECHECKER_H

#include "comm/Schedule.h"

namespace mxs {

/// Checks the steps of all ranks, `ranks[rank]`, of one fused collective:
///  - (C1) every send has one receive, posted before it is waited for, with the same bound, and the
///    messages of a pair of ranks are sent, posted and awaited in one order;
///  - (C2) a flag is set at most once, and a flag that is waited for is set;
///  - (C3) the ranks finish: no cycle of waits. A step that may run stays able to run, so one
///    order of execution stands for all;
///  - (C4) what a step reads was written before it, in every order of execution (vector clocks);
///  - (C5) a rank returns only when nobody reads its memory or waits for its flags any more, so
///    that the next collective may reuse both;
///  - (C6) nothing is left out: each (chunk, node, device) is gathered, each chunk added.
/// MXS_INTERNAL with the first violation, its rank and its step.
Status checkSchedule(ScheduleKind kind, const Topology &topology,
                     const std::vector<StepList> &ranks);

} // namespace mxs

#endif // MIXSERVE_RUNTIME_COMM_SCHEDULECHECKER_H
