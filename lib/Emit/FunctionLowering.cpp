//===- FunctionLowering.cpp - State of one function under lowering ----------===//
#include "FunctionLowering.h"
#include "RowFunction.h"
#include "mixserve/Emit/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mixserve;
using plan::RowSet;

void mixserve::makeInternal(func::FuncOp func) {
  MLIRContext *context = func.getContext();
  func.setPrivate();
  func->setAttr("llvm.linkage", LLVM::LinkageAttr::get(context, LLVM::Linkage::Internal));
  func->setAttr("passthrough", ArrayAttr::get(context, StringAttr::get(context, "noinline")));
}

//===----------------------------------------------------------------------===//
// Values of the source function
//===----------------------------------------------------------------------===//

Value FunctionLowering::makeResult(OpResult result) {
  Operation *op = result.getOwner();
  auto offsets = op->getAttrOfType<DenseI64ArrayAttr>(kOffsetsAttr);
  assert(offsets && "assign-buffers did not see this op");
  const int64_t at = offsets[result.getResultNumber()];
  Value pointer = at < 0 ? callerBuffers.lookup(result) : offset(arena, at);
  assert(pointer && "a caller's buffer that no caller passes");
  pointer = enter(pointer, result);
  setPointer(result, pointer);
  return pointer;
}

Value FunctionLowering::enter(Value pointer, Value tensor) {
  if (!firstRow)
    return pointer;
  Value rowBytes = constI64(columns(tensor) * 4);
  return offset(pointer, arith::MulIOp::create(builder, loc, firstRow, rowBytes));
}

