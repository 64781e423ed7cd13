//===- Explain.h - Plain-language reasons ------------------------*- C++ -*-===//
#ifndef MIXSERVE_LIB_PLAN_EXPLAIN_H
#define MIXSERVE_LIB_PLAN_EXPLAIN_H

#include "mixserve/Plan/PlanSearch.h"

namespace mixserve::planner {

/// What was forced, and by which terms of the completion time the choice beats the best other
/// layout.
std::string explainChoice(const PlanRequest &request, const Plan &plan);

/// Why nothing is left, and what to do; a single reason is given in full.
std::string explainInfeasible(const PlanRequest &request, const std::vector<Candidate> &candidates);

/// "layout attn_tp=..; moe-comm hybrid" of what the user fixed, or "".
std::string forcedBy(const Overrides &overrides);

} // namespace mixserve::planner

#endif // MIXSERVE_LIB_PLAN_EXPLAIN_H
