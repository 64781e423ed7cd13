//===- CollFolds.cpp - The algebra of collectives ---------------------------===//
#include "dialects/coll/CollDialect.h"
#include "dialects/coll/RowTypes.h"

using namespace mlir;
using namespace mixserve::coll;
using mixserve::plan::RowSet;

namespace {

/// all_gather(reduce_scatter(x)) -> all_reduce(x), where nothing needs the owned rows between them:
/// the same bytes, one op less.
struct ReduceScatterAllGatherToAllReduce : OpRewritePattern<AllGatherOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(AllGatherOp gather, PatternRewriter &rewriter) const override {
    if (gather.getInputs().size() != 1)
      return rewriter.notifyMatchFailure(gather, "rows travel with their routing");
    auto scatter = gather.getInputs()[0].getDefiningOp<ReduceScatterOp>();
    if (!scatter || scatter.getOver() != gather.getOver())
      return rewriter.notifyMatchFailure(gather,
                                         "input is not a reduce_scatter over the same axes");
    if (!scatter->hasOneUse())
      return rewriter.notifyMatchFailure(gather, "the owned rows have another user");
    if (rowsOf(scatter.getInput().getType()) != rowsOf(gather.getOutputs()[0].getType()))
      return rewriter.notifyMatchFailure(gather, "the rows that come back are others");
    auto reduce = AllReduceOp::create(rewriter, gather.getLoc(), gather.getOutputs()[0].getType(),
                                      scatter.getInput(), scatter.getOver(), scatter.getSite());
    reduce->setDiscardableAttrs(gather->getDiscardableAttrDictionary());
    rewriter.replaceOp(gather, reduce);
    rewriter.eraseOp(scatter);
    return success();
  }
};

/// slice(all_reduce(x)) -> reduce_scatter(x): half the bytes.
struct AllReduceSliceToReduceScatter : OpRewritePattern<SliceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(SliceOp slice, PatternRewriter &rewriter) const override {
    auto reduce = slice.getInput().getDefiningOp<AllReduceOp>();
    if (!reduce || reduce.getOver() != slice.getOver())
      return rewriter.notifyMatchFailure(slice, "input is not an all_reduce over the same axes");
    if (!reduce->hasOneUse())
      return rewriter.notifyMatchFailure(slice, "the full sum has another user");
    auto scatter = ReduceScatterOp::create(rewriter, slice.getLoc(), slice.getType(),
                                           reduce.getInput(), reduce.getOver(), reduce.getSite());
    scatter->setDiscardableAttrs(reduce->getDiscardableAttrDictionary());
    rewriter.replaceOp(slice, scatter);
    rewriter.eraseOp(reduce);
    return success();
  }
};

} // namespace

void AllGatherOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<ReduceScatterAllGatherToAllReduce>(context);
}

void SliceOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<AllReduceSliceToReduceScatter>(context);
}
