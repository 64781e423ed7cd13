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
    return emitOpError("(C1) result must be [T, ") << table.getDimSize(1) << "] like the table, got " << result;
  return success();
}

LogicalResult LinearOp::verify() {
  auto input = getInput().getType(), weight = getWeight().getType(), result = getResult().getType();
  if (input.getDimSize(1) != weight.getDimSize(1))
    return emitOpError("(C1) input has K = ") << input.getDimSize(1) << ", weight has K = "
                                              << weight.getDimSize(1);
  if (!compatible(result.getDimSize(0), input.getDimSize(0)) ||
      result.getDimSize(1) != weight.getDimSize(0))
    return emitOpError("(C2) result must be [T, ") << weight.getDimSize(0) << "], got " << result;
  return success();
}

LogicalResult RmsNormOp::verify() {
  const int64_t width = getInput().getType().getDimSize(1);
  const int64_t block = getWeight().getType().getDimSize(0);
  if (ShapedType::isDynamic(width) || ShapedType::isDynamic(block) || block < 1 || width % block != 0)
    return emitOpError("(C1) weight length ") << block << " does not divide the row width " << width;
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
  if (getQ().getType().getDimSize(1) != heads * headDim || getResult().getType() != getQ().getType())
    return emitOpError("(C1) q and result must be [T, ") << heads * headDim << "], got "
                                                         << getQ().getType() << " and "
                                                         << getResult().getType();
  if (getK().getType().getDimSize(1) != kvHeads * headDim)
    return emitOpError("(C1) k and v must be [T, ") << kvHeads * headDim << "], got " << getK().getType();
  return success();
}

LogicalResult SelectRowsOp::verify() {
  auto input = getInput().getType(), result = getResult().getType();
  if (input.getDimSize(1) != result.getDimSize(1) || input.getElementType() != result.getElementType())
    return emitOpError("(C1) result must have rows like ") << input << ", got " << result;
  return success();
}
