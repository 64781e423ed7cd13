//===- ReadModel.cpp - A model's shape from any form it comes in ------------===//
#include "ReadModel.h"

#include "dialects/moe/MoEDialect.h"
#include "dialects/nn/NNDialect.h"
#include "dialects/onnx/OnnxDialect.h"
#include "dialects/plan/PlanDialect.h"
#include "mixserve/Import/ImportHuggingFace.h"
#include "mixserve/Import/ImportOnnx.h"
#include "mixserve/Plan/Passes.h"
#include "mixserve/Plan/ReadShape.h"
#include "mixserve/Raise/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "tools/diagnostics/Diagnostics.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

namespace {
enum class Form { Onnx, HuggingFace, Raised };
} // namespace

static OwningOpRef<ModuleOp> readModule(const std::string &path, Form form, MLIRContext &context) {
  switch (form) {
  case Form::Onnx:
    return mixserve::importOnnx(path, context);
  case Form::HuggingFace:
    return mixserve::importHuggingFace(path, context, mixserve::FolderWeights::Ignored);
  case Form::Raised:
    return parseSourceFile<ModuleOp>(path, &context);
  }
  return nullptr;
}

static std::optional<mixserve::planner::ModelShape> readIr(const std::string &path, Form form) {
  DialectRegistry registry;
  registry.insert<mixserve::plan::PlanDialect, mixserve::nn::NNDialect, mixserve::moe::MoEDialect,
                  mixserve::onnx::OnnxDialect, arith::ArithDialect, func::FuncDialect>();
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  mixserve::tools::printDiagnostics(context, "mixserve-plan");
  OwningOpRef<ModuleOp> module = readModule(path, form, context);
  if (!module)
    return std::nullopt;
  PassManager manager(&context);
  if (form == Form::Onnx)
    mixserve::buildRaisePipeline(manager);
  manager.addPass(mixserve::createAssignWeightTypes({}));
  if (failed(manager.run(*module)))
    return std::nullopt;
  return mixserve::readModelShape(*module);
}

std::optional<mixserve::planner::ModelShape> mixserve::readModel(const std::string &path) {
  if (llvm::sys::fs::is_directory(path))
    return readIr(path, Form::HuggingFace);
  const StringRef extension = llvm::sys::path::extension(path);
  if (extension == ".onnx" || extension == ".mlir")
    return readIr(path, extension == ".onnx" ? Form::Onnx : Form::Raised);
  if (extension != ".yaml" && extension != ".yml") {
    llvm::errs() << "mixserve-plan: " << path
                 << ": neither an .onnx, .mlir or .yaml file nor a folder; give one of these\n";
    return std::nullopt;
  }
  std::string error;
  auto shape = planner::readModelShape(path, error);
  if (!shape)
    llvm::errs() << "mixserve-plan: " << error << "\n";
  return shape;
}
