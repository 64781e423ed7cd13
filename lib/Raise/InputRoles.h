//===- InputRoles.h - what the inputs of an ONNX graph are ------------------------------------===//

#ifndef MIXSERVE_LIB_RAISE_INPUTROLES_H
#define MIXSERVE_LIB_RAISE_INPUTROLES_H

#include "Probe.h"

namespace mixserve::raise {

/// The role of every argument of `main`, by what uses it. Emits an error for an input that is none
/// of them.
llvm::FailureOr<llvm::SmallVector<InputRole>> findInputRoles(mlir::func::FuncOp main);

/// The name of an input or output as the model gives it; for messages.
std::string inputName(mlir::func::FuncOp main, unsigned argument);
std::string outputName(mlir::func::FuncOp main, unsigned result);

/// The symbolic or literal size of an axis of an input, "" if the graph does not say.
llvm::StringRef axisName(mlir::func::FuncOp main, unsigned argument, unsigned axis);

/// `value` before nodes that only rename or reshape it.
mlir::Value withoutViews(mlir::Value value);

} // namespace mixserve::raise

#endif // MIXSERVE_LIB_RAISE_INPUTROLES_H
