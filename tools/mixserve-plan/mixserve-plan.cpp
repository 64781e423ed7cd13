//===- mixserve-plan.cpp - Ranks layouts for a model and a cluster ----------===//
#include "Compare.h"
#include "ReadModel.h"

#include "mixserve/Plan/ByteCount.h"
#include "mixserve/Plan/CalibrationReport.h"
#include "mixserve/Plan/LayoutSpace.h"
#include "mixserve/Plan/PlanOptions.h"
#include "mixserve/Plan/PlanReport.h"
#include "mixserve/Plan/RoutingTrace.h"
#include "tools/options/Options.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

using namespace mixserve;
using namespace mixserve::planner;
using namespace mixserve::tools;

namespace {
struct CommandLine {
  std::string cluster, routing, compare, measured, sizes;
  PlanOptions plan;
  std::string weights, quantize, kvCache;
  int64_t quantizeGroup = 0;
  int64_t top = 10;
  bool json = false;
};
} // namespace

static void declare(Options &parser, CommandLine &line) {
  PlanOptions &o = line.plan;
  parser.text("cluster", "FILE", line.cluster, "cluster file (YAML); models/clusters has some");
  parser.text("workload", "LIST", o.workload,
              "load to plan for: prompt=N,output=N,concurrency=N[,rate=R]\n"
              "(default prompt=1024,output=256,concurrency=16)");
  parser.text("layout", "LIST", o.layout,
              "only this layout: attn_tp=N,attn_dp=N,moe_tp=N,moe_ep=N (default auto)");
  parser.text("moe-comm", "METHOD", o.moeComm,
              "only this method: allgather flat-ep hier-ep hybrid hybrid-fused (default auto)");
  parser.text("chunks", "N", o.chunks,
              "this many chunks of hybrid-fused or hier-ep (default auto)");
  parser.text("micro-batches", "N", o.microBatches,
              "1: every step in one piece; 2: steps with prompts in halves, of which one computes\n"
              "while the other's rows move; default auto: halves where a calibrated cluster file\n"
              "says that they are faster");
  parser.text("wire", "TYPE", o.wire,
              "rows between nodes: f32 (exact) or bf16 (half the bytes); default auto: bf16 if\n"
              "the model's own weights are, whatever --weights and --quantize make of them");
  parser.text("routing-load", "LOAD", o.routingLoad,
              "how rows spread over experts: uniform (default), zipf=S, or a trace\n"
              "of mixserve-run --routing-out");
  parser.text("routing", "FILE", line.routing,
              "print the exact bytes that this trace moves under --layout");
  parser.text("compare", "STATS.json", line.compare,
              "with --routing: print planned beside counted bytes; exit 0 if equal, else 4");
  parser.text("measured", "FILE", line.measured,
              "no MODEL: print the layers that `mixserve-bench calibrate` measured in this cluster\n"
              "file beside what --cluster predicts; the same file: each fifth from the others");
  parser.text("sizes", "LIST", line.sizes,
              "with --measured and the same file: layers of these numbers of tokens, of all nodes\n"
              "together, from those of the other sizes");
  parser.number("top", "N", line.top, 0, "print the N cheapest candidates (default 10, 0 for all)");
  parser.text("weights", "TYPE", line.weights,
              "element type of weights: f32 or bf16 (default auto: the model's own)");
  parser.text("quantize", "TYPE", line.quantize,
              "plan for quantised weights of experts: int8 or int4; int8-all or int4-all:\n"
              "of attention and lm_head, too");
  parser.number("quantize-group", "N", line.quantizeGroup, 1,
                "values that share a scale: 32 (default) or 128");
  parser.text("kv-cache", "TYPE", line.kvCache,
              "element type of cached keys and values: f32 or bf16 (default auto: the model's own)");
  parser.flag("json", line.json, "print JSON");
  parser.number("max-batch-tokens", "N", o.maxBatchTokens, 1,
                "tokens of a step, over all groups (default max(2048, concurrency))");
  parser.number("max-seqs", "N", o.maxSeqs, 1,
                "sequences per attention group (default concurrency)");
  parser.number("max-context", "N", o.maxContext, 1,
                "positions of a sequence (default prompt + output)");
}

