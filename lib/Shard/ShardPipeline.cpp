//===- ShardPipeline.cpp - The passes of the phase, in order ----------------===//
#include "mixserve/Shard/Passes.h"
#include "mlir/Pass/PassRegistry.h"

using namespace mlir;

void mixserve::buildShardPipeline(OpPassManager &pm) {
  pm.addPass(createAssignShardings());
  pm.addPass(createPartition());
  pm.addPass(createVerifySharded());
}

void mixserve::registerShardPipeline() {
  PassPipelineRegistration<>("mixserve-phase-shard", "Phase shard: from the whole model to one rank",
                             buildShardPipeline);
}
