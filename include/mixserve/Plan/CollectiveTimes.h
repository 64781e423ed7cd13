//===- CollectiveTimes.h - A step's communication by collective --*- C++ -*-===//
#ifndef MIXSERVE_PLAN_COLLECTIVETIMES_H
#define MIXSERVE_PLAN_COLLECTIVETIMES_H

#include "mixserve/Plan/StepCost.h"

#include <array>

namespace mixserve::planner {

/// What communicates: a site alone (kCommOps, in their order), or a fused op that covers several.
constexpr std::array<const char *, 10> kTimedOps = {
    "embed_rs",   "attn_ag", "attn_rs",    "dispatch",    "dispatch_ag",
    "combine_rs", "combine", "lm_head_ag", "ag_dispatch", "rs_combine"};

/// By kTimedOps: time [ns] of all collectives of this kind in a step, 0 if there is none.
using CollectiveTimes = std::array<double, kTimedOps.size()>;

/// The communication of stepCost(), which is the sum of these. What a layer is predicted to take
/// (if it was calibrated: with what processors add) is shared out as its collectives' times on the
/// links are; in a fused layer the fused ops hide attention's collectives, which are then 0.
CollectiveTimes collectiveTimes(const PlanContext &context, const Layout &layout, Method method,
                                int64_t chunks, const StepLoad &load);

} // namespace mixserve::planner

#endif // MIXSERVE_PLAN_COLLECTIVETIMES_H
