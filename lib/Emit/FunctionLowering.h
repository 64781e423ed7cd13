//===- FunctionLowering.h - State of one function under lowering --*- C++ -*-===//
//
// A lowered function has the signature (ctx, arena, inputs..., outputs...): tensors are pointers to
// their first row, `!nn.batch` is gone (the runtime's context is the batch), results are buffers of
// the caller. One lowering per op, as free functions grouped by file.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_LIB_EMIT_FUNCTIONLOWERING_H
#define MIXSERVE_LIB_EMIT_FUNCTIONLOWERING_H

#include "RowCapacity.h"
#include "RuntimeCalls.h"
#include "dialects/coll/CollDialect.h"
#include "dialects/moe/MoEDialect.h"
#include "dialects/nn/NNDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

namespace mixserve {

/// How generated code gets at a parameter.
struct ParamNumber {
  int64_t index; ///< of mxs_param and mxs_weight
  bool isHandle; ///< passed to the runtime as a handle; else float32 values for generated loops
};

/// What all functions of a module share while it is lowered.
struct ModuleLowering {
  mlir::ModuleOp module;
  RuntimeCalls calls;
  RowCapacity capacity;
  llvm::DenseMap<mlir::StringAttr, ParamNumber> params;
};

class FunctionLowering {
public:
  FunctionLowering(ModuleLowering &shared, mlir::func::FuncOp lowered, mlir::Value ctx,
                   mlir::Value arena)
      : shared(shared), builder(mlir::OpBuilder::atBlockBegin(ctx.getParentBlock())),
        lowered(lowered), ctx(ctx), arena(arena) {}

  /// Lowers all ops but the terminator. Fails, naming it, at an op without a lowering.
  llvm::LogicalResult lowerBlock(mlir::Block &block);
  llvm::LogicalResult lowerOp(mlir::Operation &op);

  //===-- Values of the source function
  //------------------------------------------------------------===//
  /// Address of a tensor's first row (of the first row of the range, in a row function).
  mlir::Value pointer(mlir::Value tensor) const { return pointers.lookup(tensor); }
  void setPointer(mlir::Value tensor, mlir::Value pointer) { pointers[tensor] = pointer; }
  /// Makes the result's buffer known: its offset in the arena, or the caller's buffer.
  mlir::Value makeResult(mlir::OpResult result);
  /// The op's working memory number `index`.
  mlir::Value scratch(mlir::Operation *op, unsigned index);
  /// `pointer` to row 0 of a buffer with the tensor's columns, moved to the range of a row
  /// function.
  mlir::Value enter(mlir::Value pointer, mlir::Value tensor);

  //===-- Rows
  //---------------------------------------------------------------------------------------===//
  /// Number of rows of a row tensor in this step (i64).
  mlir::Value rows(mlir::Value tensor);
  /// In a row function: the range of owned rows that it computes.
  void setRowRange(mlir::Value first, mlir::Value count) { firstRow = first, rowCount = count; }
  mlir::Value getFirstRow() const { return firstRow; }

  //===-- Building
  //-----------------------------------------------------------------------------------===//
  mlir::Value constI32(int64_t value);
  mlir::Value constI64(int64_t value);
  mlir::Value constIndex(int64_t value);
  /// `pointer` + `bytes` (constant) or + `bytes` (i64).
  mlir::Value offset(mlir::Value pointer, int64_t bytes);
  mlir::Value offset(mlir::Value pointer, mlir::Value bytes);
  /// The memory at `pointer` as a memref, for generated loops.
  mlir::Value memref(mlir::Value pointer, llvm::ArrayRef<int64_t> shape, mlir::Type element);
  /// The buffer of a row tensor as memref<capacity x columns>.
  mlir::Value matrix(mlir::Value tensor);
  void call(llvm::StringRef name, mlir::ValueRange arguments) {
    shared.calls.call(builder, loc, name, arguments);
  }
  mlir::Value callValue(llvm::StringRef name, mlir::ValueRange arguments) {
    return shared.calls.call(builder, loc, name, arguments);
  }
  /// for i in [0, count): body(i), `count` an i64 or index, i an index. The insertion point is
  /// after the loop again.
  void loop(mlir::Value count, llvm::function_ref<void(mlir::Value)> body);

