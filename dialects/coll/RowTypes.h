//===- RowTypes.h - Questions that verifiers ask of row types -----*- C++ -*-===//
#ifndef MIXSERVE_DIALECTS_COLL_ROWTYPES_H
#define MIXSERVE_DIALECTS_COLL_ROWTYPES_H

#include "dialects/plan/PlanDialect.h"

namespace mixserve::coll {

/// The row set of a type's sharding; `none` without one.
inline plan::RowSet rowsOf(mlir::Type type) {
  plan::ShardingAttr sharding = plan::ShardingAttr::of(type);
  return sharding ? sharding.getRows() : plan::RowSet::None;
}

/// True if the two row tensors agree in everything but the number of rows.
inline bool sameColumns(mlir::Type a, mlir::Type b) {
  auto left = llvm::cast<mlir::RankedTensorType>(a), right = llvm::cast<mlir::RankedTensorType>(b);
  return left.getElementType() == right.getElementType() &&
         left.getShape().drop_front() == right.getShape().drop_front();
}

/// True if the value is a partial sum over every axis of `axes`.
inline bool isPartialOver(mlir::Type type, plan::AxesAttr axes) {
  plan::ShardingAttr sharding = plan::ShardingAttr::of(type);
  return sharding && llvm::all_of(axes.getAxes(), [&](plan::AxisRefAttr axis) {
           return llvm::is_contained(sharding.getPartial().getAxes(), axis);
         });
}

/// True if the value is a partial sum over some axis of `axes` (none is over no axis).
inline bool isPartialOverSome(mlir::Type type, plan::AxesAttr axes) {
  plan::ShardingAttr sharding = plan::ShardingAttr::of(type);
  return sharding && llvm::any_of(axes.getAxes(), [&](plan::AxisRefAttr axis) {
           return llvm::is_contained(sharding.getPartial().getAxes(), axis);
         });
}

/// True if the value is a partial sum over some axis.
inline bool isPartial(mlir::Type type) {
  plan::ShardingAttr sharding = plan::ShardingAttr::of(type);
  return sharding && !sharding.getPartial().empty();
}

} // namespace mixserve::coll

#endif // MIXSERVE_DIALECTS_COLL_ROWTYPES_H
