//===- ImportOnnx.h - an ONNX model as a module of the onnx dialect ---------------------------===//

#ifndef MIXSERVE_IMPORT_IMPORTONNX_H
#define MIXSERVE_IMPORT_IMPORTONNX_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace mixserve {

/// Reads the ONNX model at `path` and returns it as a verified module, or null after an error that
/// says what is wrong, in which file and node, why, and what to do. Never aborts on bad bytes.
///
/// The module holds
///  - `nn.param @"initialiser name"` for every weight: a float tensor with at least one axis and
///  more than
///    one element, or any tensor of more than `kInlineLimit` bytes. Its box names the bytes in the
///    .onnx file itself or in the external data file, relative to the model's folder; no weight
///    byte is read.
///  - `func.func @main(graph inputs) -> (graph outputs)` of onnx ops, one per node, located at
///    "<operator>:<node name>". Other initialisers are `onnx.Constant`. Arguments and results carry
///    `onnx.name` and, where the model has a shape, `onnx.dims` (a size or its symbolic name per
///    axis).
///  - attributes `onnx.ir_version`, `onnx.opset` {domain = version; the standard one is "ai.onnx"},
///  `onnx.producer`, and
///    `nn.source_folder`: the folder that boxes are relative to, as the caller wrote it.
///
/// Time is linear in nodes; memory does not depend on the size of the weights.
/// Errors go to the context's diagnostic handlers. Loads the dialects onnx, nn and func into
/// `context`.
mlir::OwningOpRef<mlir::ModuleOp> importOnnx(llvm::StringRef path, mlir::MLIRContext &context);

/// Bytes up to which integers, bools and single floats become `onnx.Constant`.
constexpr uint64_t kInlineLimit = 4096;

} // namespace mixserve

#endif // MIXSERVE_IMPORT_IMPORTONNX_H