static int fail(int code, const std::string &message) {
  llvm::errs() << "mixserve-plan: " << message << "\n";
  return code;
}

/// The last thing a successful run does: a full disk is an error like any other.
static int flushed(int code) {
  llvm::outs().flush();
  if (!llvm::outs().has_error())
    return code;
  const std::string why = llvm::outs().error().message();
  llvm::outs().clear_error();
  return fail(kBadInput,
              "cannot write to stdout: " + why + "; make room there or send the output elsewhere");
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
  if (std::string why = whyIllegal(cluster.mesh, *options.overrides.layout, model); !why.empty())
    return fail(kNoPlan, "--layout: " + why);
  std::string error;
  const std::optional<RoutingTrace> trace = readRoutingTrace(line.routing, error);
  if (!trace)
    return fail(kBadInput, error);
  for (const TraceStep &step : trace->steps)
    if (options.overrides.method.value_or(step.method) != step.method)
      return fail(kBadInput, line.routing + ": holds a step of method " + name(step.method) +
                                 ", --moe-comm asks for " + name(*options.overrides.method) +
                                 "; leave it out or record such a run");
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
      parseRoutingLoad(line.plan.routingLoad, model.experts, model.topK, error);
  if (!load)
    return fail(kBadInput, "--" + error);
  const PlanRequest request{cluster,          model,          *load,
                            options.workload, options.limits, options.overrides};
  const PlanResult result = searchPlan(request);
  if (result.failure == PlanFailure::BadRequest)
    return fail(kUsage, result.error);
  if (const std::string why = whyBeyondTraining(result.plan.limits, model.trainedPositions);
      !why.empty())
    llvm::errs() << "mixserve-plan: warning: " << why << "\n";
  llvm::outs() << (line.json ? planAsJson(request, result.plan, line.top)
                             : planAsText(request, result.plan, line.top));
  return result.failure == PlanFailure::Infeasible ? fail(kNoPlan, result.error) : kOk;
}

/// "8,32"; nothing for anything else.
static std::optional<std::set<int64_t>> readSizes(llvm::StringRef text) {
  std::set<int64_t> sizes;
  for (llvm::StringRef item : llvm::split(text, ',')) {
    int64_t size;
    if (item.getAsInteger(10, size) || size < 1)
      return std::nullopt;
    sizes.insert(size);
  }
  return sizes;
}

/// Why `sizes` cannot be predicted from the other sizes of `calibration`, or nothing.
static std::string whyNotPredicted(const Calibration &calibration, const std::set<int64_t> &sizes) {
  const std::set<int64_t> known = sizesOf(calibration);
  for (int64_t size : sizes)
    if (known.count(size) == 0)
      return "no layer of " + std::to_string(size) +
             " tokens was measured; tokens are counted over all nodes together, and there are " +
             llvm::join(llvm::map_range(known, [](int64_t t) { return std::to_string(t); }), ", ");
  return sizes == known ? "these are all sizes there, nothing is left to predict them from" : "";
}

/// --measured: how far predicted layers are from measured ones.
static int printPredictions(const CommandLine &line, const Cluster &cluster) {
  std::string error;
  const std::optional<Cluster> other = readClusterFile(line.measured, error);
  if (!other)
    return fail(kBadInput, error);
  const Calibration &calibration = other->calibration;
  if (calibration.layers.empty())
    return fail(kBadInput, line.measured + ": no measured layers; measure some with "
                                           "mixserve-bench calibrate " +
                               line.measured);
  if (other->mesh.nodes != cluster.mesh.nodes || other->mesh.devices != cluster.mesh.devices)
    return fail(kBadInput, line.measured + ": was measured on " +
                               std::to_string(other->mesh.nodes) + " x " +
                               std::to_string(other->mesh.devices) + " ranks, " + line.cluster +
                               " has " + std::to_string(cluster.mesh.nodes) + " x " +
                               std::to_string(cluster.mesh.devices));
  PredictedBy by = PredictedBy::AnotherTime;
  std::vector<LayerPrediction> predictions;
  if (!line.sizes.empty()) {
    by = PredictedBy::OtherSizes;
    const std::optional<std::set<int64_t>> sizes = readSizes(line.sizes);
    if (!sizes)
      return fail(kUsage,
                  "--sizes: '" + line.sizes + "' is no list of numbers of tokens such as 8,32");
    if (const std::string wrong = whyNotPredicted(calibration, *sizes); !wrong.empty())
      return fail(kBadInput, line.measured + ": --sizes " + line.sizes + ": " + wrong);
    predictions = predictSizes(cluster, *sizes);
  } else if (line.measured == line.cluster) {
    by = PredictedBy::OtherFifths;
    predictions = predictHeldOut(cluster);
  } else {
    predictions = predictLayers(cluster, calibration.layers);
  }
  llvm::outs() << (line.json ? predictionsAsJson(predictions, by)
                             : predictionsAsText(predictions, by));
  return kOk;
}

