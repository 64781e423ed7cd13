//===- Passes.h - Passes of the plan phase -----------------------*- C++ -*-===//
#ifndef MIXSERVE_PLAN_PASSES_H
#define MIXSERVE_PLAN_PASSES_H

#include "dialects/nn/NNDialect.h"
#include "dialects/plan/PlanDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"

namespace mixserve {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "mixserve/Plan/Passes.h.inc"

/// The plan phase: mixserve-assign-weight-types, mixserve-select-plan, mixserve-verify-planned.
void buildPlanPipeline(mlir::OpPassManager &pm, const SelectPlanOptions &options,
                       const AssignWeightTypesOptions &weights = {});
/// Byte counts on the collectives, after shard.
void buildAnnotateCostPipeline(mlir::OpPassManager &pm);

} // namespace mixserve

#endif // MIXSERVE_PLAN_PASSES_H
