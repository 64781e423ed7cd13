//===- StepPartitioner.h - Builds one local step function ---------*- C++ -*-===//
#ifndef MIXSERVE_LIB_SHARD_STEPPARTITIONER_H
#define MIXSERVE_LIB_SHARD_STEPPARTITIONER_H

#include "LayoutAxes.h"
#include "dialects/coll/CollDialect.h"
#include "dialects/moe/MoEDialect.h"
#include "dialects/nn/NNDialect.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"

namespace mixserve::shard {

/// Copies a step on global types op by op into a function on local ones. An op is asked for its rule;
/// operands that lie otherwise than the rule takes are moved first, each value at most once per target.
class StepPartitioner {
public:
  StepPartitioner(mlir::func::FuncOp global, plan::Method method, const LayoutAxes &axes,
                  mlir::SymbolTable &symbols)
      : global(global), method(method), axes(axes), symbols(symbols), builder(global.getContext()) {}

  /// Builds `@step_<method>` before the global function. Fails with (P1), (P2) or (P4).
  mlir::FailureOr<mlir::func::FuncOp> build();

private:
  mlir::LogicalResult copy(mlir::Operation &op);
  mlir::LogicalResult copyParamRef(nn::ParamRefOp ref);
  mlir::LogicalResult copyExperts(moe::ExpertsOp experts);
  mlir::LogicalResult copyByRule(mlir::Operation &op);
  mlir::LogicalResult copyReturn(mlir::func::ReturnOp op);

  /// True if `op` can only work on all rows of its attention group.
  bool needsGroupRows(mlir::Operation &op, mlir::ValueRange operands);
  /// The sharding of a local value: a parameter's, or that of its type.
  plan::ShardingAttr shardingOf(mlir::Value local);
  /// `local` without a partial sum: reduced to owned rows.
  mlir::Value summed(mlir::Value local);
  /// `local` as all rows of the group.
  mlir::Value gathered(mlir::Value local, mlir::Operation &user);
  /// `local` as this rank's rows of the group's.
  mlir::Value owned(mlir::Value local, mlir::Operation &user);
  /// Gives a new op the layer of `origin` and the one who chose it.
  void mark(mlir::Operation *op, mlir::Operation *origin, llvm::StringRef chosenBy);
  mlir::Type withRows(mlir::Value like, plan::RowSet rows);

  mlir::func::FuncOp global;
  plan::Method method;
  const LayoutAxes &axes;
  mlir::SymbolTable &symbols;
  mlir::OpBuilder builder;
  mlir::IRMapping mapping; ///< global value -> local value
  llvm::DenseMap<mlir::Value, mlir::Value> summedOf, gatheredOf, ownedOf;
};

} // namespace mixserve::shard

#endif // MIXSERVE_LIB_SHARD_STEPPARTITIONER_H
