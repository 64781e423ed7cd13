//===- AnnotateCost.cpp - Expected bytes on every collective --------------===//
#include "mixserve/Plan/ByteCount.h"
#include "mixserve/Plan/Passes.h"
#include "mixserve/Plan/PlanOptions.h"

#include "PlanAttributes.h"

#include "dialects/coll/CollDialect.h"
#include "dialects/moe/MoEDialect.h"
#include "dialects/nn/NNDialect.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <algorithm>
#include <cmath>

using namespace mlir;

namespace mixserve {
#define GEN_PASS_DEF_ANNOTATECOST
#include "mixserve/Plan/Passes.h.inc"
namespace {

planner::CommOp commOpAt(coll::Site site) {
  switch (site) {
  case coll::Site::EmbedRs:
    return planner::CommOp::EmbedRs;
  case coll::Site::AttnAg:
    return planner::CommOp::AttnAg;
  case coll::Site::AttnRs:
    return planner::CommOp::AttnRs;
  case coll::Site::Dispatch:
    return planner::CommOp::Dispatch;
  case coll::Site::DispatchAg:
    return planner::CommOp::DispatchAg;
  case coll::Site::CombineRs:
    return planner::CommOp::CombineRs;
  case coll::Site::Combine:
    return planner::CommOp::Combine;
  case coll::Site::LmHeadAg:
    return planner::CommOp::LmHeadAg;
  }
  llvm_unreachable("unknown site");
}

/// What `op` moves, as sites of the byte count.
SmallVector<planner::CommOp> sitesOf(Operation *op) {
  using planner::CommOp;
  if (auto fused = dyn_cast<coll::AgDispatchOp>(op)) {
    SmallVector<CommOp> sites = {CommOp::Dispatch, CommOp::DispatchAg};
    if (fused.getReduceOver())
      sites.push_back(CommOp::AttnRs);
    return sites;
  }
  if (isa<coll::RsCombineOp>(op))
    return {CommOp::CombineRs, CommOp::Combine};
  if (isa<coll::RsCombineAgOp>(op))
    return {CommOp::CombineRs, CommOp::Combine, CommOp::AttnAg};
  if (auto reduce =
          dyn_cast<coll::AllReduceOp>(op)) // reduce_scatter, then all_gather of the same rows
    return {commOpAt(reduce.getSite()), commOpAt(reduce.getSite())};
  auto site = op->getAttrOfType<coll::SiteAttr>("site");
  if (!site)
    return {};
  return {commOpAt(site.getValue())};
}

/// Byte counts need H, E, K alone; a sharded module still has them in its expert parameters.
std::optional<planner::ModelShape> readByteShape(ModuleOp module) {
  planner::ModelShape shape;
  module.walk([&](moe::ExpertFfnOp experts) {
    auto ref = experts.getGate().getDefiningOp<nn::ParamRefOp>();
    auto param =
        ref ? SymbolTable::lookupNearestSymbolFrom<nn::ParamOp>(experts, ref.getParamAttr())
            : nn::ParamOp();
    if (!param)
      return WalkResult::advance();
    shape.experts = param.getTensorType().getDimSize(0);
    shape.hidden = param.getTensorType().getDimSize(2);
    shape.topK = experts.getIds().getType().getDimSize(1);
    return WalkResult::interrupt();
  });
  if (shape.experts > 0)
    return shape;
  emitError(module.getLoc(),
            "there is no moe.expert_ffn on a parameter: run the shard phase first");
  return std::nullopt;
}

struct AnnotateCost : impl::AnnotateCostBase<AnnotateCost> {
  using AnnotateCostBase::AnnotateCostBase;

  void runOnOperation() override {
    if (failed(annotate(getOperation())))
      signalPassFailure();
  }

  LogicalResult annotate(ModuleOp module) {
    const std::optional<PlanFacts> facts = readPlanAttributes(module);
    if (!facts)
      return failure();
    std::optional<planner::ModelShape> shape = readByteShape(module);
    if (!shape)
      return failure();
    shape->wire = facts->wire;
    std::string error;
    const std::optional<planner::RoutingLoad> load =
        planner::parseRoutingLoad(routingLoad, shape->experts, shape->topK, error);
    if (!load)
      return emitError(module.getLoc(), error);
    for (func::FuncOp step : module.getOps<func::FuncOp>())
      if (auto method = step->getAttrOfType<plan::MethodAttr>(plan::kMethodAttr))
        annotateStep(step, *facts, *shape, *load, mixserve::toPlanner(method.getValue()));
    return success();
  }

  void annotateStep(func::FuncOp step, const PlanFacts &facts, const planner::ModelShape &shape,
                    const planner::RoutingLoad &load, planner::Method method) {
    const int64_t tokens =
        std::min(facts.limits.maxBatchTokens, facts.workload.prompt * facts.workload.concurrency);
    const int64_t sequences = planner::typicalLoad(facts.workload, tokens).sequences;
    const planner::StepBytes<double> bytes = planner::expectedBytes(
        facts.mesh, facts.layout, method, shape,
        planner::evenRows(facts.mesh, facts.layout, tokens, sequences), load);
    step.walk([&](Operation *op) {
      const SmallVector<planner::CommOp> sites = sitesOf(op);
      if (!isa<coll::CollDialect>(op->getDialect()) || sites.empty())
        return;
      auto total = [&](planner::Link link) {
        double sum = 0;
        for (planner::CommOp site : sites)
          sum += bytes.layer.total(site, link) + bytes.outside.total(site, link);
        return int64_t(std::llround(sum));
      };
      op->setAttr(plan::kBytesAttr,
                  plan::BytesAttr::get(op->getContext(), tokens, total(planner::Link::Intra),
                                       total(planner::Link::Inter)));
    });
  }
};

} // namespace

void buildAnnotateCostPipeline(OpPassManager &pm) { pm.addPass(createAnnotateCost()); }

} // namespace mixserve
