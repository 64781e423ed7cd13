//===- FuseRsCombineAg.cpp - rs_combine and the next attention's gather in one ===//
#include "FuseChoice.h"
#include "FusedBody.h"
#include "dialects/nn/NNDialect.h"
#include "mixserve/Fuse/Passes.h"
#include "mlir/IR/Remarks.h"
#include "llvm/ADT/SetVector.h"

namespace mixserve {
#define GEN_PASS_DEF_FUSERSCOMBINEAG
#include "mixserve/Fuse/Passes.h.inc"
} // namespace mixserve

using namespace mlir;

namespace mixserve {
namespace {

constexpr llvm::StringLiteral kRsCombineAg = "rs_combine_ag";

std::optional<int64_t> layerOf(Operation *op) {
  auto layer = op->getAttrOfType<IntegerAttr>(nn::kLayerAttr);
  return layer ? std::optional<int64_t>(layer.getInt()) : std::nullopt;
}

/// The row-wise ops between a combine and the gather of what they compute.
struct CombineRegion {
  coll::RsCombineOp combine;
  SmallVector<Operation *> ops;  ///< in program order
  llvm::SetVector<Value> inputs; ///< owned rows from outside; the sums first
  SmallVector<Value> kept;       ///< owned rows that other ops need after the gather
};

/// Ops that compute what `gather` takes, back to the sums of a combine. Nothing if there is none.
std::optional<CombineRegion> regionOf(coll::AllGatherOp gather) {
  llvm::SetVector<Operation *> found;
  CombineRegion region;
  SmallVector<Value> open{gather.getInputs()[0]};
  while (!open.empty()) {
    Operation *op = open.pop_back_val().getDefiningOp();
    if (auto combine = dyn_cast_if_present<coll::RsCombineOp>(op);
        combine && (!region.combine || region.combine == combine))
      region.combine = combine;
    const bool belongs = op && op->getBlock() == gather->getBlock() && coll::isRowWise(op) &&
                         !isa<nn::LinearOp>(op) && llvm::any_of(op->getOperands(), fuse::isRows);
    if (belongs && found.insert(op))
      llvm::append_range(open, op->getOperands());
  }
  if (!region.combine || region.combine->getBlock() != gather->getBlock())
    return std::nullopt;
  // What was there before the combine stays there.
  for (Operation *op : found)
    if (region.combine->isBeforeInBlock(op))
      region.ops.push_back(op);
  if (region.ops.empty())
    return std::nullopt;
  llvm::sort(region.ops, [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
  region.inputs.insert(region.combine.getResult());
  const llvm::SmallPtrSet<Operation *, 8> inside(region.ops.begin(), region.ops.end());
  for (Operation *op : region.ops)
    for (Value operand : op->getOperands())
      if (fuse::isRows(operand) && !inside.contains(operand.getDefiningOp()))
        region.inputs.insert(operand);
  return region;
}

/// rs_combine -> row-wise ops -> all_gather in the attention group, as one op whose chunks overlap.
struct GatherToRsCombineAg : OpRewritePattern<coll::AllGatherOp> {
  GatherToRsCombineAg(MLIRContext *context, plan::MeshAttr mesh)
      : OpRewritePattern(context), mesh(mesh) {}

  LogicalResult matchAndRewrite(coll::AllGatherOp gather, PatternRewriter &rewriter) const override {
    if (gather.getSite() != coll::Site::AttnAg)
      return rewriter.notifyMatchFailure(gather, "not the gather before an attention");
    std::optional<CombineRegion> region = regionOf(gather);
    // The first layer gathers what the embedding gave.
    if (!region)
      return rewriter.notifyMatchFailure(gather, "its rows are not computed from a combine's");
    if (std::string reason = obstacle(*region, gather); !reason.empty())
      return fuse::doesNotFire(rewriter, gather, kRsCombineAg, reason);
    build(*region, gather, rewriter);
    return success();
  }

private:
  /// Why the region cannot stand where the gather stands; fills in what it keeps.
  std::string obstacle(CombineRegion &region, coll::AllGatherOp gather) const {
    if (!fuse::isInsideNode(gather.getOver(), mesh))
      return "(F9) attention group spans nodes";
    const std::optional<int64_t> layer = layerOf(region.combine), next = layerOf(gather);
    if (!layer || !next || *next != *layer + 1)
      return "(F10) the gather is not that of the layer after the combine's";
    const llvm::SmallPtrSet<Operation *, 8> inside(region.ops.begin(), region.ops.end());
    if (!llvm::all_of(region.combine->getUsers(), [&](Operation *user) { return inside.contains(user); }))
      return "(F11) the combined rows have another user";
    for (Value input : llvm::drop_begin(region.inputs))
      if (plan::ShardingAttr::of(input).getRows() != plan::RowSet::Owned ||
          !plan::ShardingAttr::of(input).getPartial().empty())
        return "(F12) the ops before the gather read other rows than owned ones";
    for (Operation *op : region.ops)
      for (Value value : op->getResults()) {
        bool isKept = false;
        for (Operation *user : value.getUsers()) {
          if (user == gather || inside.contains(user))
            continue;
          if (user->getBlock() == gather->getBlock() && user->isBeforeInBlock(gather))
            return "(F13) '" + user->getName().getStringRef().str() +
                   "' uses rows of the region before they are gathered";
          isKept = true;
        }
        if (isKept)
          region.kept.push_back(value);
      }
    return "";
  }

  void build(CombineRegion &region, coll::AllGatherOp gather, PatternRewriter &rewriter) const {
    rewriter.setInsertionPoint(gather);
    SmallVector<Value> inputs(region.inputs.begin(), region.inputs.end());
    inputs.front() = region.combine.getInput();
    SmallVector<Type> types(gather.getOutputs().getTypes());
    llvm::append_range(types, ValueRange(region.kept).getTypes());
    auto fused = coll::RsCombineAgOp::create(rewriter, region.combine.getLoc(), types, inputs,
                                             region.combine.getReduceOver(), region.combine.getLanes(),
                                             gather.getOver(), region.combine.getChunks());
    // The combine's layer comes last: it is the op's.
    fuse::markFused(fused, {gather, region.combine});
    remark::passed(region.combine.getLoc(), remark::RemarkOpts::name(kRsCombineAg).category("fuse"))
        << "rs_combine, " + std::to_string(region.ops.size()) +
               " row-wise ops and all_gather fused";
    SmallVector<Value> yielded{gather.getInputs()[0]};
    llvm::append_range(yielded, region.kept);
    fuse::fillBody(fused.getBody(), region.inputs.getArrayRef(), region.ops, yielded, gather.getLoc(), rewriter);
    for (auto [value, result] : llvm::zip_equal(region.kept, fused.getOutputs().drop_front(1)))
      rewriter.replaceAllUsesWith(value, result);
    rewriter.replaceOp(gather, fused.getOutputs().take_front(1));
    for (Operation *op : llvm::reverse(region.ops))
      rewriter.eraseOp(op);
    rewriter.eraseOp(region.combine);
  }

  plan::MeshAttr mesh;
};

struct FuseRsCombineAg : impl::FuseRsCombineAgBase<FuseRsCombineAg> {
  void runOnOperation() override {
    auto mesh = getOperation()->getAttrOfType<plan::MeshAttr>(plan::kMeshAttr);
    if (!mesh || mesh.getNames().empty()) {
      getOperation().emitError("has no '") << plan::kMeshAttr << "'; run the phases plan and shard first";
      return signalPassFailure();
    }
    RewritePatternSet patterns(&getContext());
    patterns.add<GatherToRsCombineAg>(&getContext(), mesh);
    fuse::applyWhereAsked<coll::AllGatherOp>(getOperation(), std::move(patterns));
  }
};

} // namespace
} // namespace mixserve
