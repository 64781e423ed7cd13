//===- VerifyPlanned.cpp - A complete and legal plan ----------------------===//
#include "mixserve/Plan/LayoutSpace.h"
#include "mixserve/Plan/Passes.h"
#include "mixserve/Plan/ReadShape.h"

#include "PlanAttributes.h"

using namespace mlir;

namespace mixserve {
#define GEN_PASS_DEF_VERIFYPLANNED
#include "mixserve/Plan/Passes.h.inc"
namespace {

LogicalResult verifyTable(ModuleOp module, const PlanFacts &facts) {
  int64_t before = 0;
  for (const planner::TableEntry &entry : facts.table) {
    if (entry.maxTokens <= before)
      return emitError(module.getLoc(), "plan.table must ascend in max_tokens, got ")
             << entry.maxTokens << " after " << before;
    before = entry.maxTokens;
    if (std::string why = planner::whyIllegal(facts.mesh, facts.layout, entry.method); !why.empty())
      return emitError(module.getLoc(), "plan.table: ") << why;
    if (entry.chunks > 1 && !planner::worksInChunks(entry.method))
      return emitError(module.getLoc(), "plan.table: ")
             << planner::name(entry.method)
             << " does not work in chunks, got chunks = " << entry.chunks;
  }
  if (before < facts.limits.maxBatchTokens)
    return emitError(module.getLoc(), "plan.table ends at ")
           << before << " tokens, plan.limits allows " << facts.limits.maxBatchTokens;
  return success();
}

struct VerifyPlanned : impl::VerifyPlannedBase<VerifyPlanned> {
  using VerifyPlannedBase::VerifyPlannedBase;

  void runOnOperation() override {
    if (failed(verifyPlan(getOperation())))
      signalPassFailure();
    markAllAnalysesPreserved();
  }

  LogicalResult verifyPlan(ModuleOp module) {
    const std::optional<PlanFacts> facts = readPlanAttributes(module);
    if (!facts)
      return failure();
    for (StringRef name : {plan::kHardwareAttr, plan::kCostAttr})
      if (!module->hasAttr(name))
        return emitError(module.getLoc(), "module attribute ")
               << name << " is missing: run the plan phase first";
    const std::optional<planner::ModelShape> model = readModelShape(module);
    if (!model)
      return failure();
    if (std::string why = planner::whyIllegal(facts->mesh, facts->layout, *model); !why.empty())
      return emitError(module.getLoc(), "plan.layout: ") << why;
    return verifyTable(module, *facts);
  }
};

} // namespace
} // namespace mixserve
