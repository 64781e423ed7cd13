//===- Compile.h - From a model to IR of any phase, or to an artifact -*- C++ -*-===//
#ifndef MIXSERVE_PIPELINE_COMPILE_H
#define MIXSERVE_PIPELINE_COMPILE_H

#include "mixserve/Pipeline/Phases.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Support/Timing.h"
#include <string>
#include <vector>

namespace mixserve {

/// What `mixserve-compile` was asked for. Texts are as on its command line; empty and 0 mean "not
/// given": the planner decides, or the documented default holds.
struct CompileOptions {
  std::string model;   ///< an .onnx file, a Hugging Face folder, or .mlir in the form of phase raise
  std::string cluster; ///< cluster file; not needed up to phase raise
  std::string output;  ///< artifact folder; needed by phase emit
  std::string workload, layout, moeComm, chunks;
  std::string microBatches; ///< halves of steps: auto, 1 or 2; empty: auto
  std::string wire;         ///< type of rows between nodes: auto, f32 or bf16; empty: auto
  std::string weights;      ///< element type of weights: auto, f32 or bf16; empty: auto
  std::string quantize; ///< expert weights: int8, int4; linears, too: int8-all, int4-all; or empty
  int64_t quantizeGroup = 0; ///< values that share a scale: 32 or 128; 0: the default
  std::string kvCache;       ///< element type of the cache: auto, f32 or bf16; empty: auto
  int64_t maxBatchTokens = 0, maxSeqs = 0, maxContext = 0;
  std::vector<std::string> alsoMethods; ///< methods compiled in beside the table's, for mixserve-run --method
  std::string target;                   ///< x86-64-v3, native, ...; empty: the default
  bool force = false;                   ///< replace an artifact that is already there
};

/// All dialects of the pipeline.
void registerPipelineDialects(mlir::DialectRegistry &registry);
/// All passes of the pipeline, and each phase's pipeline by name ("mixserve-phase-raise", ...).
void registerPipelinePasses();

/// What stopped a compilation; the diagnostics say why.
enum class CompileFailure {
  None,
  BadInput, ///< the model, a file beside it, or the place of the output
  NoPlan,   ///< no layout or method of what was asked for is possible or fits
};

struct CompileResult {
  mlir::OwningOpRef<mlir::ModuleOp> module; ///< IR after the last phase that ran
  CompileFailure failure = CompileFailure::BadInput;
};

/// Runs the phases up to and including `until`; with Phase::Emit the artifact is written. Errors go to the context's
/// diagnostics. Every phase ends in its verify pass. Each phase that ran leaves a timer below `timing`, if that is a
/// live scope.
CompileResult compileModel(const CompileOptions &options, Phase until, mlir::MLIRContext &context,
                           mlir::TimingScope timing = {});

} // namespace mixserve

#endif // MIXSERVE_PIPELINE_COMPILE_H
