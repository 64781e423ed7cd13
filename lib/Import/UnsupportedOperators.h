//===- UnsupportedOperators.h - all operators that import cannot read, in one error -----------===//

#ifndef MIXSERVE_LIB_IMPORT_UNSUPPORTEDOPERATORS_H
#define MIXSERVE_LIB_IMPORT_UNSUPPORTEDOPERATORS_H

#include "OnnxReader.h"

namespace mixserve::import {

/// The standard operators' domain goes by two names.
inline bool isDefaultDomain(llvm::StringRef domain) {
  return domain.empty() || domain == "ai.onnx";
}

/// Fails with one error that lists every operator of the graph without an op: domain, operator,
/// opset, and the nodes, the first of them by name. `opset` is that of the default domain.
llvm::LogicalResult refuseUnsupportedOperators(const OnnxModel &model, int64_t opset,
                                               mlir::MLIRContext *context);

} // namespace mixserve::import

#endif // MIXSERVE_LIB_IMPORT_UNSUPPORTEDOPERATORS_H
