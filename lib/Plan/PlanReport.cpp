//===- PlanReport.cpp - A plan as text and as JSON ------------------------===//
#include "mixserve/Plan/PlanReport.h"

#include "mixserve/Plan/Units.h"

#include "Explain.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <map>

namespace mixserve::planner {
namespace {

using Json = nlohmann::ordered_json;
using Cells = std::vector<std::string>;

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, value >= 100 ? "%.0f" : "%.3g", value);
  return text;
}

/// Columns padded to their widest cell, two spaces apart, no space at line ends.
std::string aligned(const std::vector<Cells> &rows) {
  std::vector<size_t> widths;
  for (const Cells &row : rows)
    for (size_t i = 0; i < row.size(); ++i) {
      widths.resize(std::max(widths.size(), i + 1));
      widths[i] = std::max(widths[i], row[i].size());
    }
  std::string text;
  for (const Cells &row : rows) {
    std::string line = " ";
    for (size_t i = 0; i < row.size(); ++i)
      line += " " + row[i] + std::string(widths[i] - row[i].size() + 1, ' ');
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string methodAndChunks(Method method, int64_t chunks) {
  const bool said = method == Method::HybridFused || chunks > 1;
  return name(method) + (said ? ", chunks " + std::to_string(chunks) : "");
}

Json layoutJson(const Layout &layout) {
  return {{"attn_tp", layout.attnTp},
          {"attn_dp", layout.attnDp},
          {"moe_tp", layout.moeTp},
          {"moe_ep", layout.moeEp}};
}

Json termsJson(const StepCost &terms) {
  return {{"attention_ns", terms.attentionNs}, {"experts_ns", terms.expertsNs},
          {"head_ns", terms.headNs},           {"attn_comm_ns", terms.attnCommNs},
          {"moe_comm_ns", terms.moeCommNs},    {"hidden_ns", terms.hiddenNs}};
}

Json costJson(const PlanRequest &request, const ServingCost &cost) {
  return {{"source", name(request.cluster.linkSource)},
          {"completion_ns", cost.completionNs},
          {"ttft_ns", cost.ttftNs},
          {"itl_ns", cost.itlNs},
          {"tokens_per_s", cost.tokensPerSecond},
          {"requests_per_s", cost.requestsPerSecond},
          {"prefill", termsJson(cost.prefill)},
          {"decode", termsJson(cost.decode)}};
}

Json calibrationJson(const Cluster &cluster, WireType wire) {
  const CalibrationError error = errorOf(predictHeldOut(cluster, wire));
  Json methods = Json::object();
  for (const auto &[method, fit] : fitsOf(cluster.fits, wire).common)
    methods[name(method)] = {{"start_ns", fit.startNs},
                             {"chunk_ns", fit.chunkNs},
                             {"row_ns", fit.rowNs},
                             {"step_ns", fit.stepNs},
                             {"factor", fit.factor}};
  return {{"date", cluster.calibration.dateOf(wire)},
          {"engine", cluster.calibration.engine},
          {"methods", std::move(methods)},
          {"layers", error.layers},
          {"mean_error", error.meanError},
          {"choices", error.choices},
          {"mean_regret", error.meanRegret},
          {"worst_regret", error.worstRegret}};
}

Json memoryJson(const Memory &memory) {
  return {{"weights", memory.weights},
          {"cache", memory.cache},
          {"buffers", memory.buffers},
          {"workspace", memory.workspace}};
}

Json tableJson(const std::vector<TableEntry> &table) {
  Json list = Json::array();
  for (const TableEntry &entry : table)
    list.push_back({{"max_tokens", entry.maxTokens},
                    {"method", name(entry.method)},
                    {"chunks", entry.chunks},
                    {"micro_batches", entry.microBatches}});
  return list;
}

std::string memoryText(const Memory &memory) {
  return "weights " + formatSize(memory.weights) + ", KV cache " + formatSize(memory.cache) +
         ", buffers " + formatSize(memory.buffers) + ", workspace " + formatSize(memory.workspace);
}

std::string modelText(const ModelShape &model, const Limits &limits) {
  const double weights = memoryPerRank(model, Layout{1, 1, 1, 1}, limits).weights;
  return std::to_string(model.layers) + " layers, H=" + std::to_string(model.hidden) + ", " +
         std::to_string(model.heads) + " heads (" + std::to_string(model.kvHeads) + " KV) of " +
         std::to_string(model.headDim) + ", " + std::to_string(model.experts) +
         " experts of F=" + std::to_string(model.ffn) + ", " + std::to_string(model.topK) +
         " per token, V=" + std::to_string(model.vocab) + "; " + formatSize(weights) +
         " of weights in " + model.dtype;
}

/// Where times come from, and how far to trust them.
std::string sourceText(const Cluster &cluster, WireType wire) {
  if (cluster.linkSource != CostSource::Calibrated)
    return std::string("times from ") + name(cluster.linkSource) + ", not measured";
  const CalibrationError error = errorOf(predictHeldOut(cluster, wire));
  std::string text = "communication calibrated " + cluster.calibration.dateOf(wire) + " over " +
                     cluster.calibration.engine;
  if (error.layers == 0)
    return text + (cluster.calibration.layers.empty()
                       ? ""
                       : std::string("; no measured layer has ") + name(wire) + " rows");
  char numbers[160];
  std::snprintf(
      numbers, sizeof numbers,
      "; %lld measured layers, each fifth from the others: %.1f %% off on average, the method "
      "picked %.1f %% (at most %.1f %%) slower than the fastest",
      static_cast<long long>(error.layers), 100 * error.meanError, 100 * error.meanRegret,
      100 * error.worstRegret);
  return text + numbers;
}

/// Whether the largest steps are further from what was measured than one doubling, beyond which the
/// constants alone tell chunk counts apart (Residuals.h).
std::string extrapolationText(const Cluster &cluster, WireType wire, int64_t maxBatchTokens) {
  int64_t largest = 0;
  for (const LayerSample &layer : cluster.calibration.layers)
    if (layer.wire == wire)
      largest = std::max(largest, layer.tokens);
  if (largest == 0 || maxBatchTokens <= 2 * largest)
    return "";
  const int64_t perNode = (maxBatchTokens + cluster.mesh.nodes - 1) / cluster.mesh.nodes;
  return "; none of more than " + std::to_string(largest) +
         " tokens, so larger steps are extrapolated (mixserve-bench calibrate --tokens ..," +
         std::to_string(perNode) + " measures them)";
}

std::string head(const PlanRequest &request, const Plan &plan) {
  const Mesh &mesh = request.cluster.mesh;
  return "Model " + modelText(request.model, plan.limits) + "\nCluster " + request.cluster.path +
         ": " + std::to_string(mesh.nodes) + " node(s) x " + std::to_string(mesh.devices) +
         " device(s) of " + formatSize(request.cluster.device.memoryBytes) + "\nWorkload " +
         request.workload.str() +
         "; limits max-batch-tokens=" + std::to_string(plan.limits.maxBatchTokens) +
         ",max-seqs=" + std::to_string(plan.limits.maxSeqs) +
         ",max-context=" + std::to_string(plan.limits.maxContext) + "\nRouting " +
         request.routing.description() + "; " + sourceText(request.cluster, request.model.wire) +
         extrapolationText(request.cluster, request.model.wire, plan.limits.maxBatchTokens) + "\n";
}

/// The method of a candidate, with the chunk counts of its table.
std::string methodText(const Candidate &candidate) {
  if (!worksInChunks(candidate.method) || candidate.table.empty())
    return name(candidate.method);
  int64_t fewest = candidate.table.front().chunks, most = fewest;
  for (const TableEntry &entry : candidate.table) {
    fewest = std::min(fewest, entry.chunks);
    most = std::max(most, entry.chunks);
  }
  return most > fewest ? std::string(name(candidate.method)) + ", chunks " +
                             std::to_string(fewest) + " to " + std::to_string(most)
                       : methodAndChunks(candidate.method, most);
}

std::string candidatesText(const PlanRequest &request, const Plan &plan, int64_t top) {
  std::vector<Cells> rows = {{"#", "attn_tp", "attn_dp", "moe_tp", "moe_ep", "moe-comm",
                              "completion", "TTFT", "ITL", "tokens/s", "memory/device"}};
  for (const Candidate &c : plan.candidates) {
    if (!c.refused.empty() || (top > 0 && int64_t(rows.size()) > top))
      break;
    rows.push_back({std::to_string(rows.size()), std::to_string(c.layout.attnTp),
                    std::to_string(c.layout.attnDp), std::to_string(c.layout.moeTp),
                    std::to_string(c.layout.moeEp), methodText(c), formatTime(c.cost.completionNs),
                    formatTime(c.cost.ttftNs), formatTime(c.cost.itlNs),
                    number(c.cost.tokensPerSecond), formatSize(c.memory.total())});
  }
  if (rows.size() == 1)
    return "";
  return "\nCandidates, cheapest first: one method for all steps; completion of all " +
         std::to_string(request.workload.concurrency) + " requests, output tokens/s\n" +
         aligned(rows);
}

/// Candidates that were refused for the same reason.
struct Refusal {
  std::vector<const Candidate *> candidates;

  double memory() const { return candidates.front()->memory.total(); }
  std::string layouts() const {
    size_t count = 1;
    for (size_t i = 1; i < candidates.size(); ++i)
      count += candidates[i]->layout != candidates[i - 1]->layout;
    return candidates.front()->layout.str() +
           (count > 1 ? " and " + std::to_string(count - 1) + " more" : "");
  }
  std::string methods() const {
    std::vector<std::string> names;
    for (const Candidate *candidate : candidates)
      if (std::find(names.begin(), names.end(), name(candidate->method)) == names.end())
        names.push_back(name(candidate->method));
    if (names.size() == std::size(kMethods))
      return "any method";
    std::string text;
    for (const std::string &one : names)
      text += (text.empty() ? "" : ", ") + one;
    return text;
  }
};

/// A line per reason, those that need least memory first.
std::string refusedText(const Plan &plan, int64_t top) {
  std::vector<Refusal> refusals;
  std::map<std::string, size_t> byReason;
  for (const Candidate &c : plan.candidates) {
    if (c.refused.empty())
      continue;
    auto [at, isNew] = byReason.try_emplace(c.refused, refusals.size());
    if (isNew)
      refusals.emplace_back();
    refusals[at->second].candidates.push_back(&c);
  }
  if (refusals.empty())
    return "";
  std::multimap<double, const Refusal *> byMemory; // equal ones stay in order
  for (const Refusal &refusal : refusals)
    byMemory.emplace(refusal.memory(), &refusal);
  std::vector<Cells> rows;
  for (const auto &[memory, refusal] : byMemory)
    if (top == 0 || int64_t(rows.size()) < top)
      rows.push_back(
          {refusal->layouts(), refusal->methods(), refusal->candidates.front()->refused});
  std::string text = "\nRefused\n" + aligned(rows);
  if (rows.size() < refusals.size())
    text += "  and for " + std::to_string(refusals.size() - rows.size()) +
            " more reasons; --top 0 lists all\n";
  return text;
}

std::string choiceText(const PlanRequest &request, const Plan &plan) {
  std::vector<Cells> rows;
  for (const TableEntry &entry : plan.table)
    rows.push_back({"up to " + std::to_string(entry.maxTokens) + " tokens per step",
                    methodAndChunks(entry.method, entry.chunks) +
                        (entry.microBatches > 1 ? "; prompts in halves" : "")});
  std::string text = "\nChosen: " + plan.layout.str() + "\n" + aligned(rows) +
                     "Predicted: completion " + formatTime(plan.cost.completionNs) + ", TTFT " +
                     formatTime(plan.cost.ttftNs) + ", ITL " + formatTime(plan.cost.itlNs) + ", " +
                     number(plan.cost.tokensPerSecond) +
                     " output tokens/s\nMemory: " + formatSize(plan.memory.total()) +
                     " of a device's " + formatSize(request.cluster.device.memoryBytes) + " (" +
                     memoryText(plan.memory) + ")\nWhy: " + plan.why + "\n";
  if (request.workload.rate > plan.cost.requestsPerSecond && request.workload.rate > 0)
    text += "Note: the offered rate of " + number(request.workload.rate) +
            " requests/s exceeds the predicted " + number(plan.cost.requestsPerSecond) +
            "; requests will queue.\n";
  if (plan.crossOvers.size() < 2)
    return text;
  rows.clear();
  for (const CrossOver &line : plan.crossOvers)
    rows.push_back({"from " + std::to_string(line.tokens), line.layout.str(),
                    methodAndChunks(line.method, line.chunks), formatTime(line.stepNs)});
  return text + "\nFastest step by tokens per step (another layout is another artifact)\n" +
         aligned(rows);
}

} // namespace

std::string describe(const Candidate &candidate) {
  std::string text = candidate.layout.str() + " moe-comm=" + name(candidate.method) + ": ";
  if (!candidate.refused.empty())
    return text + "refused: " + candidate.refused;
  return text + "completion " + formatTime(candidate.cost.completionNs) + ", TTFT " +
         formatTime(candidate.cost.ttftNs) + ", ITL " + formatTime(candidate.cost.itlNs) + ", " +
         number(candidate.cost.tokensPerSecond) + " tokens/s, " +
         formatSize(candidate.memory.total()) + " per device";
}

std::string planAsText(const PlanRequest &request, const Plan &plan, int64_t top) {
  std::string text =
      head(request, plan) + candidatesText(request, plan, top) + refusedText(plan, top);
  return plan.table.empty() ? text : text + choiceText(request, plan);
}

std::string planAsJson(const PlanRequest &request, const Plan &plan, int64_t top) {
  const Workload &work = request.workload;
  Json object;
  object["schema"] = "mixserve.plan/v1";
  object["mesh"] = {{"nodes", request.cluster.mesh.nodes},
                    {"devices", request.cluster.mesh.devices}};
  object["workload"] = {{"prompt", work.prompt},
                        {"output", work.output},
                        {"concurrency", work.concurrency},
                        {"rate", work.rate}};
  object["limits"] = {{"max_batch_tokens", plan.limits.maxBatchTokens},
                      {"max_seqs", plan.limits.maxSeqs},
                      {"max_context", plan.limits.maxContext}};
  object["routing"] = request.routing.description();
  object["wire"] = name(request.model.wire);
  object["forced"] = forcedBy(request.overrides);
  if (request.cluster.linkSource == CostSource::Calibrated)
    object["calibration"] = calibrationJson(request.cluster, request.model.wire);
  if (!plan.table.empty())
    object["chosen"] = {{"layout", layoutJson(plan.layout)},
                        {"table", tableJson(plan.table)},
                        {"cost", costJson(request, plan.cost)},
                        {"memory_bytes", memoryJson(plan.memory)},
                        {"why", plan.why}};
  Json candidates = Json::array(), refused = Json::array(), crossOvers = Json::array();
  for (const Candidate &c : plan.candidates) {
    Json line = {{"layout", layoutJson(c.layout)}, {"method", name(c.method)}};
    if (!c.refused.empty()) {
      line["reason"] = c.refused;
      refused.push_back(std::move(line));
    } else if (top == 0 || int64_t(candidates.size()) < top) {
      line["table"] = tableJson(c.table);
      line["cost"] = costJson(request, c.cost);
      line["memory_bytes"] = memoryJson(c.memory);
      candidates.push_back(std::move(line));
    }
  }
  for (const CrossOver &line : plan.crossOvers)
    crossOvers.push_back({{"tokens", line.tokens},
                          {"layout", layoutJson(line.layout)},
                          {"method", name(line.method)},
                          {"chunks", line.chunks},
                          {"step_ns", line.stepNs}});
  object["candidates"] = std::move(candidates);
  object["refused"] = std::move(refused);
  object["cross_overs"] = std::move(crossOvers);
  return object.dump(1) + "\n";
}

} // namespace mixserve::planner
