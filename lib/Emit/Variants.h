//===- Variants.h - The step functions of a module ----------------*- C++ -*-===//
#ifndef MIXSERVE_LIB_EMIT_VARIANTS_H
#define MIXSERVE_LIB_EMIT_VARIANTS_H

#include "dialects/plan/PlanDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include <string>

namespace mixserve {

/// A dispatch method that the artifact can run. Its position is the `variant` of mxs_model_main.
struct Variant {
  plan::Method method;
  std::string function; ///< symbol of the step function
};

/// The functions with `plan.method`, in module order. Fails if there is none, if two have one
/// method, or if an entry of `plan.table` asks for a method that has none.
llvm::FailureOr<llvm::SmallVector<Variant>> collectVariants(mlir::ModuleOp module);

} // namespace mixserve

#endif // MIXSERVE_LIB_EMIT_VARIANTS_H
