//===- OnnxDialect.h - the dialect of imported ONNX graphs ------------------------------------===//
//
// One op per supported ONNX operator; see README.md and OnnxDialect.td. The C++ namespace
// mixserve::onnx is not Protobuf's ::onnx, which lib/Import alone sees.
//
//===-----------------------------------------------------------------------------------------===//

#ifndef MIXSERVE_DIALECTS_ONNX_ONNXDIALECT_H
#define MIXSERVE_DIALECTS_ONNX_ONNXDIALECT_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace mixserve::onnx {
/// Fails if a result of `op` (an InferResults) contradicts the type that its rule gives: (C1).
llvm::LogicalResult verifyResultTypes(mlir::Operation *op);
} // namespace mixserve::onnx

#include "dialects/onnx/OnnxDialect.h.inc"
#include "dialects/onnx/OnnxInterfaces.h.inc"

#define GET_OP_CLASSES
#include "dialects/onnx/OnnxOps.h.inc"

namespace mixserve::onnx {

/// True for an operand that the node leaves out.
inline bool isNoValue(mlir::Value value) { return llvm::isa<mlir::NoneType>(value.getType()); }

/// The elements of `value` if it is an `onnx.Constant` with stored elements, else null.
mlir::DenseElementsAttr getConstant(mlir::Value value);

/// The integers of `value` if it is an integer or bool `onnx.Constant`, in row-major order.
std::optional<llvm::SmallVector<int64_t>> getConstantInts(mlir::Value value);

} // namespace mixserve::onnx

#endif // MIXSERVE_DIALECTS_ONNX_ONNXDIALECT_H
