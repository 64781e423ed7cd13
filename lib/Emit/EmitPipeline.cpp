//===- EmitPipeline.cpp - Fused local IR to the LLVM dialect ----------------===//
#include "mixserve/Emit/Passes.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

void mixserve::buildEmitPipeline(OpPassManager &pm) {
  pm.addPass(createOutlineLayers());
  pm.addPass(createAssignBuffers());
  pm.addPass(createLowerToRuntime());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createSCFToControlFlowPass());
  pm.addPass(createExpandPointerCasts());
  pm.addPass(createConvertVectorToLLVMPass());
  pm.addPass(createConvertMathToLLVMPass());
  pm.addPass(createArithToLLVMConversionPass());
  pm.addPass(createFinalizeMemRefToLLVMConversionPass());
  pm.addPass(createConvertFuncToLLVMPass());
  pm.addPass(createConvertControlFlowToLLVMPass());
  pm.addPass(createReconcileUnrealizedCastsPass());
  pm.addPass(createVerifyEmitted());
}

void mixserve::registerEmitPipeline() {
  PassPipelineRegistration<> phase("mixserve-phase-emit", "Fused local IR to the LLVM dialect",
                                   mixserve::buildEmitPipeline);
}

void mixserve::registerEmitDialects(DialectRegistry &registry) {
  registry.insert<arith::ArithDialect, func::FuncDialect, LLVM::LLVMDialect, math::MathDialect,
                  memref::MemRefDialect, scf::SCFDialect, vector::VectorDialect>();
}
