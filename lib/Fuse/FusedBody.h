//===- FusedBody.h - The region of a fused op ---------------------*- C++ -*-===//
#ifndef MIXSERVE_LIB_FUSE_FUSEDBODY_H
#define MIXSERVE_LIB_FUSE_FUSEDBODY_H

#include "dialects/coll/CollDialect.h"
#include "mlir/IR/PatternMatch.h"

namespace mixserve::fuse {

/// True for activations; parameters and batches are captured as they are.
bool isRows(mlir::Value value);

/// True if all axes of `over` are the innermost one of the mesh.
bool isInsideNode(plan::AxesAttr over, plan::MeshAttr mesh);

/// Makes the only block of `body`: an argument per input, copies of `ops`, which read the arguments, and a
/// yield of what `yielded` became.
void fillBody(mlir::Region &body, mlir::ValueRange inputs, llvm::ArrayRef<mlir::Operation *> ops,
              mlir::ValueRange yielded, mlir::Location loc, mlir::PatternRewriter &rewriter);

} // namespace mixserve::fuse

#endif // MIXSERVE_LIB_FUSE_FUSEDBODY_H
