//===- ParamRoles.cpp - What a parameter is for, read from its uses ---------===//
#include "ParamRoles.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;
using namespace mixserve;
using namespace mixserve::shard;

std::pair<nn::AttentionOp, unsigned> shard::attentionReachedBy(Value value) {
  while (value.hasOneUse()) {
    OpOperand &use = *value.use_begin();
    Operation *user = use.getOwner();
    if (auto attention = dyn_cast<nn::AttentionOp>(user))
      return {attention, use.getOperandNumber()};
    if (!isa<nn::RmsNormOp, nn::RopeOp>(user))
      break;
    value = user->getResult(0);
  }
  return {};
}

/// A linear is known by where its result goes, or where its input comes from.
static FailureOr<ParamUse> roleOfLinear(nn::LinearOp linear) {
  if (auto [attention, operand] = attentionReachedBy(linear.getResult()); attention)
    return ParamUse{operand == 0 ? ParamRole::Query : ParamRole::KeyValue, attention};
  if (auto attention = linear.getInput().getDefiningOp<nn::AttentionOp>())
    return ParamUse{ParamRole::AttentionOutput, attention};
  if (llvm::any_of(linear->getUsers(), [](Operation *user) { return isa<moe::RouteOp>(user); }))
    return ParamUse{ParamRole::Router, {}};
  if (llvm::any_of(linear->getUsers(), [](Operation *user) { return isa<func::ReturnOp>(user); }))
    return ParamUse{ParamRole::LmHead, {}};
  return failure();
}

FailureOr<ParamUse> shard::roleOf(OpOperand &use) {
  Operation *user = use.getOwner();
  if (auto embedding = dyn_cast<nn::EmbeddingOp>(user))
    return ParamUse{ParamRole::Embedding, {}};
  if (auto norm = dyn_cast<nn::RmsNormOp>(user); norm && use.get() == norm.getWeight())
    return ParamUse{ParamRole::Norm, {}};
  if (auto linear = dyn_cast<nn::LinearOp>(user); linear && use.get() == linear.getWeight())
    return roleOfLinear(linear);
  if (auto experts = dyn_cast<moe::ExpertsOp>(user)) {
    if (use.get() == experts.getDown())
      return ParamUse{ParamRole::ExpertDown, {}};
    if (use.get() == experts.getGate() || use.get() == experts.getUp())
      return ParamUse{ParamRole::ExpertIn, {}};
  }
  return failure();
}
