//===- VerifyEmitted.cpp - Nothing but LLVM and known calls is left ---------===//
#include "RuntimeCalls.h"
#include "mixserve/Emit/Passes.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;

namespace mixserve {
#define GEN_PASS_DEF_VERIFYEMITTED
#include "mixserve/Emit/Passes.h.inc"

namespace {

struct VerifyEmitted : impl::VerifyEmittedBase<VerifyEmitted> {
  void runOnOperation() override {
    bool ok = true;
    getOperation()->walk([&](Operation *op) {
      if (op == getOperation())
        return;
      if (!isa_and_present<LLVM::LLVMDialect>(op->getDialect())) {
        op->emitOpError("was not lowered to machine code");
        ok = false;
      }
      auto func = dyn_cast<LLVM::LLVMFuncOp>(op);
      if (func && func.isExternal() && !findRuntimeFunction(func.getName())) {
        func.emitOpError("'") << func.getName()
                              << "' is called, but the runtime has no such function";
        ok = false;
      }
    });
    if (!ok)
      signalPassFailure();
  }
};

} // namespace
} // namespace mixserve
