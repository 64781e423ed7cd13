//===- SelectPlan.cpp - Chooses layout and dispatch methods ---------------===//
#include "mixserve/Plan/LayoutSpace.h"
#include "mixserve/Plan/Passes.h"
#include "mixserve/Plan/PlanOptions.h"
#include "mixserve/Plan/PlanReport.h"
#include "mixserve/Plan/ReadShape.h"
#include "mixserve/Plan/Units.h"

#include "PlanAttributes.h"

#include "mlir/IR/Remarks.h"

using namespace mlir;

namespace mixserve {
#define GEN_PASS_DEF_SELECTPLAN
#include "mixserve/Plan/Passes.h.inc"
namespace {

remark::RemarkOpts remarkNamed(StringRef name) {
  return remark::RemarkOpts::name(name).category("plan");
}

std::string tableText(const std::vector<planner::TableEntry> &table) {
  std::string text;
  for (const planner::TableEntry &entry : table)
    text += (text.empty() ? "" : "; ") + std::string("up to ") + std::to_string(entry.maxTokens) +
            " tokens per step: " + planner::name(entry.method) + ", chunks " +
            std::to_string(entry.chunks) + (entry.microBatches > 1 ? ", in halves" : "");
  return text;
}

bool isChosen(const planner::Candidate &candidate, const planner::Plan &chosen) {
  return candidate.refused.empty() && candidate.layout == chosen.layout &&
         candidate.table == chosen.table;
}

void remarkCandidates(Location loc, const planner::Plan &chosen) {
  for (const planner::Candidate &candidate : chosen.candidates) {
    if (isChosen(candidate, chosen))
      continue;
    const std::string text = planner::describe(candidate);
    if (candidate.refused.empty())
      remark::missed(loc, remarkNamed("candidate")) << text;
    else
      remark::failed(loc, remarkNamed("candidate")) << text;
  }
}

void remarkChoice(Location loc, const planner::Plan &chosen) {
  remark::passed(loc, remarkNamed("chosen"))
      << "chosen " + chosen.layout.str() + "; " + tableText(chosen.table) + ". " + chosen.why;
  for (const planner::CrossOver &line : chosen.crossOvers)
    remark::analysis(loc, remarkNamed("cross_over"))
        << "from " + std::to_string(line.tokens) + " tokens per step the fastest is " +
               line.layout.str() + " moe-comm=" + planner::name(line.method) +
               " chunks=" + std::to_string(line.chunks) + ", " + planner::formatTime(line.stepNs);
}

struct SelectPlan : impl::SelectPlanBase<SelectPlan> {
  using SelectPlanBase::SelectPlanBase;

  void runOnOperation() override {
    if (failed(select(getOperation())))
      signalPassFailure();
  }

  LogicalResult select(ModuleOp module) {
    std::string error;
    if (cluster.empty())
      return emitError(module.getLoc(),
                       "no cluster file is given: set --cluster FILE (pass option `cluster`)");
    const std::optional<planner::Cluster> machines = planner::readClusterFile(cluster, error);
    if (!machines)
      return emitError(module.getLoc(), error);
    std::optional<planner::ModelShape> model = readModelShape(module);
    if (!model)
      return failure();
    const std::optional<planner::ParsedPlanOptions> parsed =
        planner::parsePlanOptions({workload, layout, moeComm, chunks, routingLoad, maxBatchTokens,
                                   maxSeqs, maxContext, wire, microBatches},
                                  error);
    if (!parsed)
      return emitError(module.getLoc(), error);
    model->wire = parsed->wire.value_or(model->wire);
    const std::optional<planner::RoutingLoad> load =
        planner::parseRoutingLoad(routingLoad, model->experts, model->topK, error);
    if (!load)
      return emitError(module.getLoc(), error);
    const planner::PlanRequest request{*machines,        *model,         *load,
                                       parsed->workload, parsed->limits, parsed->overrides};
    const planner::PlanResult result = planner::searchPlan(request);
    remarkCandidates(module.getLoc(), result.plan);
    if (result.failure != planner::PlanFailure::None)
      return emitError(module.getLoc(), result.error);
    if (const std::string why =
            planner::whyBeyondTraining(result.plan.limits, model->trainedPositions);
        !why.empty())
      emitWarning(module.getLoc(), why);
    remarkChoice(module.getLoc(), result.plan);
    setPlanAttributes(module, request, result.plan);
    return setVariants(module, machines->mesh, result.plan.layout);
  }

  /// `plan.variants` from the option `also-methods`, each checked against the chosen layout.
  LogicalResult setVariants(ModuleOp module, const planner::Mesh &mesh, const planner::Layout &chosen) {
    SmallVector<StringRef> names;
    StringRef(alsoMethods).split(names, ',', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
    SmallVector<Attribute> variants;
    for (StringRef text : names) {
      const std::optional<planner::Method> method = planner::parseMethod(text.str());
      if (!method)
        return emitError(module.getLoc(), "also-methods: '") << text << "' is not a dispatch method";
      if (const std::string why = planner::whyIllegal(mesh, chosen, *method); !why.empty())
        return emitError(module.getLoc(), "also-methods: ") << text << " is not possible: " << why;
      variants.push_back(plan::MethodAttr::get(module.getContext(), *plan::parseMethodOption(text)));
    }
    if (!variants.empty())
      module->setAttr(plan::kVariantsAttr, ArrayAttr::get(module.getContext(), variants));
    return success();
  }
};

} // namespace

void buildPlanPipeline(OpPassManager &pm, const SelectPlanOptions &options,
                       const AssignWeightTypesOptions &weights) {
  pm.addPass(createAssignWeightTypes(weights));
  pm.addPass(createSelectPlan(options));
  pm.addPass(createVerifyPlanned());
}

} // namespace mixserve
