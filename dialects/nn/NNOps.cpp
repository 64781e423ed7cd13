//===- NNOps.cpp - Constraints of the row ops -------------------------------===//
#include "dialects/nn/NNDialect.h"

using namespace mlir;
using namespace mixserve::nn;

/// Sizes agree, or one of them is dynamic.
static bool compatible(int64_t a, int64_t b) {
  return ShapedType::isDynamic(a) || ShapedType::isDynamic(b) || a == b;
}

LogicalResult EmbeddingOp::verify() {
  auto table = getTable().getType(), result = getResult().getType();
  if (result.getDimSize(1) != table.getDimSize(1) ||
      result.getElementType() != table.getElementType() ||
      !compatible(result.getDimSize(0), getIds().getType().getDimSize(0)))
    return emitOpError("(C1) result must be [T, ")
           << table.getDimSize(1) << "] like the table, got " << result;
  return success();
}

LogicalResult LinearOp::verify() {
  auto input = getInput().getType(), weight = getWeight().getType(), result = getResult().getType();
  if (input.getDimSize(1) != weight.getDimSize(1))
    return emitOpError("(C1) input has K = ")
           << input.getDimSize(1) << ", weight has K = " << weight.getDimSize(1);
  if (!compatible(result.getDimSize(0), input.getDimSize(0)) ||
      result.getDimSize(1) != weight.getDimSize(0))
    return emitOpError("(C2) result must be [T, ") << weight.getDimSize(0) << "], got " << result;
  return success();
}

LogicalResult RmsNormOp::verify() {
  const int64_t width = getInput().getType().getDimSize(1);
  const int64_t block = getWeight().getType().getDimSize(0);
  if (ShapedType::isDynamic(width) || ShapedType::isDynamic(block) || block < 1 ||
      width % block != 0)
    return emitOpError("(C1) weight length ")
           << block << " does not divide the row width " << width;
  if (!(getEps().convertToDouble() > 0))
    return emitOpError("(C2) eps must be positive, got ") << getEps().convertToDouble();
  return success();
}

LogicalResult RopeOp::verify() {
  const int64_t width = getInput().getType().getDimSize(1), headDim = getHeadDim();
  const int64_t pairs = getInvFreq().size();
  if (headDim < 1 || ShapedType::isDynamic(width) || width % headDim != 0)
    return emitOpError("(C1) head_dim ") << headDim << " does not divide the row width " << width;
  if (pairs < 1 || 2 * pairs > headDim)
    return emitOpError("(C2) ") << pairs << " frequencies do not fit head_dim " << headDim;
  return success();
}

LogicalResult AttentionOp::verify() {
  const int64_t heads = getHeads(), kvHeads = getKvHeads(), headDim = getHeadDim();
  if (heads < 1 || kvHeads < 1 || heads % kvHeads != 0)
    return emitOpError("(C2) kv_heads = ") << kvHeads << " does not divide heads = " << heads;
  if (getQ().getType().getDimSize(1) != heads * headDim ||
      getResult().getType() != getQ().getType())
    return emitOpError("(C1) q and result must be [T, ")
           << heads * headDim << "], got " << getQ().getType() << " and " << getResult().getType();
  if (getK().getType().getDimSize(1) != kvHeads * headDim)
    return emitOpError("(C1) k and v must be [T, ")
           << kvHeads * headDim << "], got " << getK().getType();
  return success();
}

/// Columns of a tensor, or rows of a weight, that are `heads` heads of some size; 0: they are not.
static int64_t headSize(int64_t columns, int64_t heads) {
  return ShapedType::isDynamic(columns) || columns % heads != 0 ? 0 : columns / heads;
}

LogicalResult LatentAttentionOp::verify() {
  const int64_t heads = getHeads(), latent = getLatentDim(), rope = getRopeDim();
  const int64_t nope = heads < 1 ? 0 : headSize(getQNope().getType().getDimSize(1), heads);
  if (nope < 1 || getQRope().getType().getDimSize(1) != heads * rope)
    return emitOpError("(C1) q_nope and q_rope must be [T, ")
           << heads << " * D] and [T, " << heads << " * " << rope << "], got "
           << getQNope().getType() << " and " << getQRope().getType();
  auto uk = getWUk().getType(), uv = getWUv().getType(), result = getResult().getType();
  if (uk.getDimSize(0) != heads * latent || uk.getDimSize(1) != nope)
    return emitOpError("(C2) w_uk must be [") << heads * latent << ", " << nope << "], got " << uk;
  if (headSize(uv.getDimSize(0), heads) < 1 || uv.getDimSize(1) != latent ||
      result.getDimSize(1) != uv.getDimSize(0) ||
      !compatible(result.getDimSize(0), getQNope().getType().getDimSize(0)))
    return emitOpError("(C2) w_uv must be [")
           << heads << " * V, " << latent << "] and the result [T, " << heads << " * V], got " << uv
           << " and " << result;
  if (latent % 16 != 0 || rope % 16 != 0 || nope % 2 != 0)
    return emitOpError("(C3) L and R must be multiples of 16 and D even, got L = ")
           << latent << ", R = " << rope << ", D = " << nope;
  return success();
}

std::optional<int64_t> mixserve::nn::cacheOf(Operation *op) {
  if (auto attention = dyn_cast<AttentionOp>(op))
    return attention.getCache();
  if (auto latent = dyn_cast<LatentAttentionOp>(op))
    return latent.getCache();
  return std::nullopt;
}

void mixserve::nn::setCache(Operation *op, int64_t number) {
  if (auto attention = dyn_cast<AttentionOp>(op))
    attention.setCache(number);
  else
    cast<LatentAttentionOp>(op).setCache(number);
}

LogicalResult SelectRowsOp::verify() {
  auto input = getInput().getType(), result = getResult().getType();
  if (input.getDimSize(1) != result.getDimSize(1) ||
      input.getElementType() != result.getElementType())
    return emitOpError("(C1) result must have rows like ") << input << ", got " << result;
  return success();
}
