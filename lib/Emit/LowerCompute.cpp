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

LogicalResult mixserve::lowerLatentAttention(FunctionLowering &f, nn::LatentAttentionOp op) {
  Value out = f.makeResult(cast<OpResult>(op.getResult()));
  Value scale = arith::ConstantOp::create(
      f.builder, f.loc, f.builder.getF32FloatAttr(op.getScale().convertToDouble()));
  f.call("mxs_latent_attention",
         {f.ctx, f.cacheOf(op), f.pointer(op.getQNope()), f.pointer(op.getQRope()),
          f.pointer(op.getLatent()), f.pointer(op.getRope()), f.pointer(op.getWUk()),
          f.pointer(op.getWUv()), out, f.constI32(op.getHeads()), scale});
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

LogicalResult mixserve::lowerExpertFfn(FunctionLowering &f, moe::ExpertFfnOp op) {
  Value out = f.makeResult(cast<OpResult>(op.getResult()));
  f.call("mxs_expert_ffn",
         {f.ctx, f.layerOf(op), f.pointer(op.getInput()), f.pointer(op.getWeights()),
          f.pointer(op.getIds()), f.pointer(op.getGate()), f.pointer(op.getUp()),
          f.pointer(op.getDown()), f.constI32(static_cast<int32_t>(op.getActivation())), out,
          f.rows(op.getInput()), f.constI64(columns(op.getIds()))});
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
