//===- mixserve-compile.cpp - A model and a cluster file to an artifact -----===//
#include "mixserve/Pipeline/CompileTimes.h"
#include "mixserve/Plan/ClusterFile.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Support/FileUtilities.h"
#include "tools/diagnostics/Diagnostics.h"
#include "tools/mixserve-compile/CommandLine.h"
#include "tools/mixserve-compile/Interrupt.h"
#include "llvm/Support/ToolOutputFile.h"
#include "llvm/Support/raw_ostream.h"

using namespace mixserve;
using namespace mixserve::tools;

/// Prints the planner's remarks as they come.
class PlanRemarks : public mlir::remark::detail::MLIRRemarkStreamerBase {
public:
  void streamOptimizationRemark(const mlir::remark::detail::Remark &remark) override {
    llvm::errs() << remark.getMsg() << "\n";
  }
};

static int printModule(mlir::ModuleOp module, const std::string &path) {
  std::string error;
  auto file = mlir::openOutputFile(path.empty() ? "-" : path, &error);
  if (!file) {
    llvm::errs() << "mixserve-compile: " << error << "\n";
    return kBadInput;
  }
  // Locations name the ONNX nodes that ops came from.
  module->print(file->os(), mlir::OpPrintingFlags().enableDebugInfo(false));
  file->os() << "\n";
  file->os().flush();
  if (const std::error_code failed = file->os().error()) {
    file->os().clear_error();
    llvm::errs() << "mixserve-compile: cannot write the IR to '" << (path.empty() ? "stdout" : path)
                 << "': " << failed.message()
                 << "; make room there or choose another place with -o\n";
    return kBadInput;
  }
  file->keep();
  return kOk;
}

/// --timing: a table, or a file for programs; also of a compilation that failed.
static bool reportTimes(const CompileTimes &times, const std::string &path) {
  if (path.empty()) {
    times.printText(llvm::errs());
    return true;
  }
  std::string error;
  auto file = mlir::openOutputFile(path, &error);
  if (!file) {
    llvm::errs() << "mixserve-compile: --timing: " << error << "\n";
    return false;
  }
  times.printJson(file->os());
  file->keep();
  return true;
}

int main(int argc, char **argv) {
  CommandLine line;
  if (auto code = parseCommandLine(argc, argv, line))
    return *code;
  if (line.until >= Phase::Plan) {
    // Read once here so that a bad cluster file is bad input, not a plan that failed.
    std::string error;
    if (!planner::readClusterFile(line.compile.cluster, error)) {
      llvm::errs() << "mixserve-compile: " << error << "\n";
      return kBadInput;
    }
  }
  cleanUpOnInterrupt();

  mlir::DialectRegistry registry;
  registerPipelineDialects(registry);
  // One thread: modules are small, and starting a pool costs more than it saves.
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  printDiagnostics(context, "mixserve-compile");
  if (line.explain) {
    mlir::remark::RemarkCategories categories{std::nullopt, "plan|fuse", "plan|fuse", "plan|fuse",
                                              "plan|fuse"};
    (void)mlir::remark::enableOptimizationRemarks(
        context, std::make_unique<PlanRemarks>(),
        std::make_unique<mlir::remark::RemarkEmittingPolicyAll>(), categories);
  }
  CompileTimes times;
  CompileResult result = compileModel(line.compile, line.until, context,
                                      line.timed ? times.getRootScope() : mlir::TimingScope());
  if (line.timed && !reportTimes(times, line.timingFile))
    return kBadInput;
  if (result.failure != CompileFailure::None)
    return result.failure == CompileFailure::NoPlan ? kNoPlan : kBadInput;
  if (line.printsIr)
    return printModule(*result.module, line.compile.output);
  if (line.until == Phase::Emit)
    llvm::outs() << "wrote " << line.compile.output << "; what it is: mixserve-inspect "
                 << line.compile.output << "; run it: mixserve-run " << line.compile.output << "\n";
  return kOk;
}
