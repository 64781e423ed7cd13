//===- PlanSearch.h - Every candidate, and the cheapest that fits -*- C++ -*-===//
#ifndef MIXSERVE_PLAN_PLANSEARCH_H
#define MIXSERVE_PLAN_PLANSEARCH_H

#include "mixserve/Plan/MemoryCost.h"
#include "mixserve/Plan/StepCost.h"

#include <optional>
#include <string>
#include <vector>

namespace mixserve::planner {

/// What the user fixed. Each is honoured or the search says why it cannot be.
struct Overrides {
  std::optional<Layout> layout;
  std::optional<Method> method;
  std::optional<int64_t>
      chunks; ///< of hybrid-fused or hier-ep; above 1 and without a method it fixes hybrid-fused
  std::optional<int64_t> microBatches; ///< 1 or 2, for steps of all sizes
};

/// Why no search can honour these together ("chunks=2 needs moe-comm=hybrid-fused or hier-ep, .."),
/// or "".
std::string whyContradictory(const Overrides &overrides);

/// A layout with one dispatch method for all steps (chunks chosen per step size).
struct Candidate {
  Layout layout;
  Method method;
  std::string refused; ///< why it cannot be, or "" and the rest is set
  std::vector<TableEntry> table;
  ServingCost cost;
  Memory memory;
};

/// From this step size on (up to the next line's), this is the fastest step.
struct CrossOver {
  int64_t tokens;
  Layout layout;
  Method method;
  int64_t chunks;
  double stepNs;
};

struct Plan {
  Layout layout;
  std::vector<TableEntry> table; ///< methods may differ by step size
  ServingCost cost;
  Memory memory;
  Limits limits;
  std::vector<Candidate> candidates; ///< cheapest first; refused ones last, in enumeration order
  std::vector<CrossOver> crossOvers; ///< over all layouts that fit
  std::string why;                   ///< plain language: what the winner wins by
};

struct PlanRequest {
  const Cluster &cluster;
  const ModelShape &model;
  const RoutingLoad &routing;
  Workload workload;
  Limits limits; ///< 0 = default
  Overrides overrides;
};

enum class PlanFailure { None, BadRequest, Infeasible };

struct PlanResult {
  PlanFailure failure = PlanFailure::None;
  std::string error; ///< of a failure: what and what to do
  Plan plan;         ///< candidates are set for Infeasible too
};

/// Score = time to complete the workload. Ties go to the earlier candidate (fewer TP ranks, simpler
/// method).
PlanResult searchPlan(const PlanRequest &request);

} // namespace mixserve::planner

#endif // MIXSERVE_PLAN_PLANSEARCH_H
