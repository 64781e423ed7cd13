//===- ScheduleRunner.h - Performs a rank's steps -------------------------------------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_COMM_SCHEDULERUNNER_H
#define MIXSERVE_RUNTIME_COMM_SCHEDULERUNNER_H

#include "comm/Call.h"

#include <algorithm>

namespace mxs {

/// Runs `steps` in order: waits for a step's flag, performs it, sets its flag, records it in the
/// trace. Steps that only wait or signal are done here; `perform(step)` does the others.
template <class Perform> Status runSteps(Call &call, const StepList &steps, Perform perform) {
  Trace &trace = call.state.world.trace();
  for (const Step &step : steps) {
    const int64_t begin = trace.enabled() ? steadyNs() : 0;
    if (step.waitFlag >= 0)
      MXS_TRY(call.waitFlags(step.device, step.devices, step.waitFlag, call.state.sequence,
                             step.kind == StepKind::Await ? "did not take part in the collective"
                                                          : "did not publish its rows",
                             step.chunk));
    const int64_t ready = trace.enabled() ? steadyNs() : 0;
    switch (step.kind) {
    case StepKind::Await:
      break;
    case StepKind::Leave:
      call.settle();
      break;
    case StepKind::WaitSends:
      MXS_TRY(call.waitSends());
      break;
    default:
      MXS_TRY(perform(step));
    }
    if (step.setFlag >= 0)
      call.setFlag(step.setFlag);
    if (trace.enabled()) {
      // A wait of its own event: an interval of work must not hold time spent asleep for a peer.
      if (step.waitFlag >= 0)
        trace.add({"wait", call.site, call.state.self, -1, step.chunk, step.device, begin, ready,
                   call.state.stream});
      if (step.kind != StepKind::Await)
        trace.add({stepName(step.kind), call.site, call.state.self, -1, step.chunk,
                   step.device >= 0 ? call.topo.rankOf(step.node, step.device) : step.node, ready,
                   steadyNs(), call.state.stream});
    }
  }
  return okStatus();
}

/// A part [begin, end) of a list.
struct ListRange {
  int64_t begin, end;
  int64_t count() const { return end - begin; }
};
/// The entries of the ascending `list` that are in [first, first + rows).
inline ListRange rangeOf(const std::vector<int32_t> &list, int64_t first, int64_t rows) {
  auto at = [&](int64_t row) {
    return std::lower_bound(list.begin(), list.end(), row) - list.begin();
  };
  return {at(first), at(first + rows)};
}
/// Those that belong to the chunk of `step`.
inline ListRange chunkOf(const std::vector<int32_t> &list, const Step &step) {
  return rangeOf(list, step.first, step.rows);
}

} // namespace mxs

#endif // MIXSERVE_RUNTIME_COMM_SCHEDULERUNNER_H
