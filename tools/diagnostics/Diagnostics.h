//===- Diagnostics.h - Errors of the compiler as a user reads them -*- C++ -*-===//
#ifndef MIXSERVE_TOOLS_DIAGNOSTICS_DIAGNOSTICS_H
#define MIXSERVE_TOOLS_DIAGNOSTICS_DIAGNOSTICS_H

#include "mlir/IR/MLIRContext.h"
#include <string>

namespace mixserve::tools {

/// Errors, warnings and notes of `context` go to stderr, a line each: "program: error: where:
/// what". Where is a line of an IR file, or a node or initialiser of an ONNX model; it is left out
/// if what is said names it. Remarks are not printed.
void printDiagnostics(mlir::MLIRContext &context, const std::string &program);

} // namespace mixserve::tools

#endif // MIXSERVE_TOOLS_DIAGNOSTICS_DIAGNOSTICS_H
