//===- LowerFusedDispatch.cpp - ag_dispatch and its row function ------------===//
//
// The region becomes `(ctx, frame, first, count)` over owned rows. The frame is an array of
// pointers on the caller's stack: the arena, the inputs, what the region captures, buffers of the
// caller's caller. Inside, every row buffer is entered at row `first`.
//
//===----------------------------------------------------------------------===//
#include "FunctionLowering.h"
#include "mixserve/Emit/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;
using namespace mixserve;

namespace {

/// The pointers that the row function finds in its frame, in order.
struct Frame {
  SmallVector<Value> inside;  ///< source values as the region sees them
  SmallVector<Value> outside; ///< pointers in the caller
  SmallVector<Value> callers; ///< values made inside whose buffer is the caller's caller's
};

} // namespace

static Frame makeFrame(FunctionLowering &f, coll::AgDispatchOp op) {
  Frame frame;
  for (auto [i, argument] : llvm::enumerate(op.getBody().getArguments())) {
    frame.inside.push_back(argument);
    const bool isReduced = op.getReduceOver() && i == 0;
    frame.outside.push_back(isReduced ? f.scratch(op, 0) : f.pointer(op.getInputs()[i]));
  }
  llvm::SetVector<Value> captured;
  getUsedValuesDefinedAbove(op.getBody(), captured);
  for (Value value : captured) {
    if (!isa<TensorType>(value.getType()))
      continue; // the batch
    frame.inside.push_back(value);
    frame.outside.push_back(f.pointer(value));
  }
  // A kept row whose buffer is the caller's is written by the region under its inner name.
  auto yield = cast<coll::YieldOp>(op.getBody().front().getTerminator());
  for (unsigned i = 3; i < op.getNumResults(); ++i)
    if (Value buffer = f.callerBuffers.lookup(op.getResult(i))) {
      frame.callers.push_back(yield.getValues()[i]);
      frame.outside.push_back(buffer);
    }
  return frame;
}

static func::FuncOp makeRowFunction(FunctionLowering &f, coll::AgDispatchOp op) {
  OpBuilder builder(f.lowered);
  builder.setInsertionPointAfter(f.lowered);
  Type pointer = f.ctx.getType(), i64 = builder.getI64Type();
  std::string name;
  unsigned number = 0;
  do
    name = (f.lowered.getName() + "_rows_" + Twine(number++)).str();
  while (f.shared.module.lookupSymbol(name));
  auto func = func::FuncOp::create(builder, op.getLoc(), name,
                                   builder.getFunctionType({pointer, pointer, i64, i64}, {}));
  makeInternal(func);
  func.addEntryBlock();
  return func;
}

/// Fills the row function: takes the frame apart, then lowers the region on rows [first, first +
/// count).
static LogicalResult lowerRegion(FunctionLowering &f, coll::AgDispatchOp op, func::FuncOp func,
                                 const Frame &frame) {
  Block &body = func.getBody().front();
  Value ctx = body.getArgument(0), frameArg = body.getArgument(1);
  FunctionLowering inner(f.shared, func, ctx, Value());
  inner.loc = op.getLoc();
  int64_t slot = 0;
  auto next = [&]() -> Value {
    Value at = inner.offset(frameArg, slot++ * static_cast<int64_t>(sizeof(void *)));
    return LLVM::LoadOp::create(inner.builder, inner.loc, ctx.getType(), at);
  };
  inner.arena = next();
  inner.setRowRange(body.getArgument(2), body.getArgument(3));
  for (Value value : frame.inside) {
    Value pointer = next();
    const bool isRows = plan::ShardingAttr::of(value) != nullptr;
    inner.setPointer(value, isRows ? inner.enter(pointer, value) : pointer);
  }
  for (Value value : frame.callers)
    inner.callerBuffers[value] = next();
  if (failed(inner.lowerBlock(op.getBody().front())))
    return failure();
  func::ReturnOp::create(inner.builder, op.getLoc());
  return success();
}

/// A struct of pointers and i64 on the stack of the lowered function.
static Value stackStruct(FunctionLowering &f, Type type) {
  OpBuilder::InsertionGuard guard(f.builder);
  f.builder.setInsertionPointToStart(&f.lowered.getBody().front());
  return LLVM::AllocaOp::create(f.builder, f.loc, f.ctx.getType(), type, f.constI64(1));
}

static void storeFields(FunctionLowering &f, Value memory, ValueRange fields) {
  for (auto [i, field] : llvm::enumerate(fields))
    LLVM::StoreOp::create(f.builder, f.loc, field, f.offset(memory, i * 8));
}

LogicalResult mixserve::lowerAgDispatch(FunctionLowering &f, coll::AgDispatchOp op) {
  OpBuilder &b = f.builder;
  const Location loc = op.getLoc();
  Type pointer = f.ctx.getType();
  const Frame frame = makeFrame(f, op);
  func::FuncOp rowFunction = makeRowFunction(f, op);
  if (failed(lowerRegion(f, op, rowFunction, frame)))
    return failure();

  Value frameMemory = stackStruct(f, LLVM::LLVMArrayType::get(pointer, 1 + frame.outside.size()));
  SmallVector<Value> slots{f.arena};
  slots.append(frame.outside);
  storeFields(f, frameMemory, slots);

  // The yielded rows are also read here, from row 0.
  auto yield = cast<coll::YieldOp>(op.getBody().front().getTerminator());
  SmallVector<Value> rows;
  for (Value value : yield.getValues().take_front(3))
    rows.push_back(f.makeResult(cast<OpResult>(value)));
  SmallVector<Value> outputs;
  for (OpResult result : op->getResults())
    outputs.push_back(f.makeResult(result));

  Value null = LLVM::ZeroOp::create(b, loc, pointer);
  const bool reduces = op.getReduceOver().has_value();
  Value function =
      func::ConstantOp::create(b, loc, rowFunction.getFunctionType(), rowFunction.getName());
  Value region = UnrealizedConversionCastOp::create(b, loc, pointer, function).getResult(0);
  // mxs_ag_dispatch_t, field by field.
  const SmallVector<Value> fields{reduces ? f.pointer(op.getInputs()[0]) : null,
                                  reduces ? f.scratch(op, 0) : null,
                                  region,
                                  frameMemory,
                                  rows[0],
                                  rows[1],
                                  rows[2],
                                  outputs[0],
                                  outputs[1],
                                  outputs[2],
                                  f.constI64(columns(yield.getValues()[0])),
                                  f.constI64(columns(yield.getValues()[2]))};
  Value arguments = stackStruct(f, LLVM::LLVMArrayType::get(b.getI64Type(), fields.size()));
  storeFields(f, arguments, fields);
  f.call("mxs_ag_dispatch", {f.ctx, f.layerOf(op), arguments});
  return success();
}
