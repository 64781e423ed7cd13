//===- ReductionRules.cpp - result types of sums, softmax and top-k ---------------------------===//

#include "dialects/onnx/TypeRules.h"

using namespace mlir;

namespace mixserve::onnx {

template <typename ReduceOp> static ResultTypes inferReduceOf(ReduceOp op) {
  Type element = elementOf(op.getData());
  std::optional<Shape> data = shapeOf(op.getData());
  std::optional<SmallVector<int64_t>> axes = SmallVector<int64_t>();
  if (!isNoValue(op.getAxes())) {
    FailureOr<IndexList> list = indexList(op, "(C2)", "axes", op.getAxes());
    if (failed(list))
      return failure();
    axes = list->values;
    if (!axes && list->length && *list->length > 0 && data && !op.getKeepdims())
      return one(*list->length <= int64_t(data->size())
                     ? tensorOfRank(data->size() - *list->length, element)
                     : tensorOf(std::nullopt, element));
  }
  if (!data || (!axes && !op.getKeepdims()))
    return one(tensorOf(std::nullopt, element));
  if (!axes)
    return one(tensorOfRank(data->size(), element));
  FailureOr<Shape> normalized = normalizeAxes(op, "(C2)", *axes, data->size());
  if (failed(normalized))
    return failure();
  if (normalized->empty() && op.getNoopWithEmptyAxes())
    return one(op.getData().getType());
  Shape result;
  for (int64_t axis = 0; axis < int64_t(data->size()); ++axis) {
    if (!normalized->empty() && !llvm::is_contained(*normalized, axis))
      result.push_back((*data)[axis]);
    else if (op.getKeepdims())
      result.push_back(1);
  }
  return one(tensorOf(result, element));
}

ResultTypes inferReduce(Operation *op) {
  if (auto sum = dyn_cast<ReduceSumOp>(op))
    return inferReduceOf(sum);
  return inferReduceOf(cast<ReduceMeanOp>(op));
}

ResultTypes CumSumOp::inferResultTypes() {
  auto axisType = cast<ShapedType>(getAxis().getType());
  if (!isIndex(axisType.getElementType()) ||
      (axisType.hasStaticShape() && axisType.getNumElements() != 1))
    return emitOpError("(C2) axis must be one i64 or i32, got ") << axisType;
  std::optional<Shape> x = shapeOf(getX());
  if (std::optional<SmallVector<int64_t>> axis = getConstantInts(getAxis());
      x && axis && failed(normalizeAxis(*this, "(C2)", axis->front(), x->size())))
    return failure();
  return one(getX().getType());
}

ResultTypes SoftmaxOp::inferResultTypes() {
  std::optional<Shape> input = shapeOf(getInput());
  if (input && failed(normalizeAxis(*this, "(C2)", getAxis(), input->size())))
    return failure();
  return one(getInput().getType());
}

ResultTypes TopKOp::inferResultTypes() {
  auto kType = cast<ShapedType>(getK().getType());
  if (!kType.getElementType().isSignlessInteger(64) ||
      (kType.hasStaticShape() && kType.getNumElements() != 1))
    return emitOpError("(C2) K must be one i64, got ") << kType;
  Type element = elementOf(getX()), i64 = IntegerType::get(getContext(), 64);
  std::optional<Shape> shape = shapeOf(getX());
  if (!shape)
    return SmallVector<Type>{tensorOf(std::nullopt, element), tensorOf(std::nullopt, i64)};
  FailureOr<int64_t> axis = normalizeAxis(*this, "(C3)", getAxis(), shape->size());
  if (failed(axis))
    return failure();
  const int64_t size = (*shape)[*axis];
  (*shape)[*axis] = kDynamic;
  if (std::optional<SmallVector<int64_t>> k = getConstantInts(getK())) {
    if (k->front() < 0 || (!ShapedType::isDynamic(size) && k->front() > size))
      return emitOpError("(C2) K = ") << k->front() << " for an axis of size " << size;
    (*shape)[*axis] = k->front();
  }
  return SmallVector<Type>{tensorOf(shape, element), tensorOf(shape, i64)};
}

} // namespace mixserve::onnx
