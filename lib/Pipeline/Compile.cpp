//===- Compile.cpp - Runs the phases in order -------------------------------===//
#include "mixserve/Pipeline/Compile.h"
#include "mixserve/Emit/EmitArtifact.h"
#include "mixserve/Emit/Passes.h"
#include "mixserve/Fuse/Passes.h"
#include "mixserve/Import/ImportOnnx.h"
#include "mixserve/Plan/Passes.h"
#include "mixserve/Raise/Passes.h"
#include "mixserve/Shard/Passes.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace mixserve;

/// The model's IR: an .onnx file is imported, an .mlir file is taken as phase raise left it.
static OwningOpRef<ModuleOp> readModel(const CompileOptions &options, MLIRContext &context) {
  if (llvm::sys::path::extension(options.model) == ".mlir")
    return parseSourceFile<ModuleOp>(options.model, &context);
  return importOnnx(options.model, context);
}

static SelectPlanOptions planOptions(const CompileOptions &options) {
  SelectPlanOptions plan;
  plan.cluster = options.cluster;
  plan.workload = options.workload;
  plan.layout = options.layout;
  plan.moeComm = options.moeComm;
  plan.chunks = options.chunks;
  plan.maxBatchTokens = options.maxBatchTokens;
  plan.maxSeqs = options.maxSeqs;
  plan.maxContext = options.maxContext;
  plan.alsoMethods = llvm::join(options.alsoMethods, ",");
  return plan;
}

/// Runs one phase's passes on the module, or writes the artifact.
static LogicalResult runPhase(Phase phase, ModuleOp module, const CompileOptions &options, TimingScope &timing) {
  PassManager manager(module.getContext());
  if (timing)
    manager.enableTiming(timing);
  switch (phase) {
  case Phase::Import:
    return success();
  case Phase::Raise:
    buildRaisePipeline(manager);
    break;
  case Phase::Plan:
    buildPlanPipeline(manager, planOptions(options));
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
  const bool raised = llvm::sys::path::extension(options.model) == ".mlir";
  {
    TimingScope reading = timing.nest(raised ? StringRef("read") : phaseName(Phase::Import));
    result.module = readModel(options, context);
  }
  if (!result.module)
    return result;
  for (Phase phase : kPhases) {
    if (raised && (phase == Phase::Import || phase == Phase::Raise))
      continue;
    result.failedIn = phase;
    TimingScope phaseTiming = timing.nest(phaseName(phase));
    if (failed(runPhase(phase, *result.module, options, phaseTiming)))
      return result;
    if (phase == until)
      break;
  }
  result.ok = true;
  return result;
}
