//===- Pipeline.cpp - the passes of the raise phase, in order ---------------------------------===//

#include "mixserve/Raise/Passes.h"

#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

void mixserve::buildRaisePipeline(mlir::OpPassManager &pm) {
  // Exporters repeat themselves: equal subgraphs are compared by identity from here on.
  pm.addPass(mlir::createCSEPass());
  pm.addPass(createRaise());
  pm.addPass(createVerifyRaised());
}
