//===- RuntimeCalls.h - The functions of mixserve_rt.h as IR ------*- C++ -*-===//
#ifndef MIXSERVE_LIB_EMIT_RUNTIMECALLS_H
#define MIXSERVE_LIB_EMIT_RUNTIMECALLS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"

namespace mixserve {

/// One function of mixserve_rt.h. A type is a letter: p pointer, i int32_t, l int64_t, f float; no
/// letter for a void result.
struct RuntimeFunction {
  llvm::StringLiteral name;
  llvm::StringLiteral result;
  llvm::StringLiteral arguments;
};

/// All functions that generated code may call. A unit test compares them with the header.
llvm::ArrayRef<RuntimeFunction> runtimeFunctions();
/// Null if the runtime has no such function.
const RuntimeFunction *findRuntimeFunction(llvm::StringRef name);

/// Calls runtime functions, declaring each in `module` at its first call.
class RuntimeCalls {
public:
  explicit RuntimeCalls(mlir::ModuleOp module) : module(module) {}

  /// The call's result; null for void. `arguments` must have the types of the table.
  mlir::Value call(mlir::OpBuilder &builder, mlir::Location loc, llvm::StringRef name,
                   mlir::ValueRange arguments);

private:
  mlir::ModuleOp module;
  llvm::StringMap<mlir::func::FuncOp> declared;
};

} // namespace mixserve

#endif // MIXSERVE_LIB_EMIT_RUNTIMECALLS_H
