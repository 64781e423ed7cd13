//===- FuseChoice.h - What the plan asks of phase fuse ------------*- C++ -*-===//
#ifndef MIXSERVE_LIB_FUSE_FUSECHOICE_H
#define MIXSERVE_LIB_FUSE_FUSECHOICE_H

#include "dialects/coll/CollDialect.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mixserve::fuse {

/// True if the plan asks for fused collectives in `func`.
bool asksForFusion(mlir::func::FuncOp func);

/// Distinct chunk counts of the table's hybrid_fused entries, ascending, with 1 if plan.variants names
/// the method; empty if the plan does not ask for it.
llvm::SmallVector<int64_t> chunkCounts(mlir::ModuleOp module);

/// Marks a fused op made of `parts`: their layer, the method, and the sum of their bytes if all have them.
void markFused(mlir::Operation *fused, llvm::ArrayRef<mlir::Operation *> parts);

/// Says why a pattern does not fire: a missed-optimisation remark in category `fuse` and a match failure.
mlir::LogicalResult doesNotFire(mlir::PatternRewriter &rewriter, mlir::Operation *op, llvm::StringRef fused,
                                const std::string &reason);

/// Applies `patterns` once to each op that they are rooted at, in the functions that ask for fusion.
template <typename RootOp>
void applyWhereAsked(mlir::ModuleOp module, mlir::RewritePatternSet patterns) {
  llvm::SmallVector<mlir::Operation *> roots;
  for (auto func : module.getOps<mlir::func::FuncOp>())
    if (asksForFusion(func))
      func.walk([&](RootOp op) { roots.push_back(op); });
  // Whether they matched is for verify-fused to say; it knows what the plan asked for.
  (void)mlir::applyOpPatternsGreedily(
      roots, std::move(patterns),
      mlir::GreedyRewriteConfig().setStrictness(mlir::GreedyRewriteStrictness::ExistingOps));
}

} // namespace mixserve::fuse

#endif // MIXSERVE_LIB_FUSE_FUSECHOICE_H
