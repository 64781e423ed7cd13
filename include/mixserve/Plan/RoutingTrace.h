//===- RoutingTrace.h - Recorded expert ids of a run -------------*- C++ -*-===//
#ifndef MIXSERVE_PLAN_ROUTINGTRACE_H
#define MIXSERVE_PLAN_ROUTINGTRACE_H

#include "mixserve/Plan/Mesh.h"

#include <optional>
#include <string>
#include <vector>

namespace mixserve::planner {

/// One sequence's share of a recorded step.
struct TraceSequence {
  int64_t group;  ///< attention group
  int64_t tokens; ///< rows in this step
  int64_t asked;  ///< of them, the last `asked` have their logits computed
};

struct TraceStep {
  Method method;
  int64_t chunks = 1;
  std::vector<TraceSequence> sequences;  ///< in ascending group
  std::vector<std::vector<int32_t>> ids; ///< [moe layer][T*K], rows in global order, each in [0, E)

  int64_t tokens() const {
    int64_t sum = 0;
    for (const TraceSequence &sequence : sequences)
      sum += sequence.tokens;
    return sum;
  }
};

/// What `mixserve-run --routing-out` writes.
struct RoutingTrace {
  int64_t topK = 0, experts = 0;
  std::vector<int64_t> moeLayers;
  std::vector<TraceStep> steps;
};

/// Reads JSON of schema mixserve.routing/v1 and checks counts and ranges. On failure: nothing, and
/// `error` = "path: step S, ...: what".
std::optional<RoutingTrace> parseRoutingTrace(const std::string &text, const std::string &path,
                                              std::string &error);

std::optional<RoutingTrace> readRoutingTrace(const std::string &path, std::string &error);

} // namespace mixserve::planner

#endif // MIXSERVE_PLAN_ROUTINGTRACE_H
