//===- mixserve-opt.cpp - The pass pipeline, with MLIR's own options --------===//
#include "mixserve/Pipeline/Compile.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Transforms/Passes.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  mixserve::registerPipelineDialects(registry);
  // Not made by any phase; for people who reduce a problem by hand.
  registry.insert<mlir::tensor::TensorDialect>();
  mlir::registerTransformsPasses();
  mixserve::registerPipelinePasses();
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, "mixserve optimiser driver\n", registry));
}
