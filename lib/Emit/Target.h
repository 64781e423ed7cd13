//===- Target.h - The processor that code is made for -------------*- C++ -*-===//
#ifndef MIXSERVE_LIB_EMIT_TARGET_H
#define MIXSERVE_LIB_EMIT_TARGET_H

#include "mlir/IR/Location.h"
#include <string>

namespace mixserve {

struct Target {
  std::string triple; ///< LLVM target triple
  std::string cpu;    ///< LLVM processor name; also what the manifest calls `features`
};

/// The processor family of this machine at level `cpu`: x86-64, x86-64-v2, -v3 (the default) or -v4 on x86-64,
/// generic elsewhere; "native" is the highest level that this machine has. Levels only, because a
/// runtime on another machine must be able to tell whether it can run the code.
llvm::FailureOr<Target> resolveTarget(llvm::StringRef cpu, mlir::Location loc);

} // namespace mixserve

#endif // MIXSERVE_LIB_EMIT_TARGET_H
