//===- Compile.cpp - Runs the phases in order -------------------------------===//
#include "mixserve/Pipeline/Compile.h"
#include "mixserve/Emit/EmitArtifact.h"
#include "mixserve/Emit/Passes.h"
#include "mixserve/Fuse/Passes.h"
#include "mixserve/Import/ImportHuggingFace.h"
#include "mixserve/Import/ImportOnnx.h"
#include "mixserve/Import/StopTokens.h"
#include "mixserve/Plan/Passes.h"
#include "mixserve/Plan/ReadShape.h"
#include "mixserve/Raise/Passes.h"
#include "mixserve/Shard/Passes.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace mixserve;

namespace {
/// What a model comes as. Only an ONNX graph needs raising.
enum class Form { Onnx, HuggingFace, Raised };
} // namespace

static Form formOf(llvm::StringRef path) {
  if (llvm::sys::path::extension(path) == ".mlir")
    return Form::Raised;
  return llvm::sys::fs::is_directory(path) ? Form::HuggingFace : Form::Onnx;
}

static OwningOpRef<ModuleOp> readModel(const std::string &path, Form form, MLIRContext &context) {
  if (form == Form::Raised)
    return parseSourceFile<ModuleOp>(path, &context);
  OwningOpRef<ModuleOp> module =
      form == Form::Onnx ? importOnnx(path, context) : importHuggingFace(path, context);
  if (module && failed(readStopTokens(*module)))
    return nullptr;
  return module;
}

static SelectPlanOptions planOptions(const CompileOptions &options) {
  SelectPlanOptions plan;
  plan.cluster = options.cluster;
  plan.workload = options.workload;
  plan.layout = options.layout;
  plan.moeComm = options.moeComm;
  plan.chunks = options.chunks;
  plan.wire = options.wire;
  plan.microBatches = options.microBatches;
  plan.maxBatchTokens = options.maxBatchTokens;
  plan.maxSeqs = options.maxSeqs;
  plan.maxContext = options.maxContext;
  plan.alsoMethods = llvm::join(options.alsoMethods, ",");
  return plan;
}

static AssignWeightTypesOptions weightOptions(const CompileOptions &options) {
  AssignWeightTypesOptions weights;
  weights.weights = options.weights;
  weights.quantize = options.quantize;
  weights.quantizeGroup = options.quantizeGroup;
  weights.kvCache = options.kvCache;
  return weights;
}

/// Runs one phase's passes on the module, or writes the artifact.
static LogicalResult runPhase(Phase phase, ModuleOp module, Form form, const CompileOptions &options,
                              TimingScope &timing) {
  PassManager manager(module.getContext());
  if (timing)
    manager.enableTiming(timing);
  switch (phase) {
  case Phase::Import:
    return success();
  case Phase::Raise:
    if (form == Form::Onnx)
      buildRaisePipeline(manager);
    else
      manager.addPass(createVerifyRaised());
    break;
  case Phase::Plan:
    buildPlanPipeline(manager, planOptions(options), weightOptions(options));
    break;
  case Phase::Shard:
    buildShardPipeline(manager);
    // The planner's byte counts, on the collectives that now exist.
    buildAnnotateCostPipeline(manager);
    break;
  case Phase::Fuse:
    buildFusePipeline(manager);
    break;
  case Phase::Emit: {
    EmitOptions emit;
    emit.outputFolder = options.output;
    emit.targetCpu = options.target;
    emit.force = options.force;
    return emitArtifact(module, emit, timing);
  }
  }
  return manager.run(module);
}

CompileResult mixserve::compileModel(const CompileOptions &options, Phase until, MLIRContext &context,
                                     TimingScope timing) {
  CompileResult result;
  const Form form = formOf(options.model);
  {
    TimingScope reading = timing.nest(form == Form::Raised ? StringRef("read") : phaseName(Phase::Import));
    result.module = readModel(options.model, form, context);
  }
  if (!result.module)
    return result;
  for (Phase phase : kPhases) {
    TimingScope phaseTiming = timing.nest(phaseName(phase));
    // A model that cannot be planned at all is bad input; after that the plan is what may fail.
    if (phase == Phase::Plan && !readModelShape(*result.module))
      return result;
    if (failed(runPhase(phase, *result.module, form, options, phaseTiming))) {
      result.failure = phase == Phase::Plan ? CompileFailure::NoPlan : CompileFailure::BadInput;
      return result;
    }
    if (phase == until)
      break;
  }
  result.failure = CompileFailure::None;
  return result;
}