  /// `layer` of a collective's call: the layer argument, or the op's `nn.layer`, or -1.
  mlir::Value layerOf(mlir::Operation *op);
  mlir::Value cacheOf(mlir::Operation *op);

  ModuleLowering &shared;
  mlir::OpBuilder builder;
  mlir::Location loc = builder.getUnknownLoc(); ///< of the op under lowering
  mlir::func::FuncOp lowered;
  mlir::Value ctx, arena;
  mlir::Value layer;                                      ///< i32, null in a step function
  llvm::SmallVector<mlir::Value> caches;                  ///< i32, of a layer function
  llvm::DenseMap<mlir::Value, mlir::Value> callerBuffers; ///< source value -> out pointer

  unsigned rowFunctions = 0; ///< made so far, for their names

private:
  llvm::DenseMap<mlir::Value, mlir::Value> pointers;
  llvm::DenseMap<int32_t, mlir::Value> rowCounts; ///< by row set
  mlir::Value firstRow, rowCount;
};

/// Only `mxs_model_main` leaves the library. Layer functions stay functions: inlining one into
/// every layer would undo the outlining.
void makeInternal(mlir::func::FuncOp func);

/// Columns of a row tensor.
inline int64_t columns(mlir::Value tensor) {
  return llvm::cast<mlir::RankedTensorType>(tensor.getType()).getDimSize(1);
}

// LowerRowOps.cpp: generated loops.
llvm::LogicalResult lowerRmsNorm(FunctionLowering &f, nn::RmsNormOp op);
llvm::LogicalResult lowerRope(FunctionLowering &f, nn::RopeOp op);
llvm::LogicalResult lowerElementwise(FunctionLowering &f, mlir::Operation *op);

// LowerCompute.cpp: library calls.
llvm::LogicalResult lowerParamRef(FunctionLowering &f, nn::ParamRefOp op);
llvm::LogicalResult lowerEmbedding(FunctionLowering &f, nn::EmbeddingOp op);
llvm::LogicalResult lowerLinear(FunctionLowering &f, nn::LinearOp op);
llvm::LogicalResult lowerAttention(FunctionLowering &f, nn::AttentionOp op);
llvm::LogicalResult lowerLatentAttention(FunctionLowering &f, nn::LatentAttentionOp op);
llvm::LogicalResult lowerSelectRows(FunctionLowering &f, nn::SelectRowsOp op);
llvm::LogicalResult lowerRoute(FunctionLowering &f, moe::RouteOp op);
llvm::LogicalResult lowerExpertFfn(FunctionLowering &f, moe::ExpertFfnOp op);
llvm::LogicalResult lowerLayerCall(FunctionLowering &f, mlir::func::CallOp op);

// LowerCollectives.cpp
llvm::LogicalResult lowerAllReduce(FunctionLowering &f, coll::AllReduceOp op);
llvm::LogicalResult lowerReduceScatter(FunctionLowering &f, coll::ReduceScatterOp op);
llvm::LogicalResult lowerAllGather(FunctionLowering &f, coll::AllGatherOp op);
llvm::LogicalResult lowerDispatch(FunctionLowering &f, coll::DispatchOp op);
llvm::LogicalResult lowerCombine(FunctionLowering &f, coll::CombineOp op);
llvm::LogicalResult lowerRsCombine(FunctionLowering &f, coll::RsCombineOp op);

// LowerFused.cpp
llvm::LogicalResult lowerAgDispatch(FunctionLowering &f, coll::AgDispatchOp op);
llvm::LogicalResult lowerRsCombineAg(FunctionLowering &f, coll::RsCombineAgOp op);

} // namespace mixserve

#endif // MIXSERVE_LIB_EMIT_FUNCTIONLOWERING_H
