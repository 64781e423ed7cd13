//===- mixserve-plan.cpp - Ranks layouts for a model and a cluster ----------===//
#include "Compare.h"
#include "ReadModel.h"

#include "mixserve/Plan/ByteCount.h"
#include "mixserve/Plan/LayoutSpace.h"
#include "mixserve/Plan/PlanOptions.h"
#include "mixserve/Plan/PlanReport.h"
#include "mixserve/Plan/RoutingTrace.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

namespace cl = llvm::cl;
using namespace mixserve;
using namespace mixserve::planner;

enum ExitCode { kOk = 0, kUsage = 1, kBadInput = 2, kNoPlan = 3, kMismatch = 4 };

static cl::OptionCategory category("mixserve-plan options");

struct CommandLine {
  cl::opt<std::string> model{cl::Positional,
                             cl::desc("MODEL (.onnx, Hugging Face folder with a config.json, raised .mlir, or "
                                      "a shape file .yaml)"),
                             cl::cat(category)};
  cl::opt<std::string> cluster{"cluster", cl::desc("cluster file (YAML)"), cl::value_desc("FILE"),
                               cl::cat(category)};
  cl::opt<std::string> workload{
      "workload", cl::desc("load to plan for (default prompt=1024,output=256,concurrency=16)"),
      cl::value_desc("prompt=N,output=N,concurrency=N[,rate=R]"), cl::cat(category)};
  cl::opt<std::string> layout{"layout", cl::desc("only this layout"),
                              cl::value_desc("attn_tp=N,attn_dp=N,moe_tp=N,moe_ep=N"),
                              cl::cat(category)};
  cl::opt<std::string> moeComm{
      "moe-comm", cl::desc("only this method: auto allgather flat-ep hier-ep hybrid hybrid-fused"),
      cl::value_desc("METHOD"), cl::cat(category)};
  cl::opt<std::string> chunks{"chunks", cl::desc("chunks of hybrid-fused: auto or a number"),
                              cl::value_desc("auto|N"), cl::cat(category)};
  cl::opt<std::string> routingLoad{
      "routing-load",
      cl::desc("how rows spread over experts: uniform (default), zipf=S, "
               "or a trace of mixserve-run --routing-out"),
      cl::value_desc("LOAD"), cl::cat(category)};
  cl::opt<std::string> routing{
      "routing", cl::desc("print the exact bytes that this trace moves under --layout"),
      cl::value_desc("FILE"), cl::cat(category)};
  cl::opt<std::string> compare{
      "compare", cl::desc("with --routing: print planned beside counted bytes; exit 0 if equal, else 4"),
      cl::value_desc("STATS.json"), cl::cat(category)};
  cl::opt<int64_t> top{"top", cl::desc("print the N cheapest candidates (default 10, 0 for all)"),
                       cl::init(10), cl::value_desc("N"), cl::cat(category)};
  cl::opt<bool> json{"json", cl::desc("print JSON"), cl::cat(category)};
  cl::opt<int64_t> maxBatchTokens{
      "max-batch-tokens",
      cl::desc("tokens of a step, over all groups (default max(2048, concurrency))"), cl::init(0),
      cl::value_desc("N"), cl::cat(category)};
  cl::opt<int64_t> maxSeqs{"max-seqs",
                           cl::desc("sequences per attention group (default concurrency)"),
                           cl::init(0), cl::value_desc("N"), cl::cat(category)};
  cl::opt<int64_t> maxContext{"max-context",
                              cl::desc("positions of a sequence (default prompt + output)"),
                              cl::init(0), cl::value_desc("N"), cl::cat(category)};
};

static int fail(int code, const llvm::Twine &message) {
  llvm::errs() << "mixserve-plan: " << message << "\n";
  if (code == kUsage)
    llvm::errs() << "run 'mixserve-plan --help' for the options\n";
  return code;
}

static std::string bytesAsText(const std::vector<ByteRow> &rows) {
  std::string text = "layer  op           link   dir  rank         bytes\n";
  llvm::raw_string_ostream os(text);
  for (const ByteRow &row : rows)
    os << llvm::format("%5lld  %-11s  %-5s  %-3s  %4lld  %12lld\n", (long long)row.layer,
                       row.op.c_str(), row.link.c_str(), row.dir.c_str(), (long long)row.rank,
                       (long long)row.bytes);
  return text;
}

