//===- LowerCompute.cpp - Linears, attention, routing as library calls ------===//
#include "FunctionLowering.h"
#include "mixserve/Emit/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mixserve;

LogicalResult mixserve::lowerParamRef(FunctionLowering &f, nn::ParamRefOp op) {
  const ParamNumber param = f.shared.params.at(op.getParamAttr().getAttr());
  f.setPointer(op.getResult(), f.callValue(param.isHandle ? "mxs_weight" : "mxs_param",
                                           {f.ctx, f.constI32(param.index)}));
  return success();
}

LogicalResult mixserve::lowerEmbedding(FunctionLowering &f, nn::EmbeddingOp op) {
  if (!op.getIds().getDefiningOp<nn::TokensOp>())
    return op.emitOpError("has no lowering for computed ids: they must be nn.tokens of the step");
  Value out = f.makeResult(cast<OpResult>(op.getResult()));
  f.call("mxs_embedding", {f.ctx, f.pointer(op.getTable()), out});
  return success();
}

LogicalResult mixserve::lowerLinear(FunctionLowering &f, nn::LinearOp op) {
  Value out = f.makeResult(cast<OpResult>(op.getResult()));
  f.call("mxs_linear",
         {f.ctx, f.pointer(op.getInput()), f.pointer(op.getWeight()), out, f.rows(op.getInput())});
  return success();
}

LogicalResult mixserve::lowerAttention(FunctionLowering &f, nn::AttentionOp op) {
  Value out = f.makeResult(cast<OpResult>(op.getResult()));
  Value scale = arith::ConstantOp::create(
      f.builder, f.loc, f.builder.getF32FloatAttr(op.getScale().convertToDouble()));
  f.call("mxs_attention", {f.ctx, f.cacheOf(op), f.pointer(op.getQ()), f.pointer(op.getK()),
                           f.pointer(op.getV()), out, f.constI32(op.getHeads()),
                           f.constI32(op.getKvHeads()), f.constI32(op.getHeadDim()), scale});
  return success();
}

LogicalResult mixserve::lowerSelectRows(FunctionLowering &f, nn::SelectRowsOp op) {
  Value out = f.makeResult(cast<OpResult>(op.getResult()));
  f.call("mxs_select_rows",
         {f.ctx, f.pointer(op.getInput()), out, f.constI64(columns(op.getInput()))});
  return success();
}

LogicalResult mixserve::lowerRoute(FunctionLowering &f, moe::RouteOp op) {
  moe::RouterAttr router = op.getRouter();
  Value weights = f.makeResult(cast<OpResult>(op.getWeights())),
        ids = f.makeResult(cast<OpResult>(op.getIds()));
  Value scale = arith::ConstantOp::create(
      f.builder, f.loc, f.builder.getF32FloatAttr(router.getScale().getValueAsDouble()));
  f.call("mxs_route", {f.ctx, f.pointer(op.getLogits()), weights, ids, f.rows(op.getLogits()),
                       f.constI64(columns(op.getLogits())), f.constI64(op.getTopK()),
                       f.constI32(static_cast<int32_t>(router.getScore())),
                       f.constI32(router.getNormalize()), scale});
  return success();
}

/// permute -> gate, up -> swiglu -> down -> unpermute. Scratch: routed rows [R,H], gate and up
/// [R,F]; the outputs of `down` overwrite the routed rows, which gate and up have read.
LogicalResult mixserve::lowerExpertFfn(FunctionLowering &f, moe::ExpertFfnOp op) {
  auto gateType = op.getGate().getType();
  const int64_t ffn = gateType.getDimSize(1), hidden = gateType.getDimSize(2),
                topK = columns(op.getIds());
  const int64_t capacity = f.shared.capacity.routed(topK, gateType.getDimSize(0));
  Value out = f.makeResult(cast<OpResult>(op.getResult()));
  Value routed = f.scratch(op, 0), gate = f.scratch(op, 1), up = f.scratch(op, 2);
  Value rows = f.rows(op.getInput());
  Value h = f.constI64(hidden), k = f.constI64(topK);
  f.call("mxs_permute",
         {f.ctx, f.pointer(op.getInput()), f.pointer(op.getIds()), routed, rows, h, k});
  f.call("mxs_grouped_gemm", {f.ctx, routed, f.pointer(op.getGate()), gate});
  f.call("mxs_grouped_gemm", {f.ctx, routed, f.pointer(op.getUp()), up});
  Value routedRows =
      f.callValue("mxs_rows", {f.ctx, f.constI32(static_cast<int32_t>(plan::RowSet::Routed))});
  switch (op.getActivation()) {
  case moe::Activation::SwiGLU:
    emitSwiGLU(f, gate, up, routedRows, capacity, ffn);
    break;
  }
  f.call("mxs_grouped_gemm", {f.ctx, gate, f.pointer(op.getDown()), routed});
  f.call("mxs_unpermute", {f.ctx, routed, f.pointer(op.getWeights()), out, rows, h, k});
  return success();
}

/// A call of a layer function gets ctx, arena, the inputs, and a buffer per result.
LogicalResult mixserve::lowerLayerCall(FunctionLowering &f, func::CallOp op) {
  SmallVector<Value> operands{f.ctx, f.arena};
  for (Value operand : op.getOperands()) {
    if (isa<nn::BatchType>(operand.getType()))
      continue;
    if (isa<TensorType>(operand.getType())) {
      operands.push_back(f.pointer(operand));
      continue;
    }
    IntegerAttr number;
    if (!matchPattern(operand, m_Constant(&number)))
      return op.emitOpError("layer and cache numbers must be constants");
    operands.push_back(f.constI32(number.getInt()));
  }
  for (OpResult result : op.getResults())
    operands.push_back(f.makeResult(result));
  func::CallOp::create(f.builder, f.loc, op.getCallee(), TypeRange(), operands);
  return success();
}
