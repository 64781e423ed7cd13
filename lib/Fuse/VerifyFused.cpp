//===- VerifyFused.cpp - What the plan asked to be fused is -----------------===//
#include "FuseChoice.h"
#include "dialects/nn/NNDialect.h"
#include "mixserve/Fuse/Passes.h"

namespace mixserve {
#define GEN_PASS_DEF_VERIFYFUSED
#include "mixserve/Fuse/Passes.h.inc"
} // namespace mixserve

using namespace mlir;

namespace mixserve {
namespace {

/// "layer 3" or "an op outside layers".
std::string layerText(Operation *op) {
  auto layer = op->getAttrOfType<IntegerAttr>(nn::kLayerAttr);
  return layer ? "layer " + std::to_string(layer.getInt()) : "an op outside layers";
}

/// True if `op` brings rows to experts, or partial rows home, without being fused.
bool isUnfusedDispatch(Operation *op) {
  auto gather = dyn_cast<coll::AllGatherOp>(op);
  return isa<coll::DispatchOp>(op) || (gather && gather.getSite() == coll::Site::DispatchAg);
}
bool isUnfusedCombine(Operation *op) {
  auto reduce = dyn_cast<coll::ReduceScatterOp>(op);
  return isa<coll::CombineOp>(op) || (reduce && reduce.getSite() == coll::Site::CombineRs);
}

struct VerifyFused : impl::VerifyFusedBase<VerifyFused> {
  void runOnOperation() override {
    bool hasFusedStep = false;
    for (auto func : getOperation().getOps<func::FuncOp>()) {
      const bool asked = fuse::asksForFusion(func);
      hasFusedStep |= asked;
      WalkResult walk = func.walk([&](Operation *op) {
        return failed(asked ? checkAsked(op) : checkOther(op)) ? WalkResult::interrupt()
                                                               : WalkResult::advance();
      });
      if (walk.wasInterrupted())
        return signalPassFailure();
    }
    if (!hasFusedStep && !fuse::chunkCounts(getOperation()).empty()) {
      getOperation().emitError("(V4) the plan's table asks for hybrid-fused, but no step has that method");
      signalPassFailure();
    }
  }

  static LogicalResult checkAsked(Operation *op) {
    if (isUnfusedDispatch(op))
      return op->emitOpError("(V1) the plan asked for hybrid-fused, but the dispatch of ")
             << layerText(op) << " was not fused; remarks of category fuse say why";
    if (isUnfusedCombine(op))
      return op->emitOpError("(V2) the plan asked for hybrid-fused, but the combine of ")
             << layerText(op) << " was not fused; remarks of category fuse say why";
    return success();
  }

  static LogicalResult checkOther(Operation *op) {
    if (isa<coll::AgDispatchOp, coll::RsCombineOp, coll::RsCombineAgOp>(op))
      return op->emitOpError("(V3) is fused in a function whose method is not hybrid_fused");
    return success();
  }
};

} // namespace
} // namespace mixserve
