//===- OnnxDialect.cpp - registration, and the verifier that all ops share --------------------===//

#include "dialects/onnx/OnnxDialect.h"

#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace mixserve::onnx;

#include "dialects/onnx/OnnxDialect.cpp.inc"
#include "dialects/onnx/OnnxInterfaces.cpp.inc"

void OnnxDialect::initialize() { registerOps(); }

LogicalResult mixserve::onnx::verifyResultTypes(Operation *op) {
  FailureOr<SmallVector<Type>> inferred = cast<InferResults>(op).inferResultTypes();
  if (failed(inferred))
    return failure();
  if (inferred->size() != op->getNumResults())
    return op->emitOpError("(C1) ONNX's rule gives ")
           << inferred->size() << " results, got " << op->getNumResults();
  for (auto [expected, result] : llvm::zip_equal(*inferred, op->getResults())) {
    if (!expected || isa<NoneType>(result.getType()))
      continue;
    Type got = result.getType();
    if (getElementTypeOrSelf(expected) != getElementTypeOrSelf(got) ||
        failed(verifyCompatibleShape(expected, got)))
      return op->emitOpError("(C1) result #") << result.getResultNumber() << " has type " << got
                                              << ", ONNX's rule gives " << expected;
  }
  return success();
}

DenseElementsAttr mixserve::onnx::getConstant(Value value) {
  auto constant = value.getDefiningOp<ConstantOp>();
  return constant ? dyn_cast<DenseElementsAttr>(constant.getValue()) : DenseElementsAttr();
}

std::optional<SmallVector<int64_t>> mixserve::onnx::getConstantInts(Value value) {
  DenseElementsAttr elements = getConstant(value);
  if (!elements || !isa<IntegerType>(elements.getElementType()))
    return std::nullopt;
  const bool isUnsigned =
      elements.getElementType().isUnsignedInteger() || elements.getElementType().isInteger(1);
  SmallVector<int64_t> ints;
  ints.reserve(elements.getNumElements());
  for (const APInt &element : elements.getValues<APInt>())
    ints.push_back(isUnsigned ? static_cast<int64_t>(element.getZExtValue())
                              : element.getSExtValue());
  return ints;
}
