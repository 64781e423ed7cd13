//===- PlanReport.cpp - A plan as text and as JSON ------------------------===//
#include "mixserve/Plan/PlanReport.h"

#include "mixserve/Plan/Units.h"

#include "Explain.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>

namespace mixserve::planner {
namespace {

using json = nlohmann::ordered_json;
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
  return std::string(name(method)) +
         (method == Method::HybridFused ? ", chunks " + std::to_string(chunks) : "");
}

json layoutJson(const Layout &layout) {
  return {{"attn_tp", layout.attnTp},
          {"attn_dp", layout.attnDp},
          {"moe_tp", layout.moeTp},
          {"moe_ep", layout.moeEp}};
}

json termsJson(const StepCost &terms) {
  return {{"attention_ns", terms.attentionNs},
          {"experts_ns", terms.expertsNs},
          {"head_ns", terms.headNs},
          {"attn_comm_ns", terms.attnCommNs},
          {"moe_comm_ns", terms.moeCommNs}};
}

json costJson(const PlanRequest &request, const ServingCost &cost) {
  return {{"source", name(request.cluster.linkSource)},
          {"completion_ns", cost.completionNs},
          {"ttft_ns", cost.ttftNs},
          {"itl_ns", cost.itlNs},
          {"tokens_per_s", cost.tokensPerSecond},
          {"requests_per_s", cost.requestsPerSecond},
          {"prefill", termsJson(cost.prefill)},
          {"decode", termsJson(cost.decode)}};
}

json memoryJson(const Memory &memory) {
  return {{"weights", memory.weights},
          {"cache", memory.cache},
          {"buffers", memory.buffers},
          {"workspace", memory.workspace}};
}

json tableJson(const std::vector<TableEntry> &table) {
  json list = json::array();
  for (const TableEntry &entry : table)
    list.push_back({{"max_tokens", entry.maxTokens},
                    {"method", name(entry.method)},
                    {"chunks", entry.chunks}});
  return list;
}

std::string head(const PlanRequest &request, const Plan &plan) {
  const Mesh &mesh = request.cluster.mesh;
  return "Cluster " + request.cluster.path + ": " + std::to_string(mesh.nodes) + " node(s) x " +
         std::to_string(mesh.devices) + " device(s)\nWorkload " + request.workload.str() +
         "; limits max-batch-tokens=" + std::to_string(plan.limits.maxBatchTokens) +
         ",max-seqs=" + std::to_string(plan.limits.maxSeqs) +
         ",max-context=" + std::to_string(plan.limits.maxContext) + "\nRouting " +
         request.routing.description() + "; times from " + name(request.cluster.linkSource) +
         ", not measured\n";
}

std::string candidatesText(const Plan &plan, int64_t top) {
  std::vector<Cells> rows = {{"#", "attn_tp", "attn_dp", "moe_tp", "moe_ep", "moe-comm",
                              "completion", "TTFT", "ITL", "tokens/s", "memory/device"}};
  for (const Candidate &c : plan.candidates) {
    if (!c.refused.empty() || (top > 0 && int64_t(rows.size()) > top))
      break;
    rows.push_back({std::to_string(rows.size()), std::to_string(c.layout.attnTp),
                    std::to_string(c.layout.attnDp), std::to_string(c.layout.moeTp),
                    std::to_string(c.layout.moeEp), name(c.method), formatTime(c.cost.completionNs),
                    formatTime(c.cost.ttftNs), formatTime(c.cost.itlNs),
                    number(c.cost.tokensPerSecond), formatSize(c.memory.total())});
  }
  return "\nCandidates, cheapest first\n" + aligned(rows);
}

std::string refusedText(const Plan &plan) {
  std::vector<Cells> rows;
  for (const Candidate &c : plan.candidates)
    if (!c.refused.empty())
      rows.push_back({c.layout.str(), name(c.method), c.refused});
  return rows.empty() ? "" : "\nRefused\n" + aligned(rows);
}

std::string choiceText(const PlanRequest &request, const Plan &plan) {
  std::vector<Cells> rows;
  for (const TableEntry &entry : plan.table)
    rows.push_back({"up to " + std::to_string(entry.maxTokens) + " tokens per step",
                    methodAndChunks(entry.method, entry.chunks)});
  std::string text =
      "\nChosen: " + plan.layout.str() + "\n" + aligned(rows) + "Why: " + plan.why + "\n";
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
  std::string text = head(request, plan) + candidatesText(plan, top) + refusedText(plan);
  return plan.table.empty() ? text : text + choiceText(request, plan);
}

std::string planAsJson(const PlanRequest &request, const Plan &plan, int64_t top) {
  const Workload &work = request.workload;
  json object;
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
  object["forced"] = forcedBy(request.overrides);
  if (!plan.table.empty())
    object["chosen"] = {{"layout", layoutJson(plan.layout)},
                        {"table", tableJson(plan.table)},
                        {"cost", costJson(request, plan.cost)},
                        {"memory_bytes", memoryJson(plan.memory)},
                        {"why", plan.why}};
  json candidates = json::array(), refused = json::array(), crossOvers = json::array();
  for (const Candidate &c : plan.candidates) {
    json line = {{"layout", layoutJson(c.layout)}, {"method", name(c.method)}};
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
