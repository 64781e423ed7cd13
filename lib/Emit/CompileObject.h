//===- CompileObject.h - LLVM dialect to an object file -----------*- C++ -*-===//
#ifndef MIXSERVE_LIB_EMIT_COMPILEOBJECT_H
#define MIXSERVE_LIB_EMIT_COMPILEOBJECT_H

#include "Target.h"
#include "mlir/IR/BuiltinOps.h"

namespace mixserve {

/// Translates `module` (LLVM dialect), optimises at O2 and writes position-independent code to
/// `path`. No floating-point operation is contracted or reordered. Errors go to the diagnostics.
llvm::LogicalResult compileObject(mlir::ModuleOp module, const Target &target, llvm::StringRef path);

/// Links `objectPath` into the shared library `libraryPath` that exports `mxs_model_main` alone.
/// `linker`: empty: ld.lld-22, ld.lld or cc, the first that PATH or LLVM's folder has.
llvm::LogicalResult linkLibrary(llvm::StringRef objectPath, llvm::StringRef libraryPath, llvm::StringRef linker,
                                mlir::Location loc);

} // namespace mixserve

#endif // MIXSERVE_LIB_EMIT_COMPILEOBJECT_H