Value FunctionLowering::scratch(Operation *op, unsigned index) {
  auto offsets = op->getAttrOfType<DenseI64ArrayAttr>(kScratchAttr);
  assert(offsets && "assign-buffers did not see this op");
  return offset(arena, offsets[index]);
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

Value FunctionLowering::rows(Value tensor) {
  if (rowCount)
    return rowCount;
  const auto set = static_cast<int32_t>(plan::ShardingAttr::of(tensor).getRows());
  assert(set != static_cast<int32_t>(RowSet::None));
  Value &count = rowCounts[set];
  if (!count) // rows of a step do not change while it runs
    count = callValue("mxs_rows", {ctx, constI32(set)});
  return count;
}

//===----------------------------------------------------------------------===//
// Building
//===----------------------------------------------------------------------===//

Value FunctionLowering::constI32(int64_t value) {
  return arith::ConstantIntOp::create(builder, loc, builder.getI32Type(), value);
}
Value FunctionLowering::constI64(int64_t value) {
  return arith::ConstantIntOp::create(builder, loc, builder.getI64Type(), value);
}
Value FunctionLowering::constIndex(int64_t value) {
  return arith::ConstantIndexOp::create(builder, loc, value);
}

Value FunctionLowering::offset(Value pointer, int64_t bytes) {
  if (bytes == 0)
    return pointer;
  assert(bytes > 0);
  return offset(pointer, constI64(bytes));
}

Value FunctionLowering::offset(Value pointer, Value bytes) {
  return LLVM::GEPOp::create(builder, loc, pointer.getType(), builder.getI8Type(), pointer,
                             ValueRange{bytes});
}

Value FunctionLowering::memref(Value pointer, ArrayRef<int64_t> shape, Type element) {
  return UnrealizedConversionCastOp::create(builder, loc, MemRefType::get(shape, element), pointer)
      .getResult(0);
}

Value FunctionLowering::matrix(Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  const int64_t capacity = shared.capacity.rows(plan::ShardingAttr::of(type).getRows());
  return memref(pointer(tensor), {capacity, type.getDimSize(1)}, type.getElementType());
}

void FunctionLowering::loop(Value count, llvm::function_ref<void(Value)> body) {
  if (!count.getType().isIndex())
    count = arith::IndexCastOp::create(builder, loc, builder.getIndexType(), count);
  auto loop = scf::ForOp::create(builder, loc, constIndex(0), count, constIndex(1));
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(loop.getBody());
  body(loop.getInductionVar());
}

Value FunctionLowering::layerOf(Operation *op) {
  if (layer)
    return layer;
  auto number = op->getAttrOfType<IntegerAttr>(nn::kLayerAttr);
  return constI32(number ? number.getInt() : -1);
}

Value FunctionLowering::cacheOf(Operation *op) {
  const int64_t number = *nn::cacheOf(op);
  return caches.empty() ? constI32(number) : caches[number];
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

/// Buffers of its own that an op works in.
static int64_t numScratch(Operation &op) {
  auto fused = dyn_cast<coll::AgDispatchOp>(op);
  return isa<coll::RsCombineAgOp>(op) || (fused && fused.getReduceOver()) ? 1 : 0;
}

static bool hasOffsets(Operation &op, StringRef name, int64_t count) {
  auto offsets = op.getAttrOfType<DenseI64ArrayAttr>(name);
  return (offsets ? offsets.size() : 0) == count;
}

/// Loops and calls know rows of a step only: f32 or i32, each with its row set, in buffers.
static LogicalResult checkRows(Operation &op) {
  int64_t results = 0;
  for (Type type : llvm::concat<const Type>(op.getOperandTypes(), op.getResultTypes())) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (tensor && !tensor.getElementType().isF32() && !tensor.getElementType().isInteger(32))
      return op.emitOpError("has no lowering for ")
             << tensor.getElementType() << ", only f32 and i32 are computed";
  }
  if (isa<nn::TokensOp, nn::ParamRefOp>(op))
    return success();
  for (Type type : op.getResultTypes())
    results += isa<RankedTensorType>(type);
  if (!hasOffsets(op, kOffsetsAttr, results) || !hasOffsets(op, kScratchAttr, numScratch(op)))
    return op.emitOpError("has no buffers; run mixserve-assign-buffers first");
  // The first operand says how many rows there are; weights and layer numbers come after it.
  Type first = op.getNumOperands() > 0 ? op.getOperand(0).getType() : Type();
  if (results > 0 && isa_and_present<RankedTensorType>(first) && !plan::ShardingAttr::of(first))
    return op.emitOpError("has no lowering for ") << first << ", which is not rows of a step";
  return success();
}

LogicalResult FunctionLowering::lowerOp(Operation &op) {
  loc = op.getLoc();
  if (failed(checkRows(op)))
    return failure();
  return llvm::TypeSwitch<Operation *, LogicalResult>(&op)
      .Case([&](nn::TokensOp) { return success(); }) // mxs_embedding reads the step's ids itself
      .Case([&](nn::ParamRefOp op) { return lowerParamRef(*this, op); })
      .Case([&](nn::EmbeddingOp op) { return lowerEmbedding(*this, op); })
      .Case([&](nn::LinearOp op) { return lowerLinear(*this, op); })
      .Case([&](nn::RmsNormOp op) { return lowerRmsNorm(*this, op); })
      .Case([&](nn::RopeOp op) { return lowerRope(*this, op); })
      .Case([&](nn::AttentionOp op) { return lowerAttention(*this, op); })
      .Case([&](nn::LatentAttentionOp op) { return lowerLatentAttention(*this, op); })
      .Case([&](nn::SelectRowsOp op) { return lowerSelectRows(*this, op); })
      .Case([&](moe::RouteOp op) { return lowerRoute(*this, op); })
      .Case([&](moe::ExpertFfnOp op) { return lowerExpertFfn(*this, op); })
      .Case([&](coll::AllReduceOp op) { return lowerAllReduce(*this, op); })
      .Case([&](coll::ReduceScatterOp op) { return lowerReduceScatter(*this, op); })
      .Case([&](coll::AllGatherOp op) { return lowerAllGather(*this, op); })
      .Case([&](coll::DispatchOp op) { return lowerDispatch(*this, op); })
      .Case([&](coll::CombineOp op) { return lowerCombine(*this, op); })
      .Case([&](coll::RsCombineOp op) { return lowerRsCombine(*this, op); })
      .Case([&](coll::AgDispatchOp op) { return lowerAgDispatch(*this, op); })
      .Case([&](coll::RsCombineAgOp op) { return lowerRsCombineAg(*this, op); })
      .Case([&](func::CallOp op) { return lowerLayerCall(*this, op); })
      .Case([&](arith::ConstantIntOp) { return success(); }) // layer numbers: read by the call
      .Default([&](Operation *op) { return lowerElementwise(*this, op); });
}

LogicalResult FunctionLowering::lowerBlock(Block &block) {
  llvm::DenseSet<Operation *> done;
  for (Operation &op : block.without_terminator()) {
    if (done.contains(&op))
      continue;
    // Inside a row function the rows are shared out already.
    const SmallVector<Operation *> run = rowCount ? SmallVector<Operation *>() : rowRunFrom(&op);
    if (failed(run.empty() ? lowerOp(op) : lowerRowRun(*this, run)))
      return failure();
    done.insert(run.begin(), run.end());
  }
  loc = block.getTerminator()->getLoc();
  return success();
}
