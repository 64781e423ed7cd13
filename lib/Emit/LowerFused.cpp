//===- LowerFused.cpp - ag_dispatch, rs_combine_ag and their row functions ----===//
//
// The region becomes a row function over owned rows.
//
//===----------------------------------------------------------------------===//
#include "RowFunction.h"
#include "mixserve/Emit/Passes.h"
#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;
using namespace mixserve;

/// `sums`: the first region argument is the op's own buffer, not its first operand.
static RowFrame makeFrame(FunctionLowering &f, Operation *op, bool sums) {
  RowFrame frame;
  Region &body = op->getRegion(0);
  for (auto [i, argument] : llvm::enumerate(body.getArguments())) {
    frame.inside.push_back(argument);
    frame.outside.push_back(sums && i == 0 ? f.scratch(op, 0) : f.pointer(op->getOperand(i)));
  }
  llvm::SetVector<Value> captured;
  getUsedValuesDefinedAbove(body, captured);
  for (Value value : captured) {
    if (!isa<TensorType>(value.getType()))
      continue; // the batch
    frame.inside.push_back(value);
    frame.outside.push_back(f.pointer(value));
  }
  // A kept row whose buffer is the caller's is written by the region under its inner name.
  coll::YieldOp yield = coll::yieldOf(op);
  for (unsigned i = coll::numMoved(op); i < op->getNumResults(); ++i)
    if (Value buffer = f.callerBuffers.lookup(op->getResult(i))) {
      frame.callers.push_back(yield.getValues()[i]);
      frame.outside.push_back(buffer);
    }
  return frame;
}

/// The region as a row function.
static FailureOr<func::FuncOp> makeRegionFunction(FunctionLowering &f, const RowFrame &frame,
                                                  Operation *op) {
  return makeRowFunction(f, frame, op->getLoc(), [&](FunctionLowering &inner) {
    return inner.lowerBlock(op->getRegion(0).front());
  });
}

LogicalResult mixserve::lowerAgDispatch(FunctionLowering &f, coll::AgDispatchOp op) {
  OpBuilder &b = f.builder;
  const Location loc = op.getLoc();
  Type pointer = f.ctx.getType();
  const bool reduces = op.getReduceOver().has_value();
  const RowFrame frame = makeFrame(f, op, reduces);
  FailureOr<func::FuncOp> rowFunction = makeRegionFunction(f, frame, op);
  if (failed(rowFunction))
    return failure();

  // The yielded rows are also read here, from row 0.
  auto yield = cast<coll::YieldOp>(op.getBody().front().getTerminator());
  SmallVector<Value> rows;
  for (Value value : yield.getValues().take_front(3))
    rows.push_back(f.makeResult(cast<OpResult>(value)));
  SmallVector<Value> outputs;
  for (OpResult result : op->getResults())
    outputs.push_back(f.makeResult(result));

  Value null = LLVM::ZeroOp::create(b, loc, pointer);
  // mxs_ag_dispatch_t, field by field.
  const SmallVector<Value> fields{reduces ? f.pointer(op.getInputs()[0]) : null,
                                  reduces ? f.scratch(op, 0) : null,
                                  addressOf(f, *rowFunction),
                                  storeFrame(f, frame),
                                  rows[0],
                                  rows[1],
                                  rows[2],
                                  outputs[0],
                                  outputs[1],
                                  outputs[2],
                                  f.constI64(columns(yield.getValues()[0])),
                                  f.constI64(columns(yield.getValues()[2]))};
  f.call("mxs_ag_dispatch", {f.ctx, f.layerOf(op), storeStruct(f, fields)});
  return success();
}

LogicalResult mixserve::lowerRsCombineAg(FunctionLowering &f, coll::RsCombineAgOp op) {
  const RowFrame frame = makeFrame(f, op, /*sums=*/true);
  FailureOr<func::FuncOp> rowFunction = makeRegionFunction(f, frame, op);
  if (failed(rowFunction))
    return failure();
  // The yielded row is also read here, from row 0.
  Value yielded = coll::yieldOf(op).getValues()[0];
  Value row = f.makeResult(cast<OpResult>(yielded));
  SmallVector<Value> outputs;
  for (OpResult result : op->getResults())
    outputs.push_back(f.makeResult(result));
  // mxs_rs_combine_ag_t, field by field.
  const SmallVector<Value> fields{f.pointer(op.getInputs()[0]),
                                  f.scratch(op, 0),
                                  addressOf(f, *rowFunction),
                                  storeFrame(f, frame),
                                  row,
                                  outputs[0],
                                  f.constI64(columns(op.getInputs()[0])),
                                  f.constI64(columns(yielded))};
  f.call("mxs_rs_combine_ag", {f.ctx, f.layerOf(op), storeStruct(f, fields)});
  return success();
}
