//===- RoutingTrace.h - Which experts the rows of a run chose ---------------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_CORE_ROUTINGTRACE_H
#define MIXSERVE_RUNTIME_CORE_ROUTINGTRACE_H

#include "core/StepResult.h"

#include <string>
#include <vector>

namespace mxs {

/// Collects the steps of a run as mixserve.routing/v1:
/// {"schema", "top_k", "experts", "moe_layers": [..], "steps": [{"variant", "chunks", "sequences":
/// [{"group", "tokens", "asked"}], "ids": [[T*K ints, rows in global order] per MoE layer]}]}.
class RoutingTrace {
public:
  void add(const StepPlan &plan, const Manifest &manifest, const std::vector<RankResult> &ranks);
  std::string json(const Manifest &manifest) const;

private:
  std::vector<std::string> steps; // JSON text: compact, and never read back
};

} // namespace mxs

#endif // MIXSERVE_RUNTIME_CORE_ROUTINGTRACE_H