/// --routing: what a recorded run moves, exactly.
static int printExactBytes(const CommandLine &line, const Cluster &cluster, const ModelShape &model,
                           const ParsedPlanOptions &options) {
  if (!options.overrides.layout)
    return fail(kUsage, "--routing counts the bytes of one layout: give --layout too");
  if (std::string why = whyIllegal(cluster.mesh, *options.overrides.layout, model); !why.empty())
    return fail(kNoPlan, "--layout: " + why);
  std::string error;
  const std::optional<RoutingTrace> trace = readRoutingTrace(line.routing, error);
  if (!trace)
    return fail(kBadInput, error);
  const std::optional<std::vector<ByteRow>> rows =
      exactBytes(cluster.mesh, *options.overrides.layout, model, *trace, error);
  if (!rows)
    return fail(kBadInput, line.routing + ": " + error);
  if (!line.compare.empty()) {
    const std::optional<std::vector<ByteRow>> counted = readCountedBytes(line.compare, error);
    if (!counted)
      return fail(kBadInput, error);
    return printComparison(*rows, *counted) ? kOk : kMismatch;
  }
  llvm::outs() << (line.json ? bytesAsJson(*rows) : bytesAsText(*rows));
  return kOk;
}

static int printPlan(const CommandLine &line, const Cluster &cluster, const ModelShape &model,
                     const ParsedPlanOptions &options) {
  std::string error;
  const std::optional<RoutingLoad> load =
      parseRoutingLoad(line.routingLoad, model.experts, model.topK, error);
  if (!load)
    return fail(kBadInput, "--" + error);
  const PlanRequest request{cluster,          model,          *load,
                            options.workload, options.limits, options.overrides};
  const PlanResult result = searchPlan(request);
  if (result.failure == PlanFailure::BadRequest)
    return fail(kUsage, result.error);
  llvm::outs() << (line.json ? planAsJson(request, result.plan, line.top)
                             : planAsText(request, result.plan, line.top));
  return result.failure == PlanFailure::Infeasible ? fail(kNoPlan, result.error) : kOk;
}

int main(int argc, char **argv) {
  CommandLine line;
  cl::HideUnrelatedOptions(category);
  cl::SetVersionPrinter(
      [](llvm::raw_ostream &os) { os << "mixserve-plan (mixserve) " MIXSERVE_VERSION "\n"; });
  cl::ParseCommandLineOptions(
      argc, argv,
      "Ranks every TP/EP/DP layout and dispatch method of a Mixture-of-Experts model on a cluster, "
      "and\n"
      "says what the cheapest wins by and why the others lose or cannot be. Needs no weights.\n\n"
      "exit codes: 0 ok, 1 usage, 2 bad input, 3 no feasible plan, 4 --compare differs\n\n"
      "example:\n  mixserve-plan model.onnx --cluster 2x2.yaml --workload "
      "prompt=1024,output=256,concurrency=16\n");
  if (line.model.empty())
    return fail(kUsage,
                "which model? give an .onnx file, a Hugging Face folder, a raised .mlir file, or a "
                "shape file .yaml");
  if (line.cluster.empty())
    return fail(kUsage, "--cluster FILE is needed: what the model is to run on");
  if (!line.compare.empty() && line.routing.empty())
    return fail(kUsage, "--compare needs the run's trace too: give --routing");
  if (line.top < 0)
    return fail(kUsage, "--top must not be negative");
  std::string error;
  const std::optional<ParsedPlanOptions> options =
      parsePlanOptions({line.workload, line.layout, line.moeComm, line.chunks, line.routingLoad,
                        line.maxBatchTokens, line.maxSeqs, line.maxContext},
                       error);
  if (!options)
    return fail(kUsage, "--" + error);
  const std::optional<Cluster> cluster = readClusterFile(line.cluster, error);
  if (!cluster)
    return fail(kBadInput, error);
  const std::optional<ModelShape> model = readModel(line.model);
  if (!model)
    return kBadInput;
  return line.routing.empty() ? printPlan(line, *cluster, *model, *options)
                              : printExactBytes(line, *cluster, *model, *options);
}
