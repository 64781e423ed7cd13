//===- ParamRoles.cpp - What a parameter is for, read from its uses ---------===//
#include "ParamRoles.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;
using namespace mixserve;
using namespace mixserve::shard;

std::pair<Operation *, unsigned> shard::attentionReachedBy(Value value) {
  while (value.hasOneUse()) {
    OpOperand &use = *value.use_begin();
    Operation *user = use.getOwner();
    if (nn::cacheOf(user))
      return {user, use.getOperandNumber()};
    if (!isa<nn::RmsNormOp, nn::RopeOp>(user))
      break;
    value = user->getResult(0);
  }
  return {};
}

/// What the linear is whose result reaches operand `operand` of `attention`.
static ParamRole roleOfInput(Operation *attention, unsigned operand) {
  if (isa<nn::LatentAttentionOp>(attention))
    return operand < 2 ? ParamRole::Query : ParamRole::LatentRow; // q_nope, q_rope; latent, rope
  return operand == 0 ? ParamRole::Query : ParamRole::KeyValue;
}

/// The latent attention whose queries are linears of `value`, alone or through a norm; null if there
/// is none.
static Operation *queriesMadeFrom(Value value) {
  if (value.hasOneUse())
    if (auto norm = dyn_cast<nn::RmsNormOp>(*value.user_begin()))
      value = norm.getResult();
  Operation *made = nullptr;
  for (Operation *user : value.getUsers()) {
    auto linear = dyn_cast<nn::LinearOp>(user);
    auto [attention, operand] = linear ? attentionReachedBy(linear.getResult()) : std::pair<Operation *, unsigned>();
    if (!isa_and_present<nn::LatentAttentionOp>(attention) || operand > 1)
      return nullptr;
    made = attention;
  }
  return made;
}

/// A linear is known by where its result goes, or where its input comes from.
static FailureOr<ParamUse> roleOfLinear(nn::LinearOp linear) {
  if (auto [attention, operand] = attentionReachedBy(linear.getResult()); attention)
    return ParamUse{roleOfInput(attention, operand), attention};
  if (Operation *attention = queriesMadeFrom(linear.getResult()))
    return ParamUse{ParamRole::LatentRow, attention};
  if (Operation *input = linear.getInput().getDefiningOp(); input && nn::cacheOf(input))
    return ParamUse{ParamRole::AttentionOutput, input};
  if (moe::isRouter(linear))
    return ParamUse{ParamRole::Router, nullptr};
  if (llvm::any_of(linear->getUsers(), [](Operation *user) { return isa<func::ReturnOp>(user); }))
    return ParamUse{ParamRole::LmHead, nullptr};
  return failure();
}

FailureOr<ParamUse> shard::roleOf(OpOperand &use) {
  Operation *user = use.getOwner();
  if (auto embedding = dyn_cast<nn::EmbeddingOp>(user))
    return ParamUse{ParamRole::Embedding, nullptr};
  if (auto norm = dyn_cast<nn::RmsNormOp>(user); norm && use.get() == norm.getWeight())
    return ParamUse{ParamRole::Norm, nullptr};
  if (auto linear = dyn_cast<nn::LinearOp>(user); linear && use.get() == linear.getWeight())
    return roleOfLinear(linear);
  if (auto latent = dyn_cast<nn::LatentAttentionOp>(user);
      latent && (use.get() == latent.getWUk() || use.get() == latent.getWUv()))
    return ParamUse{ParamRole::LatentHeads, latent};
  if (auto experts = dyn_cast<moe::ExpertsOp>(user)) {
    if (use.get() == experts.getDown())
      return ParamUse{ParamRole::ExpertDown, nullptr};
    if (use.get() == experts.getGate() || use.get() == experts.getUp())
      return ParamUse{ParamRole::ExpertIn, nullptr};
  }
  return failure();
}
