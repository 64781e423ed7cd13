//===- ElementwiseRules.cpp - result types of constants and elementwise ops -------------------===//

#include "dialects/onnx/TypeRules.h"

using namespace mlir;

namespace mixserve::onnx {

/// All operands have one element type; (C2).
static LogicalResult sameElement(Operation *op, ValueRange operands) {
  for (Value operand : operands)
    if (elementOf(operand) != elementOf(operands.front()))
      return op->emitOpError("(C2) operands must have one element type, got ")
             << elementOf(operands.front()) << " and " << elementOf(operand);
  return success();
}

static ResultTypes broadcastResult(Operation *op, ValueRange operands, Type element) {
  FailureOr<std::optional<Shape>> shape = broadcastAll(op, "(C3)", operands);
  if (failed(shape))
    return failure();
  return one(tensorOf(*shape, element));
}

ResultTypes inferArithmetic(Operation *op) {
  if (op->getNumOperands() == 0)
    return op->emitOpError("(C2) needs at least one operand");
  if (failed(sameElement(op, op->getOperands())))
    return failure();
  Type element = elementOf(op->getOperand(0));
  if (!isNumber(element))
    return op->emitOpError("(C2) operands must be numbers, got ") << element;
  return broadcastResult(op, op->getOperands(), element);
}

ResultTypes inferPow(Operation *op) {
  return broadcastResult(op, op->getOperands(), elementOf(op->getOperand(0)));
}

ResultTypes inferUnary(Operation *op) { return one(op->getOperand(0).getType()); }

ResultTypes inferCompare(Operation *op) {
  if (failed(sameElement(op, op->getOperands())))
    return failure();
  return broadcastResult(op, op->getOperands(), IntegerType::get(op->getContext(), 1));
}

ResultTypes inferLogical(Operation *op) {
  for (Value operand : op->getOperands())
    if (!elementOf(operand).isInteger(1))
      return op->emitOpError("(C2) operands must have element type i1, got ") << operand.getType();
  return broadcastResult(op, op->getOperands(), IntegerType::get(op->getContext(), 1));
}

ResultTypes WhereOp::inferResultTypes() {
  if (!elementOf(getCondition()).isInteger(1))
    return emitOpError("(C2) condition must have element type i1, got ")
           << getCondition().getType();
  if (failed(sameElement(*this, {getX(), getY()})))
    return failure();
  return broadcastResult(*this, getOperands(), elementOf(getX()));
}

ResultTypes CastOp::inferResultTypes() {
  if (!isa<FloatType, IntegerType>(getTo()))
    return emitOpError("(C2) to must be a float, integer or bool type, got ") << getTo();
  return one(tensorOf(shapeOf(getInput()), getTo()));
}

ResultTypes CastLikeOp::inferResultTypes() {
  return one(tensorOf(shapeOf(getInput()), elementOf(getTargetType())));
}

ResultTypes ConstantOp::inferResultTypes() { return one(getValue().getType()); }

ResultTypes ConstantOfShapeOp::inferResultTypes() {
  FailureOr<IndexList> sizes = indexList(*this, "(C3)", "input", getInput());
  if (failed(sizes))
    return failure();
  Type element = Float32Type::get(getContext());
  if (std::optional<ElementsAttr> value = getValue()) {
    if (value->getNumElements() != 1)
      return emitOpError("(C2) value must have one element, got ") << value->getNumElements();
    element = value->getElementType();
  }
  if (sizes->values) {
    for (int64_t size : *sizes->values)
      if (size < 0)
        return emitOpError("(C3) input has the negative size ") << size;
    return one(tensorOf(Shape(*sizes->values), element));
  }
  return one(sizes->length ? tensorOfRank(*sizes->length, element)
                           : tensorOf(std::nullopt, element));
}

ResultTypes RangeOp::inferResultTypes() {
  if (failed(sameElement(*this, getOperands())))
    return failure();
  for (Value operand : getOperands())
    if (auto shaped = cast<ShapedType>(operand.getType());
        shaped.hasStaticShape() && shaped.getNumElements() != 1)
      return emitOpError("(C2) start, limit and delta must have one element, got ") << shaped;
  return one(tensorOfRank(1, elementOf(getStart())));
}

} // namespace mixserve::onnx
