//===- MoEOps.cpp - Constraints of route and experts ------------------------===//
#include "dialects/moe/MoEDialect.h"

using namespace mlir;
using namespace mixserve::moe;

bool mixserve::moe::isRouter(Operation *op) {
  return llvm::any_of(op->getUsers(), [](Operation *user) { return isa<RouteOp>(user); });
}

static bool compatible(int64_t a, int64_t b) {
  return ShapedType::isDynamic(a) || ShapedType::isDynamic(b) || a == b;
}

LogicalResult RouteOp::verify() {
  const int64_t experts = getLogits().getType().getDimSize(1), topK = getTopK();
  if (ShapedType::isDynamic(experts))
    return emitOpError("(C1) number of experts must be static, got ") << getLogits().getType();
  if (topK < 1 || topK > experts)
    return emitOpError("(C1) top_k = ") << topK << " is not in [1, " << experts << "]";
  for (Type type : getResultTypes()) {
    auto result = cast<RankedTensorType>(type);
    if (result.getDimSize(1) != topK ||
        !compatible(result.getDimSize(0), getLogits().getType().getDimSize(0)))
      return (emitOpError("(C2) result must be [T, ") << topK << "], got " << type)
                 .attachNote(getLogits().getLoc())
             << "logits have type " << getLogits().getType();
  }
  return success();
}

/// The constraints that `experts` and `expert_ffn` share.
template <typename OpT> static LogicalResult verifyExperts(OpT op) {
  auto input = op.getInput().getType(), gate = op.getGate().getType(), up = op.getUp().getType(),
       down = op.getDown().getType();
  const int64_t hidden = input.getDimSize(1);
  if (gate != up || gate.getDimSize(2) != hidden || down.getDimSize(1) != hidden ||
      down.getDimSize(0) != gate.getDimSize(0) || down.getDimSize(2) != gate.getDimSize(1))
    return op.emitOpError("(C1) gate and up must be [E, F, ")
           << hidden << "] and down [E, " << hidden << ", F], got " << gate << ", " << up << " and "
           << down;
  auto weights = op.getWeights().getType(), ids = op.getIds().getType();
  if (weights.getShape() != ids.getShape() ||
      !compatible(weights.getDimSize(0), input.getDimSize(0)))
    return op.emitOpError("(C2) weights and ids must both be [T, K], got ")
           << weights << " and " << ids;
  if (op.getResult().getType().getShape() != input.getShape())
    return op.emitOpError("(C3) result must be like the input ")
           << input << ", got " << op.getResult().getType();
  return success();
}

LogicalResult ExpertsOp::verify() { return verifyExperts(*this); }
LogicalResult ExpertFfnOp::verify() { return verifyExperts(*this); }
