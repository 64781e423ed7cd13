//===- TransformerRules.cpp - result types of products, norms, rotary and attention -----------===//

#include "dialects/onnx/TypeRules.h"

using namespace mlir;

namespace mixserve::onnx {

/// True if both sizes are known and differ.
static bool differ(int64_t a, int64_t b) {
  return !ShapedType::isDynamic(a) && !ShapedType::isDynamic(b) && a != b;
}

ResultTypes MatMulOp::inferResultTypes() {
  Type element = elementOf(getA());
  if (element != elementOf(getB()) || !isNumber(element))
    return emitOpError("(C2) operands must be numbers of one element type, got ")
           << element << " and " << elementOf(getB());
  std::optional<Shape> a = shapeOf(getA()), b = shapeOf(getB());
  if ((a && a->empty()) || (b && b->empty()))
    return emitOpError("(C2) operands must have at least one axis");
  if (!a || !b)
    return one(tensorOf(std::nullopt, element));
  const bool vectorA = a->size() == 1, vectorB = b->size() == 1;
  if (vectorA)
    a->insert(a->begin(), 1);
  if (vectorB)
    b->push_back(1);
  const int64_t ka = a->back(), kb = (*b)[b->size() - 2];
  if (differ(ka, kb))
    return emitOpError("(C3) A has ") << ka << " columns, B has " << kb << " rows";
  FailureOr<Shape> result =
      broadcast(*this, "(C1)", Shape(a->begin(), a->end() - 2), Shape(b->begin(), b->end() - 2));
  if (failed(result))
    return failure();
  if (!vectorA)
    result->push_back((*a)[a->size() - 2]);
  if (!vectorB)
    result->push_back(b->back());
  return one(tensorOf(*result, element));
}

ResultTypes GemmOp::inferResultTypes() {
  Type element = elementOf(getA());
  if (element != elementOf(getB()) || (!isNoValue(getC()) && element != elementOf(getC())))
    return emitOpError("(C2) operands must have one element type");
  Shape result(2, kDynamic);
  std::optional<Shape> a = shapeOf(getA()), b = shapeOf(getB());
  if ((a && a->size() != 2) || (b && b->size() != 2))
    return emitOpError("(C2) A and B must be matrices");
  if (a)
    result[0] = (*a)[getTransA() ? 1 : 0];
  if (b)
    result[1] = (*b)[getTransB() ? 0 : 1];
  if (a && b && differ((*a)[getTransA() ? 0 : 1], (*b)[getTransB() ? 1 : 0]))
    return emitOpError("(C2) A' has ") << (*a)[getTransA() ? 0 : 1] << " columns, B' has "
                                       << (*b)[getTransB() ? 1 : 0] << " rows";
  if (std::optional<Shape> c = shapeOf(getC())) {
    if (c->size() > 2 || failed(broadcast(*this, "(C2)", result, *c)))
      return emitOpError("(C2) C does not broadcast to the result, got ") << getC().getType();
  }
  return one(tensorOf(result, element));
}

ResultTypes RMSNormalizationOp::inferResultTypes() {
  std::optional<Shape> x = shapeOf(getX()), scale = shapeOf(getScale());
  if (x && failed(normalizeAxis(*this, "(C2)", getAxis(), x->size())))
    return failure();
  if (x && scale) {
    if (scale->size() > x->size())
      return emitOpError("(C3) scale has ") << scale->size() << " axes, X has " << x->size();
    if (failed(broadcast(*this, "(C3)", *x, *scale)))
      return failure();
  }
  return one(tensorOf(x, elementOf(getScale())));
}

ResultTypes RotaryEmbeddingOp::inferResultTypes() {
  std::optional<Shape> x = shapeOf(getX()), cos = shapeOf(getCosCache()),
                       sin = shapeOf(getSinCache());
  if (x && x->size() != 3 && x->size() != 4)
    return emitOpError("(C2) X must have 3 or 4 axes, got ") << getX().getType();
  if (x && x->size() == 3 && getNumHeads() <= 0)
    return emitOpError("(C2) X of 3 axes needs num_heads");
  int64_t half = kDynamic;
  if (getRotaryEmbeddingDim() != 0)
    half = getRotaryEmbeddingDim() / 2;
  else if (x && !ShapedType::isDynamic(x->back()))
    half = x->back() / (x->size() == 3 ? getNumHeads() : 1) / 2;
  const size_t axes = isNoValue(getPositionIds()) ? 3 : 2;
  for (const std::optional<Shape> &cache : {cos, sin})
    if (cache && (cache->size() != axes || differ(cache->back(), half)))
      return emitOpError("(C3) caches must have ")
             << axes << " axes and " << half << " columns, got " << getCosCache().getType()
             << " and " << getSinCache().getType();
  return one(getX().getType());
}

ResultTypes AttentionOp::inferResultTypes() {
  if (isNoValue(getPastKey()) != isNoValue(getPastValue()))
    return emitOpError("(C3) past_key and past_value come together");
  std::optional<Shape> q = shapeOf(getQ()), k = shapeOf(getK()), v = shapeOf(getV());
  Type element = elementOf(getQ());
  SmallVector<Type> unknown = {tensorOf(std::nullopt, element),
                               tensorOf(std::nullopt, elementOf(getK())),
                               tensorOf(std::nullopt, elementOf(getV())), Type()};
  if (!q || !k || !v)
    return unknown;
  const size_t axes = q->size();
  if ((axes != 3 && axes != 4) || k->size() != axes || v->size() != axes)
    return emitOpError("(C2) Q, K, V must all have 3 or all have 4 axes");
  int64_t heads, kvHeads, valueSize, keySize, keys = (*k)[axes - 2];
  if (axes == 3) {
    heads = getQNumHeads().value_or(0), kvHeads = getKvNumHeads().value_or(0);
    if (heads <= 0 || kvHeads <= 0)
      return emitOpError("(C2) Q, K, V of 3 axes need q_num_heads and kv_num_heads");
    keySize = ShapedType::isDynamic(k->back()) ? kDynamic : k->back() / kvHeads;
    valueSize = ShapedType::isDynamic(v->back()) ? kDynamic : v->back() / kvHeads;
  } else {
    heads = (*q)[1], kvHeads = (*k)[1], keySize = k->back(), valueSize = v->back();
  }
  if (!ShapedType::isDynamic(heads) && !ShapedType::isDynamic(kvHeads) &&
      (kvHeads <= 0 || heads % kvHeads != 0))
    return emitOpError("(C4) ") << heads << " query heads are no multiple of " << kvHeads
                                << " key heads";
  if (!isNoValue(getPastKey())) {
    std::optional<Shape> past = shapeOf(getPastKey());
    keys = past && past->size() == 4 ? addSizes((*past)[2], keys) : kDynamic;
  }
  Shape y = *q;
  y.back() = axes == 4 ? valueSize : mulSizes(valueSize, heads);
  const int64_t batch = (*q)[0];
  return SmallVector<Type>{tensorOf(y, element),
                           tensorOf(Shape{batch, kvHeads, keys, keySize}, elementOf(getK())),
                           tensorOf(Shape{batch, kvHeads, keys, valueSize}, elementOf(getV())),
                           tensorOf(Shape{batch, heads, (*q)[axes - 2], keys}, element)};
}

} // namespace mixserve::onnx
