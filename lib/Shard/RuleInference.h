//===- RuleInference.h - What an op's rule makes of shardings -----*- C++ -*-===//
#ifndef MIXSERVE_LIB_SHARD_RULEINFERENCE_H
#define MIXSERVE_LIB_SHARD_RULEINFERENCE_H

#include "LayoutAxes.h"

namespace mixserve::shard {

/// An op's rule, taken apart: one string of factors per operand and per result.
struct ShardRule {
  llvm::SmallVector<std::string> operands, results;

  /// The rule of an op with ShardRuleInterface, or of an elementwise one (all terms are equal).
  /// Fails without a diagnostic if the op has none, or one that does not fit its operands.
  static mlir::FailureOr<ShardRule> of(mlir::Operation *op);
};

/// True for the factors that row sets split.
inline bool isRowFactor(char factor) { return factor == 't' || factor == 's'; }

/// The sharding of each result of `op` whose operands lie as `operands` says (null: no tensor).
/// `sourceRows` is the row set of an op that has no row operands. Fails, and says why in `reason`, if the
/// rule cannot take these operands.
mlir::FailureOr<llvm::SmallVector<plan::ShardingAttr>>
inferResults(mlir::Operation *op, llvm::ArrayRef<plan::ShardingAttr> operands, const LayoutAxes &axes,
             plan::RowSet sourceRows, std::string &reason);

/// A sharding of token rows [T, ..] that are whole in their columns.
plan::ShardingAttr rowSharding(const LayoutAxes &axes, plan::RowSet rows, int64_t rank,
                               plan::AxesAttr partial = {});

/// What one rank holds of `type`: split sizes divided, uneven ones and token rows dynamic. Activations
/// (`sharding` has a row set) carry the sharding.
mlir::RankedTensorType localType(mlir::RankedTensorType type, plan::ShardingAttr sharding,
                                 plan::MeshAttr mesh);

} // namespace mixserve::shard

#endif // MIXSERVE_LIB_SHARD_RULEINFERENCE_H
