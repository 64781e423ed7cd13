//===- FusePipeline.cpp - The passes of the phase, in order -----------------===//
#include "mixserve/Fuse/Passes.h"
#include "mlir/Pass/PassRegistry.h"

using namespace mlir;

void mixserve::buildFusePipeline(OpPassManager &pm) {
  pm.addPass(createFuseAgDispatch());
  pm.addPass(createFuseRsCombine());
  pm.addPass(createFuseRsCombineAg());
  pm.addPass(createVerifyFused());
}

void mixserve::registerFusePipeline() {
  PassPipelineRegistration<>("mixserve-phase-fuse", "Phase fuse: neighbouring collectives become one",
                             buildFusePipeline);
}
