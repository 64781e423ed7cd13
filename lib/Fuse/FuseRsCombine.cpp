//===- FuseRsCombine.cpp - Reduce to lanes and combine home in one ----------===//
#include "FuseChoice.h"
#include "mixserve/Fuse/Passes.h"
#include "mlir/IR/Remarks.h"

namespace mixserve {
#define GEN_PASS_DEF_FUSERSCOMBINE
#include "mixserve/Fuse/Passes.h.inc"
} // namespace mixserve

using namespace mlir;

namespace mixserve {
namespace {

constexpr llvm::StringLiteral kRsCombine = "rs_combine";

/// reduce_scatter to lanes -> combine home, as one op whose chunks overlap.
struct LaneCombineToRsCombine : OpRewritePattern<coll::CombineOp> {
  LaneCombineToRsCombine(MLIRContext *context, ArrayRef<int64_t> chunks)
      : OpRewritePattern(context), chunks(chunks) {}

  LogicalResult matchAndRewrite(coll::CombineOp combine, PatternRewriter &rewriter) const override {
    if (chunks.empty())
      return fuse::doesNotFire(rewriter, combine, kRsCombine,
                               "(F6) the plan's table has no hybrid_fused entry");
    if (combine.getMethod() != plan::Method::Hybrid)
      return fuse::doesNotFire(rewriter, combine, kRsCombine,
                               "(F2) combine by " + stringifyMethod(combine.getMethod()).str() +
                                   " does not come from lanes");
    auto reduce = combine.getInput().getDefiningOp<coll::ReduceScatterOp>();
    if (!reduce || reduce->getBlock() != combine->getBlock())
      return fuse::doesNotFire(
          rewriter, combine, kRsCombine,
          "(F7) the combined rows do not come from a reduce_scatter to lane rows");
    if (!reduce->hasOneUse())
      return fuse::doesNotFire(rewriter, combine, kRsCombine,
                               "(F8) the node sums have another user");
    auto fused =
        coll::RsCombineOp::create(rewriter, combine.getLoc(), combine.getResult().getType(),
                                  reduce.getInput(), reduce.getOver(), combine.getOver(), chunks);
    fuse::markFused(fused, {reduce, combine});
    remark::passed(combine.getLoc(), remark::RemarkOpts::name(kRsCombine).category("fuse"))
        << "reduce_scatter and combine fused";
    rewriter.replaceOp(combine, fused.getResult());
    rewriter.eraseOp(reduce);
    return success();
  }

private:
  ArrayRef<int64_t> chunks;
};

struct FuseRsCombine : impl::FuseRsCombineBase<FuseRsCombine> {
  void runOnOperation() override {
    const SmallVector<int64_t> chunks = fuse::chunkCounts(getOperation());
    RewritePatternSet patterns(&getContext());
    patterns.add<LaneCombineToRsCombine>(&getContext(), chunks);
    fuse::applyWhereAsked<coll::CombineOp>(getOperation(), std::move(patterns));
  }
};

} // namespace
} // namespace mixserve
