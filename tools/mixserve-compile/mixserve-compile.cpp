//===- mixserve-compile.cpp - A model and a cluster file to an artifact -----===//
#include "mixserve/Pipeline/Compile.h"
#include "mixserve/Pipeline/CompileTimes.h"
#include "mixserve/Plan/ClusterFile.h"
#include "mixserve/Plan/Workload.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Support/FileUtilities.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/ToolOutputFile.h"
#include "llvm/Support/raw_ostream.h"

namespace cl = llvm::cl;
using namespace mixserve;

enum ExitCode { kOk = 0, kUsage = 1, kBadInput = 2, kNoPlan = 3 };

static cl::OptionCategory category("mixserve-compile options");

struct CommandLine {
  cl::opt<std::string> model{cl::Positional, cl::desc("MODEL (.onnx file or Hugging Face folder)"), cl::cat(category)};
  cl::opt<std::string> cluster{"cluster", cl::desc("cluster file (YAML)"), cl::value_desc("FILE"), cl::cat(category)};
  cl::opt<std::string> output{"o", cl::desc("artifact folder to write, or a file for --compile-to (default: stdout)"),
                              cl::value_desc("PATH"), cl::cat(category)};
  cl::opt<std::string> until{"compile-to", cl::desc("stop after a phase and print the IR: import raise plan shard fuse"),
                             cl::value_desc("PHASE"), cl::cat(category)};
  cl::opt<std::string> workload{"workload", cl::desc("load to plan for (default prompt=1024,output=256,concurrency=16)"),
                                cl::value_desc("prompt=N,output=N,concurrency=N[,rate=R]"), cl::cat(category)};
  cl::opt<std::string> layout{"layout", cl::desc("use this layout instead of the cheapest"),
                              cl::value_desc("attn_tp=N,attn_dp=N,moe_tp=N,moe_ep=N"), cl::cat(category)};
  cl::opt<std::string> moeComm{"moe-comm", cl::desc("dispatch method: auto allgather flat-ep hier-ep hybrid hybrid-fused"),
                               cl::value_desc("METHOD"), cl::init("auto"), cl::cat(category)};
  cl::opt<std::string> chunks{"chunks", cl::desc("chunks of hybrid-fused: auto or a number"), cl::value_desc("auto|N"),
                              cl::init("auto"), cl::cat(category)};
  cl::list<std::string> alsoMethods{"also-methods", cl::CommaSeparated, cl::value_desc("METHOD,.."),
                                    cl::desc("compile these methods in too, for mixserve-run --method"), cl::cat(category)};
  cl::opt<int64_t> maxBatchTokens{"max-batch-tokens", cl::desc("tokens of a step, over all groups (default max(2048, concurrency))"),
                                  cl::init(0), cl::cat(category)};
  cl::opt<int64_t> maxSeqs{"max-seqs", cl::desc("sequences per attention group (default concurrency)"), cl::init(0),
                           cl::cat(category)};
  cl::opt<int64_t> maxContext{"max-context", cl::desc("positions of a sequence (default prompt + output)"), cl::init(0),
                              cl::cat(category)};
  cl::opt<std::string> target{"target", cl::desc("CPU of the generated code: x86-64-v3 (default), native, .."),
                              cl::value_desc("CPU"), cl::cat(category)};
  cl::opt<bool> force{"force", cl::desc("replace an artifact that is already there"), cl::cat(category)};
  cl::opt<bool> check{"check", cl::desc("stop after fuse: check that the model compiles, write nothing"), cl::cat(category)};
  cl::opt<bool> explain{"explain", cl::desc("print why the plan was chosen, and each rejected candidate"),
                        cl::cat(category)};
  cl::opt<std::string> timing{"timing", cl::ValueOptional, cl::value_desc("FILE.json"),
                              cl::desc("print CPU time, elapsed time and peak memory of each phase and pass to stderr, or to a file"),
                              cl::cat(category)};
};

static int usageError(const llvm::Twine &message) {
  llvm::errs() << "mixserve-compile: " << message << "\nrun 'mixserve-compile --help' for the options\n";
  return kUsage;
}

/// Prints the planner's remarks as they come.
class PlanRemarks : public mlir::remark::detail::MLIRRemarkStreamerBase {
public:
  void streamOptimizationRemark(const mlir::remark::detail::Remark &remark) override {
    llvm::errs() << remark.getMsg() << "\n";
  }
};

