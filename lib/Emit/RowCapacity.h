//===- RowCapacity.h - How many rows a buffer must hold -----------*- C++ -*-===//
#ifndef MIXSERVE_LIB_EMIT_ROWCAPACITY_H
#define MIXSERVE_LIB_EMIT_ROWCAPACITY_H

#include "dialects/plan/PlanDialect.h"
#include "mlir/IR/BuiltinOps.h"

namespace mixserve {

/// Upper bounds of row counts, for the worst routing that can happen: no row is ever dropped.
struct RowCapacity {
  int64_t tokens = 0; ///< T, tokens of a step (plan.limits)
  int64_t attnTp = 0; ///< ranks that share the rows of an attention group (plan.layout)

  /// Reads the module's plan; fails with a diagnostic without `plan.limits` or `plan.layout`.
  static llvm::FailureOr<RowCapacity> of(mlir::ModuleOp module);

  /// Rows of a set: owned ceil(T / attn_tp), all others T.
  int64_t rows(plan::RowSet set) const;
};

} // namespace mixserve

#endif // MIXSERVE_LIB_EMIT_ROWCAPACITY_H
