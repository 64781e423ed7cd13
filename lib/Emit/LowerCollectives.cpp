//===- LowerCollectives.cpp - Collectives as runtime calls ------------------===//
#include "FunctionLowering.h"

using namespace mlir;
using namespace mixserve;

static Value rowSetOf(FunctionLowering &f, Value tensor) {
  return f.constI32(static_cast<int32_t>(plan::ShardingAttr::of(tensor).getRows()));
}

template <typename OpT> static Value siteOf(FunctionLowering &f, OpT op) {
  return f.constI32(static_cast<int32_t>(op.getSite()));
}

// plan::Method and mxs_method_t agree on the three methods that are a dispatch.
static Value methodOf(FunctionLowering &f, plan::Method method) {
  return f.constI32(static_cast<int32_t>(method));
}

LogicalResult mixserve::lowerAllReduce(FunctionLowering &f, coll::AllReduceOp op) {
  if (plan::ShardingAttr::of(op.getInput()).getRows() != plan::RowSet::Group)
    return op.emitOpError("has no lowering on rows other than the group's");
  Value out = f.makeResult(cast<OpResult>(op.getResult()));
  f.call("mxs_all_reduce", {f.ctx, f.layerOf(op), siteOf(f, op), f.pointer(op.getInput()), out,
                            f.constI64(columns(op.getInput()))});
  return success();
}

LogicalResult mixserve::lowerReduceScatter(FunctionLowering &f, coll::ReduceScatterOp op) {
  Value out = f.makeResult(cast<OpResult>(op.getResult()));
  f.call("mxs_reduce_scatter", {f.ctx, f.layerOf(op), siteOf(f, op), f.pointer(op.getInput()), out,
                                f.constI64(columns(op.getInput())), rowSetOf(f, op.getInput()),
                                rowSetOf(f, op.getResult())});
  return success();
}

LogicalResult mixserve::lowerAllGather(FunctionLowering &f, coll::AllGatherOp op) {
  SmallVector<Value> operands{f.ctx, f.layerOf(op), siteOf(f, op)};
  for (Value input : op.getInputs())
    operands.push_back(f.pointer(input));
  for (Value output : op.getOutputs())
    operands.push_back(f.makeResult(cast<OpResult>(output)));
  operands.push_back(f.constI64(columns(op.getInputs()[0])));
  const bool isRouted = op.getInputs().size() == 3;
  if (isRouted)
    operands.push_back(f.constI64(columns(op.getInputs()[2])));
  operands.push_back(rowSetOf(f, op.getInputs()[0]));
  operands.push_back(rowSetOf(f, op.getOutputs()[0]));
  f.call(isRouted ? "mxs_all_gather_routed" : "mxs_all_gather", operands);
  return success();
}

LogicalResult mixserve::lowerDispatch(FunctionLowering &f, coll::DispatchOp op) {
  SmallVector<Value> operands{f.ctx, f.layerOf(op), siteOf(f, op), methodOf(f, op.getMethod())};
  for (Value input : op.getOperands())
    operands.push_back(f.pointer(input));
  for (OpResult output : op->getResults())
    operands.push_back(f.makeResult(output));
  operands.push_back(f.constI64(columns(op.getInput())));
  operands.push_back(f.constI64(columns(op.getIds())));
  f.call("mxs_dispatch", operands);
  return success();
}

LogicalResult mixserve::lowerCombine(FunctionLowering &f, coll::CombineOp op) {
  Value out = f.makeResult(cast<OpResult>(op.getResult()));
  f.call("mxs_combine", {f.ctx, f.layerOf(op), siteOf(f, op), methodOf(f, op.getMethod()),
                         f.pointer(op.getInput()), out, f.constI64(columns(op.getInput()))});
  return success();
}

LogicalResult mixserve::lowerRsCombine(FunctionLowering &f, coll::RsCombineOp op) {
  Value out = f.makeResult(cast<OpResult>(op.getResult()));
  f.call("mxs_rs_combine",
         {f.ctx, f.layerOf(op), f.pointer(op.getInput()), out, f.constI64(columns(op.getInput()))});
  return success();
}