/// Errors of the command line that need no model, found before one is read.
static std::string whyUnusable(const CommandLine &line, Phase until, bool writesArtifact) {
  if (line.model.empty())
    return "which model? give an .onnx file or a Hugging Face folder";
  if (until >= Phase::Plan && line.cluster.empty())
    return "--cluster FILE is needed to plan; --compile-to=raise works without";
  if (writesArtifact && line.output.empty())
    return "where to? give -o FOLDER, or --compile-to=PHASE to print IR";
  std::string error;
  if (!line.layout.empty() && !planner::parseLayout(line.layout, error))
    return "--layout: " + error;
  if (!line.workload.empty() && !planner::parseWorkload(line.workload, error))
    return "--workload: " + error;
  if (line.moeComm != "auto" && !planner::parseMethod(line.moeComm))
    return "--moe-comm: unknown method '" + line.moeComm + "'; use auto, allgather, flat-ep, hier-ep, hybrid or hybrid-fused";
  for (const std::string &method : line.alsoMethods)
    if (!planner::parseMethod(method))
      return "--also-methods: unknown method '" + method + "'";
  int64_t chunks = 0;
  if (line.chunks != "auto" && (llvm::StringRef(line.chunks).getAsInteger(10, chunks) || chunks < 1))
    return "--chunks: '" + line.chunks + "' is neither auto nor a number of at least 1";
  if (line.maxBatchTokens < 0 || line.maxSeqs < 0 || line.maxContext < 0)
    return "--max-batch-tokens, --max-seqs and --max-context must not be negative";
  return "";
}

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
  cl::HideUnrelatedOptions(category);
  cl::SetVersionPrinter([](llvm::raw_ostream &os) { os << "mixserve-compile (mixserve) " MIXSERVE_VERSION "\n"; });
  cl::ParseCommandLineOptions(argc, argv,
                              "Compiles a Mixture-of-Experts model for a cluster: chooses the TP/EP/DP layout that is cheapest\n"
                              "to serve and writes an artifact for mixserve-run. MODEL is an .onnx file, or a Hugging Face\n"
                              "folder (config.json and safetensors; Qwen3-MoE).\n\n"
                              "exit codes: 0 ok, 1 usage, 2 bad input, 3 no feasible plan\n\n"
                              "example:\n  mixserve-compile model.onnx --cluster 2x2.yaml -o model.mxs\n");
  Phase until = line.check ? Phase::Fuse : Phase::Emit;
  if (!line.until.empty()) {
    auto phase = parsePhase(line.until);
    if (!phase)
      return usageError("--compile-to: no phase '" + line.until + "'; use import, raise, plan, shard, fuse or emit");
    until = *phase;
  }
  const bool writesArtifact = until == Phase::Emit;
  if (std::string why = whyUnusable(line, until, writesArtifact); !why.empty())
    return usageError(why);
  if (until >= Phase::Plan) {
    // Read once here so that a bad cluster file is bad input, not a plan that failed.
    std::string error;
    if (!planner::readClusterFile(line.cluster, error)) {
      llvm::errs() << "mixserve-compile: " << error << "\n";
      return kBadInput;
    }
  }

  CompileOptions options;
  options.model = line.model;
  options.cluster = line.cluster;
  options.output = line.output;
  options.workload = line.workload;
  options.layout = line.layout;
  options.moeComm = line.moeComm == "auto" ? "" : line.moeComm.getValue();
  options.chunks = line.chunks == "auto" ? "" : line.chunks.getValue();
  options.alsoMethods.assign(line.alsoMethods.begin(), line.alsoMethods.end());
  options.maxBatchTokens = line.maxBatchTokens;
  options.maxSeqs = line.maxSeqs;
  options.maxContext = line.maxContext;
  options.target = line.target;
  options.force = line.force;

  mlir::DialectRegistry registry;
  registerPipelineDialects(registry);
  // One thread: modules are small, and starting a pool costs more than it saves.
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  context.printOpOnDiagnostic(false);
  context.getDiagEngine().registerHandler([](mlir::Diagnostic &diagnostic) {
    const char *kind = diagnostic.getSeverity() == mlir::DiagnosticSeverity::Error ? "error" : "note";
    if (diagnostic.getSeverity() == mlir::DiagnosticSeverity::Remark)
      return mlir::success();
    llvm::errs() << "mixserve-compile: " << kind << ": " << diagnostic << "\n";
    for (mlir::Diagnostic &note : diagnostic.getNotes())
      llvm::errs() << "  note: " << note << "\n";
    return mlir::success();
  });
  if (line.explain) {
    mlir::remark::RemarkCategories categories{std::nullopt, "plan|fuse", "plan|fuse", "plan|fuse", "plan|fuse"};
    (void)mlir::remark::enableOptimizationRemarks(context, std::make_unique<PlanRemarks>(),
                                                  std::make_unique<mlir::remark::RemarkEmittingPolicyAll>(), categories);
  }
  CompileTimes times;
  const bool timed = line.timing.getNumOccurrences() > 0;
  CompileResult result = compileModel(options, until, context, timed ? times.getRootScope() : mlir::TimingScope());
  if (timed && !reportTimes(times, line.timing))
    return kBadInput;
  if (!result.ok)
    return result.failedIn == Phase::Plan ? kNoPlan : kBadInput;
  if (!line.until.empty() && !writesArtifact)
    return printModule(*result.module, line.output);
  return kOk;
}