int main(int argc, char **argv) {
  CommandLine line;
  Options parser(
      "mixserve-plan", "MODEL --cluster FILE [options]",
      "Ranks every TP/EP/DP layout and dispatch method of a Mixture-of-Experts model on a cluster, "
      "and\n"
      "says what the cheapest wins by and why the others lose or cannot be. Needs no weights.\n"
      "MODEL is an .onnx file, a Hugging Face folder (its config.json), raised IR (.mlir), or a\n"
      "shape file (.yaml).",
      "mixserve-plan model.onnx --cluster models/clusters/2x2.yaml "
      "--workload prompt=1024,output=256,concurrency=16");
  declare(parser, line);
  std::vector<std::string> models;
  if (auto code = parser.parse(argc, argv, models))
    return *code;
  if (!line.measured.empty()) {
    if (!models.empty())
      return parser.usageError("--measured is about the cluster alone; unexpected '" +
                               models.front() + "'");
    if (line.cluster.empty())
      return parser.usageError("--cluster FILE is needed: what predicts");
    if (!line.sizes.empty() && line.measured != line.cluster)
      return parser.usageError("--sizes is about one file: give it as --cluster and --measured");
    std::string error;
    const std::optional<Cluster> cluster = readClusterFile(line.cluster, error);
    return cluster ? flushed(printPredictions(line, *cluster)) : fail(kBadInput, error);
  }
  if (!line.sizes.empty())
    return parser.usageError("--sizes is about measured layers: give --measured too");
  if (models.empty())
    return parser.usageError(
        "which model? give an .onnx file, a Hugging Face folder, a raised .mlir file, or a "
        "shape file .yaml");
  if (models.size() > 1)
    return parser.usageError("one model at a time; unexpected '" + models[1] + "'");
  if (!line.routing.empty() && !line.plan.routingLoad.empty())
    return parser.usageError(
        "--routing counts what a run moved and --routing-load predicts; give one of them");
  if (line.cluster.empty())
    return parser.usageError("--cluster FILE is needed: what the model is to run on");
  if (!line.compare.empty() && line.routing.empty())
    return parser.usageError("--compare needs the run's trace too: give --routing");
  std::string error;
  const std::optional<ParsedPlanOptions> options = parsePlanOptions(line.plan, error);
  if (!options)
    return parser.usageError("--" + error);
  const std::optional<WeightChoice> choice =
      parseWeightChoice(line.weights, line.quantize, line.quantizeGroup, line.kvCache, error);
  if (!choice)
    return parser.usageError("--" + error);
  if (!line.routing.empty() && !options->overrides.layout)
    return parser.usageError("--routing counts the bytes of one layout: give --layout too");
  const std::optional<Cluster> cluster = readClusterFile(line.cluster, error);
  if (!cluster)
    return fail(kBadInput, error);
  std::optional<ModelShape> model = readModel(models.front());
  if (!model)
    return kBadInput;
  model->choose(*choice);
  model->wire = options->wire.value_or(model->wire);
  return flushed(line.routing.empty() ? printPlan(line, *cluster, *model, *options)
                                      : printExactBytes(line, *cluster, *model, *options));
}
