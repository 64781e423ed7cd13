//===- ExpandPointerCasts.cpp - Pointers to memref descriptors --------------===//
#include "mixserve/Emit/Passes.h"
#include "mlir/Conversion/LLVMCommon/MemRefBuilder.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;

namespace mixserve {
#define GEN_PASS_DEF_EXPANDPOINTERCASTS
#include "mixserve/Emit/Passes.h.inc"

namespace {

struct ExpandPointerCasts : impl::ExpandPointerCastsBase<ExpandPointerCasts> {
  void runOnOperation() override {
    LLVMTypeConverter types(&getContext());
    getOperation().walk([&](UnrealizedConversionCastOp cast) {
      if (cast.getNumOperands() != 1 || !isa<LLVM::LLVMPointerType>(cast.getOperand(0).getType()))
        return;
      auto type = dyn_cast<MemRefType>(cast.getResult(0).getType());
      if (!type || !type.hasStaticShape())
        return;
      OpBuilder builder(cast);
      Value descriptor = MemRefDescriptor::fromStaticShape(builder, cast.getLoc(), types, type,
                                                           cast.getOperand(0));
      cast.setOperand(0, descriptor);
    });
  }
};

} // namespace
} // namespace mixserve
