//===- RowFunction.h - Functions over a range of rows -------------*- C++ -*-===//
//
// A row function is `(ctx, frame, first, count)`: it computes rows [first, first + count) of its
// results, which depend on these rows of its inputs alone. The frame is an array of pointers on the
// stack of the function that made it: the arena, the inputs, buffers of that function's caller.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_LIB_EMIT_ROWFUNCTION_H
#define MIXSERVE_LIB_EMIT_ROWFUNCTION_H

#include "FunctionLowering.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mixserve {

/// The pointers that a row function finds in its frame, in order.
struct RowFrame {
  llvm::SmallVector<mlir::Value> inside;  ///< source values as the row function sees them
  llvm::SmallVector<mlir::Value> outside; ///< pointers in the caller: of `inside`, then `callers`
  llvm::SmallVector<mlir::Value>
      callers; ///< values made inside whose buffer is the caller's caller's
};

/// Makes a private function and has `lower` fill it; `inner` lowers rows of the range. Every row
/// buffer is entered at row `first`.
llvm::FailureOr<mlir::func::FuncOp>
makeRowFunction(FunctionLowering &f, const RowFrame &frame, mlir::Location loc,
                llvm::function_ref<llvm::LogicalResult(FunctionLowering &inner)> lower);

/// The frame's memory, filled, in the function under lowering.
mlir::Value storeFrame(FunctionLowering &f, const RowFrame &frame);
/// The function's address.
mlir::Value addressOf(FunctionLowering &f, mlir::func::FuncOp function);
/// Memory of `fields` (pointers and i64) on the stack of the function under lowering.
mlir::Value storeStruct(FunctionLowering &f, mlir::ValueRange fields);

/// Ops that become generated loops over rows: norms, rope, elementwise.
bool isRowLoop(mlir::Operation *op);
/// The ops of one run: `first` and the row loops right behind it over the same row set. What only
/// names memory (parameters) may stand between them. Empty if `first` is no row loop.
llvm::SmallVector<mlir::Operation *> rowRunFrom(mlir::Operation *first);
/// Lowers a run to one row function that the runtime shares out over its threads.
llvm::LogicalResult lowerRowRun(FunctionLowering &f, llvm::ArrayRef<mlir::Operation *> run);

} // namespace mixserve

#endif // MIXSERVE_LIB_EMIT_ROWFUNCTION_H
