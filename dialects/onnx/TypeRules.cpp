//===- TypeRules.cpp - shapes, axes and broadcasting ------------------------------------------===//

#include "dialects/onnx/TypeRules.h"

#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/SmallSet.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace mixserve::onnx {

std::optional<Shape> shapeOf(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type)
    return std::nullopt;
  return Shape(type.getShape());
}

Type elementOf(Value value) {
  auto type = dyn_cast<TensorType>(value.getType());
  return type ? type.getElementType() : Type();
}

Type tensorOf(std::optional<Shape> shape, Type element) {
  if (!shape)
    return UnrankedTensorType::get(element);
  return RankedTensorType::get(*shape, element);
}

Type tensorOfRank(int64_t rank, Type element) { return tensorOf(Shape(rank, kDynamic), element); }

int64_t mulSizes(int64_t a, int64_t b) {
  int64_t result;
  if (ShapedType::isDynamic(a) || ShapedType::isDynamic(b) || llvm::MulOverflow(a, b, result))
    return kDynamic;
  return result;
}

int64_t addSizes(int64_t a, int64_t b) {
  int64_t result;
  if (ShapedType::isDynamic(a) || ShapedType::isDynamic(b) || llvm::AddOverflow(a, b, result))
    return kDynamic;
  return result;
}

bool isNumber(Type element) {
  return isa<FloatType, IntegerType>(element) && !element.isInteger(1);
}

bool isIndex(Type element) {
  return element.isSignlessInteger(32) || element.isSignlessInteger(64);
}

FailureOr<int64_t> normalizeAxis(Operation *op, StringRef label, int64_t axis, int64_t rank) {
  if (axis < -rank || axis >= rank)
    return op->emitOpError(label) << " axis = " << axis << " is outside [" << -rank << ", " << rank
                                  << ")";
  return axis < 0 ? axis + rank : axis;
}

FailureOr<Shape> normalizeAxes(Operation *op, StringRef label, ArrayRef<int64_t> axes,
                               int64_t rank) {
  Shape normalized;
  llvm::SmallSet<int64_t, 8> seen;
  for (int64_t axis : axes) {
    FailureOr<int64_t> one = normalizeAxis(op, label, axis, rank);
    if (failed(one))
      return failure();
    if (!seen.insert(*one).second)
      return op->emitOpError(label) << " axis " << *one << " is named twice";
    normalized.push_back(*one);
  }
  return normalized;
}

FailureOr<Shape> broadcast(Operation *op, StringRef label, const Shape &a, const Shape &b) {
  const Shape &longer = a.size() >= b.size() ? a : b, &shorter = a.size() >= b.size() ? b : a;
  const size_t lead = longer.size() - shorter.size();
  Shape result = longer;
  for (size_t i = 0; i < shorter.size(); ++i) {
    int64_t x = longer[lead + i], y = shorter[i];
    if (x == 1)
      result[lead + i] = y;
    else if (y == 1 || x == y)
      result[lead + i] = x;
    else if (ShapedType::isDynamic(x))
      result[lead + i] = y; // y is no 1, so x is 1 or y at run time
    else if (!ShapedType::isDynamic(y))
      return op->emitOpError(label)
             << " shapes do not broadcast: sizes " << x << " and " << y << " meet";
  }
  return result;
}

FailureOr<std::optional<Shape>> broadcastAll(Operation *op, StringRef label, ValueRange tensors) {
  std::optional<Shape> result = Shape();
  for (Value tensor : tensors) {
    std::optional<Shape> shape = shapeOf(tensor);
    if (!shape)
      return std::optional<Shape>();
    FailureOr<Shape> next = broadcast(op, label, *result, *shape);
    if (failed(next))
      return failure();
    result = *next;
  }
  return result;
}

FailureOr<IndexList> indexList(Operation *op, StringRef label, StringRef name, Value value) {
  std::optional<Shape> shape = shapeOf(value);
  if (!elementOf(value) || !isIndex(elementOf(value)) || (shape && shape->size() != 1))
    return op->emitOpError(label) << " " << name << " must be 1-D i64 or i32, got "
                                  << value.getType();
  IndexList list;
  list.values = getConstantInts(value);
  if (list.values)
    list.length = list.values->size();
  else if (shape && !ShapedType::isDynamic(shape->front()))
    list.length = shape->front();
  return list;
}

} // namespace mixserve::onnx
