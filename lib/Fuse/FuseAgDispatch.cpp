//===- FuseAgDispatch.cpp - Reduce, row-wise ops, dispatch and gather in one ===//
#include "DispatchRegion.h"
#include "FuseChoice.h"
#include "FusedBody.h"
#include "mixserve/Fuse/Passes.h"
#include "mlir/IR/Remarks.h"

namespace mixserve {
#define GEN_PASS_DEF_FUSEAGDISPATCH
#include "mixserve/Fuse/Passes.h.inc"
} // namespace mixserve

using namespace mlir;

namespace mixserve {
namespace {

constexpr llvm::StringLiteral kAgDispatch = "ag_dispatch";

/// The all_gather that takes all that `dispatch` gives, in order; null if there is none.
coll::AllGatherOp onlyGather(coll::DispatchOp dispatch) {
  coll::AllGatherOp gather;
  for (auto [index, result] : llvm::enumerate(dispatch->getResults())) {
    if (!result.hasOneUse())
      return {};
    OpOperand &use = *result.use_begin();
    auto user = dyn_cast<coll::AllGatherOp>(use.getOwner());
    if (!user || use.getOperandNumber() != index || (gather && user != gather) ||
        user->getBlock() != dispatch->getBlock())
      return {};
    gather = user;
  }
  return gather;
}

/// [reduce_scatter ->] row-wise ops -> dispatch to lanes -> all_gather in the node, as one op whose
/// chunks overlap.
struct LaneDispatchToAgDispatch : OpRewritePattern<coll::DispatchOp> {
  LaneDispatchToAgDispatch(MLIRContext *context, plan::MeshAttr mesh, ArrayRef<int64_t> chunks)
      : OpRewritePattern(context), mesh(mesh), chunks(chunks) {}

  LogicalResult matchAndRewrite(coll::DispatchOp dispatch, PatternRewriter &rewriter) const override {
    if (chunks.empty())
      return fuse::doesNotFire(rewriter, dispatch, kAgDispatch,
                               "(F6) the plan's table has no hybrid_fused entry");
    if (dispatch.getMethod() != plan::Method::Hybrid)
      return fuse::doesNotFire(rewriter, dispatch, kAgDispatch,
                               "(F2) dispatch by " + stringifyMethod(dispatch.getMethod()).str() +
                                   " does not go to lanes");
    coll::AllGatherOp gather = onlyGather(dispatch);
    if (!gather)
      return fuse::doesNotFire(
          rewriter, dispatch, kAgDispatch,
          "(F1) the dispatched rows do not all go to one all_gather and nowhere else");
    std::string reason;
    FailureOr<fuse::DispatchRegion> region = fuse::DispatchRegion::of(dispatch, gather, mesh, reason);
    if (failed(region))
      return fuse::doesNotFire(rewriter, dispatch, kAgDispatch, reason);
    if (region->spanningReduce)
      remark::missed(region->spanningReduce.getLoc(),
                     remark::RemarkOpts::name(kAgDispatch).category("fuse"))
          << "(F3) attention group spans nodes: its reduce_scatter stays outside";
    build(*region, dispatch, gather, rewriter);
    return success();
  }

private:
  void build(fuse::DispatchRegion &region, coll::DispatchOp dispatch, coll::AllGatherOp gather,
             PatternRewriter &rewriter) const {
    rewriter.setInsertionPoint(gather);
    SmallVector<Value> inputs(region.inputs.begin(), region.inputs.end());
    if (region.reduce)
      inputs.front() = region.reduce.getInput();
    SmallVector<Type> types(gather.getOutputs().getTypes());
    llvm::append_range(types, ValueRange(region.kept).getTypes());
    auto fused = coll::AgDispatchOp::create(rewriter, dispatch.getLoc(), types, inputs,
                                            region.reduce ? region.reduce.getOver() : plan::AxesAttr(),
                                            dispatch.getOver(), gather.getOver(), chunks);
    SmallVector<Operation *> parts = {dispatch, gather};
    if (region.reduce)
      parts.push_back(region.reduce);
    fuse::markFused(fused, parts);
    remark::passed(dispatch.getLoc(), remark::RemarkOpts::name(kAgDispatch).category("fuse"))
        << (region.reduce ? "reduce_scatter, " : "") + std::to_string(region.ops.size()) +
               " row-wise ops, dispatch and all_gather fused";

    SmallVector<Value> yielded(dispatch->getOperands());
    llvm::append_range(yielded, region.kept);
    fuse::fillBody(fused.getBody(), region.inputs.getArrayRef(), region.ops, yielded, dispatch.getLoc(), rewriter);
    replace(fused, region, dispatch, gather, rewriter);
  }

  /// Gives later ops the fused op's results and removes what it stands for.
  static void replace(coll::AgDispatchOp fused, fuse::DispatchRegion &region, coll::DispatchOp dispatch,
                      coll::AllGatherOp gather, PatternRewriter &rewriter) {
    for (auto [value, result] : llvm::zip_equal(region.kept, fused.getOutputs().drop_front(3)))
      rewriter.replaceAllUsesWith(value, result);
    rewriter.replaceOp(gather, fused.getOutputs().take_front(3));
    rewriter.eraseOp(dispatch);
    for (Operation *op : llvm::reverse(region.ops))
      rewriter.eraseOp(op);
    if (region.reduce)
      rewriter.eraseOp(region.reduce);
  }

  plan::MeshAttr mesh;
  ArrayRef<int64_t> chunks;
};

struct FuseAgDispatch : impl::FuseAgDispatchBase<FuseAgDispatch> {
  void runOnOperation() override {
    auto mesh = getOperation()->getAttrOfType<plan::MeshAttr>(plan::kMeshAttr);
    if (!mesh || mesh.getNames().empty()) {
      getOperation().emitError("has no '") << plan::kMeshAttr << "'; run the phases plan and shard first";
      return signalPassFailure();
    }
    const SmallVector<int64_t> chunks = fuse::chunkCounts(getOperation());
    RewritePatternSet patterns(&getContext());
    patterns.add<LaneDispatchToAgDispatch>(&getContext(), mesh, chunks);
    fuse::applyWhereAsked<coll::DispatchOp>(getOperation(), std::move(patterns));
  }
};

} // namespace
} // namespace mixserve
