//===- LowerFusedDispatch.cpp - ag_dispatch and its row function ------------===//
//
// The region becomes a row function over owned rows.
//
//===----------------------------------------------------------------------===//
#include "RowFunction.h"
#include "mixserve/Emit/Passes.h"
#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;
using namespace mixserve;

static RowFrame makeFrame(FunctionLowering &f, coll::AgDispatchOp op) {
  RowFrame frame;
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

LogicalResult mixserve::lowerAgDispatch(FunctionLowering &f, coll::AgDispatchOp op) {
  OpBuilder &b = f.builder;
  const Location loc = op.getLoc();
  Type pointer = f.ctx.getType();
  const RowFrame frame = makeFrame(f, op);
  FailureOr<func::FuncOp> rowFunction =
      makeRowFunction(f, frame, loc, [&](FunctionLowering &inner) {
        return inner.lowerBlock(op.getBody().front());
      });
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
  const bool reduces = op.getReduceOver().has_value();
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
