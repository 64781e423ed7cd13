//===- PlanReport.h - A plan as text and as JSON -----------------*- C++ -*-===//
#ifndef MIXSERVE_PLAN_PLANREPORT_H
#define MIXSERVE_PLAN_PLANREPORT_H

#include "mixserve/Plan/PlanSearch.h"

namespace mixserve::planner {

/// Aligned tables: the first `top` candidates (0 = all), refused ones with reasons, the choice and
/// why, cross-overs.
std::string planAsText(const PlanRequest &request, const Plan &plan, int64_t top);
/// The same facts, schema mixserve.plan/v1.
std::string planAsJson(const PlanRequest &request, const Plan &plan, int64_t top);
/// One line for a candidate, as remarks and tables use it: cost, or the reason for its refusal.
std::string describe(const Candidate &candidate);

} // namespace mixserve::planner

#endif // MIXSERVE_PLAN_PLANREPORT_H
