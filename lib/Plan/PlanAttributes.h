//===- PlanAttributes.h - The planner's structs as attributes ----*- C++ -*-===//
#ifndef MIXSERVE_LIB_PLAN_PLANATTRIBUTES_H
#define MIXSERVE_LIB_PLAN_PLANATTRIBUTES_H

#include "dialects/plan/PlanDialect.h"
#include "mixserve/Plan/PlanSearch.h"
#include "mlir/IR/BuiltinOps.h"

#include <optional>

namespace mixserve {

/// Writes `plan.*` of a successful search onto the module.
void setPlanAttributes(mlir::ModuleOp module, const planner::PlanRequest &request,
                       const planner::Plan &plan);

/// The part of a module's plan that later passes count with.
struct PlanFacts {
  planner::Mesh mesh;
  planner::Layout layout;
  planner::Workload workload;
  planner::Limits limits;
  std::vector<planner::TableEntry> table;
  planner::WireType wire = planner::WireType::F32;
};

/// Reads `plan.*` back. Nothing, with an error on the module, if one is missing or of the wrong
/// kind.
std::optional<PlanFacts> readPlanAttributes(mlir::ModuleOp module);

planner::Method toPlanner(plan::Method method);
plan::Method toDialect(planner::Method method);

} // namespace mixserve

#endif // MIXSERVE_LIB_PLAN_PLANATTRIBUTES_H
