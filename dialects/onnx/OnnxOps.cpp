//===- OnnxOps.cpp - the generated parts of the onnx ops --------------------------------------===//

#include "dialects/onnx/TypeRules.h"

#include "mlir/IR/ImplicitLocOpBuilder.h"

// The group rules that the generated definitions call (Onnx_GroupOp in OnnxBase.td).
namespace mixserve::onnx {
ResultTypes inferArithmetic(mlir::Operation *op);
ResultTypes inferPow(mlir::Operation *op);
ResultTypes inferUnary(mlir::Operation *op);
ResultTypes inferCompare(mlir::Operation *op);
ResultTypes inferLogical(mlir::Operation *op);
ResultTypes inferReduce(mlir::Operation *op);
} // namespace mixserve::onnx

#define GET_OP_CLASSES
#include "dialects/onnx/OnnxOps.cpp.inc"

void mixserve::onnx::OnnxDialect::registerOps() {
  addOperations<
#define GET_OP_LIST
#include "dialects/onnx/OnnxOps.cpp.inc"
      >();
}
