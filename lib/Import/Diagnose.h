//===- Diagnose.h - import errors with the file and node that they are about ------------------===//

#ifndef MIXSERVE_LIB_IMPORT_DIAGNOSE_H
#define MIXSERVE_LIB_IMPORT_DIAGNOSE_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Location.h"

namespace mixserve::import {

/// Starts an error about the model file `path`; the message names it.
inline mlir::InFlightDiagnostic errorIn(mlir::MLIRContext *context, llvm::StringRef path) {
  auto loc = mlir::NameLoc::get(mlir::StringAttr::get(context, path));
  return mlir::emitError(loc) << "model '" << path << "': ";
}

} // namespace mixserve::import

#endif // MIXSERVE_LIB_IMPORT_DIAGNOSE_H
