//===- CommandLine.cpp - What mixserve-compile is asked for -----------------===//
#include "tools/mixserve-compile/CommandLine.h"
#include "mixserve/Emit/EmitArtifact.h"
#include "mixserve/Plan/PlanOptions.h"
#include "mixserve/Plan/WeightTypes.h"
#include "llvm/ADT/StringExtras.h"

using namespace mixserve;
using namespace mixserve::tools;

namespace {
/// Texts that become something else.
struct Texts {
  std::string until, alsoMethods;
  bool check = false;
};
} // namespace

static void declare(Options &parser, CommandLine &line, Texts &texts) {
  CompileOptions &o = line.compile;
  parser.text("cluster", "FILE", o.cluster, "cluster file (YAML); models/clusters has some");
  parser.text("o", "PATH", o.output,
              "artifact folder to write, or a file for --compile-to (default: stdout)");
  parser.flag("force", o.force, "replace an artifact that is already there");
  parser.text("compile-to", "PHASE", texts.until,
              "stop after a phase and print the IR: import raise plan shard fuse");
  parser.flag("check", texts.check,
              "stop after fuse: check that the model compiles, write nothing");
  parser.flag("explain", line.explain,
              "say on stderr why the plan was chosen, and each rejected candidate");
  parser.text("workload", "LIST", o.workload,
              "load to plan for: prompt=N,output=N,concurrency=N[,rate=R]\n"
              "(default prompt=1024,output=256,concurrency=16)");
  parser.text("layout", "LIST", o.layout,
              "this layout: attn_tp=N,attn_dp=N,moe_tp=N,moe_ep=N (default auto: the cheapest)");
  parser.text("moe-comm", "METHOD", o.moeComm,
              "this dispatch method: allgather flat-ep hier-ep hybrid hybrid-fused (default auto)");
  parser.text("chunks", "N", o.chunks,
              "this many chunks of hybrid-fused or hier-ep (default auto)");
  parser.text("micro-batches", "N", o.microBatches,
              "1: every step in one piece; 2: steps with prompts in halves, of which one computes\n"
              "while the other's rows move; default auto: halves where a calibrated cluster file\n"
              "says that they are faster");
  parser.text("also-methods", "M,M..", texts.alsoMethods,
              "compile these methods in too, for mixserve-run --method");
  parser.text("wire", "TYPE", o.wire,
              "rows between nodes: f32 (exact) or bf16 (half the bytes); default auto: bf16 if\n"
              "the model's own weights are, whatever --weights and --quantize make of them");
  parser.number("max-batch-tokens", "N", o.maxBatchTokens, 1,
                "tokens of a step, over all groups (default max(2048, concurrency))");
  parser.number("max-seqs", "N", o.maxSeqs, 1,
                "sequences per attention group (default concurrency)");
  parser.number("max-context", "N", o.maxContext, 1,
                "positions of a sequence (default prompt + output)");
  parser.text("weights", "TYPE", o.weights,
              "element type of weights: f32 or bf16 (default auto: the model's own)");
  parser.text("quantize", "TYPE", o.quantize,
              "quantise the weights of experts: int8 or int4; int8-all or int4-all:\n"
              "of attention and lm_head, too");
  parser.number("quantize-group", "N", o.quantizeGroup, 1,
                "values that share a scale: 32 (default) or 128");
  parser.text("kv-cache", "TYPE", o.kvCache,
              "element type of cached keys and values: f32 or bf16 (default auto: the model's own)");
  parser.optionalText("timing", "FILE.json", line.timed, line.timingFile,
                      "print CPU time, elapsed time and peak memory of each phase and pass to\n"
                      "stderr, or to a file");
  parser.text("target", "CPU", o.target,
              "CPU of the generated code: x86-64-v3 (default), native, ..");
}

/// What is wrong with the planner's options, or "".
static std::string whyUnusable(const CompileOptions &o) {
  std::string error;
  if (!planner::parsePlanOptions({o.workload, o.layout, o.moeComm, o.chunks, "", o.maxBatchTokens,
                                  o.maxSeqs, o.maxContext, o.wire, o.microBatches},
                                 error))
    return "--" + error;
  if (!planner::parseWeightChoice(o.weights, o.quantize, o.quantizeGroup, o.kvCache, error))
    return "--" + error;
  for (const std::string &method : o.alsoMethods)
    if (!planner::parseMethod(method))
      return "--also-methods: there is no dispatch method '" + method +
             "'; give some of allgather,flat-ep,hier-ep,hybrid,hybrid-fused";
  if (const std::string why = whyUnknownTarget(o.target); !why.empty())
    return "--target: " + why;
  return "";
}

/// Fills what follows from `texts`; returns what is wrong with them, or "".
static std::string resolve(const Texts &texts, CommandLine &line) {
  if (texts.check && !texts.until.empty())
    return "--check and --compile-to do not go together; --check is --compile-to=fuse without its "
           "output";
  if (texts.check)
    line.until = Phase::Fuse;
  if (!texts.until.empty()) {
    const std::optional<Phase> phase = parsePhase(texts.until);
    if (!phase)
      return "--compile-to: no phase '" + texts.until +
             "'; use import, raise, plan, shard, fuse or emit";
    line.until = *phase;
    line.printsIr = *phase != Phase::Emit;
  }
  llvm::SmallVector<llvm::StringRef> methods;
  llvm::StringRef(texts.alsoMethods).split(methods, ',');
  if (!texts.alsoMethods.empty())
    line.compile.alsoMethods.assign(methods.begin(), methods.end());
  return "";
}

std::optional<int> mixserve::tools::parseCommandLine(int argc, char **argv, CommandLine &line) {
  Options parser("mixserve-compile", "MODEL --cluster FILE -o DIR [options]",
                 "Compiles a Mixture-of-Experts model for a cluster: chooses the TP/EP/DP layout "
                 "that is cheapest\n"
                 "to serve and writes an artifact for mixserve-run. MODEL is an .onnx file, or a "
                 "Hugging Face\n"
                 "folder (config.json and safetensors; Qwen3-MoE).",
                 "mixserve-compile model.onnx --cluster models/clusters/2x2.yaml -o model.mxs");
  Texts texts;
  declare(parser, line, texts);
  std::vector<std::string> models;
  if (auto code = parser.parse(argc, argv, models))
    return code;
  if (std::string why = resolve(texts, line); !why.empty())
    return parser.usageError(why);
  if (models.empty())
    return parser.usageError("which model? give an .onnx file or a Hugging Face folder");
  if (models.size() > 1)
    return parser.usageError("one model at a time; unexpected '" + models[1] + "'");
  line.compile.model = models.front();
  if (line.until >= Phase::Plan && line.compile.cluster.empty())
    return parser.usageError("--cluster FILE is needed to plan; --compile-to=raise works without");
  if (line.until == Phase::Emit && line.compile.output.empty())
    return parser.usageError("where to? give -o FOLDER, or --compile-to=PHASE to print IR");
  // Also what a phase that does not run would read: the command with --compile-to is the one
  // without, cut short.
  if (std::string why = whyUnusable(line.compile); !why.empty())
    return parser.usageError(why);
  return std::nullopt;
}
