//===- mixserve-opt.cpp - The pass pipeline, with MLIR's own options --------===//
#include "mixserve/Pipeline/Compile.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/raw_ostream.h"

static constexpr const char *kAbout =
    "Runs passes on IR of any phase: every pass and every phase (-mixserve-phase-raise, ..) by "
    "name.\n\n"
    "exit codes: 0 ok, 1 usage, 2 bad input or a failed pass\n\n"
    "example:\n  mixserve-compile model.onnx --compile-to=raise | mixserve-opt "
    "-mixserve-select-plan=\"cluster=2x2.yaml\"\n\n";

int main(int argc, char **argv) {
  llvm::InitLLVM start(argc, argv);
  mlir::DialectRegistry registry;
  mixserve::registerPipelineDialects(registry);
  // Not made by any phase; for people who reduce a problem by hand.
  registry.insert<mlir::tensor::TensorDialect>();
  mlir::registerTransformsPasses();
  mixserve::registerPipelinePasses();
  llvm::cl::SetVersionPrinter(
      [](llvm::raw_ostream &os) { os << "mixserve-opt (mixserve) " MIXSERVE_VERSION "\n"; });
  // Usage errors end here with exit code 1.
  const auto [input, output] = mlir::registerAndParseCLIOptions(argc, argv, kAbout, registry);
  return failed(mlir::MlirOptMain(argc, argv, input, output, registry)) ? 2 : 0;
}
