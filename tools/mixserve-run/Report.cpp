//===- Report.cpp - What a run prints ---------------------------------------===//
#include "tools/mixserve-run/Report.h"
#include "tools/mixserve-run/Predicted.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <tuple>

using namespace mixserve::tools;
using nlohmann::json;

static std::string joined(const std::vector<int32_t> &ids) {
  std::string text;
  for (int32_t id : ids)
    text += (text.empty() ? "" : ",") + std::to_string(id);
  return text;
}

void mixserve::tools::printTokens(const std::vector<Request> &requests, bool asJson) {
  json sequences = json::array();
  for (const Request &request : requests) {
    json sequence = {{"prompt", request.prompt},
                     {"tokens", request.tokens},
                     {"finish", finishName(request.finish)}};
    if (request.sampling.logprob)
      sequence["logprobs"] = request.logprobs;
    sequences.push_back(std::move(sequence));
    if (!asJson)
      std::printf("%s\n", joined(request.tokens).c_str());
  }
  if (asJson)
    std::printf("%s\n", json({{"sequences", sequences}}).dump().c_str());
}

void mixserve::tools::printVerdicts(const std::vector<PromptVerdict> &verdicts,
                                    const std::vector<Request> &requests, double tolerance,
                                    bool asJson) {
  const bool ok = matches(verdicts, tolerance);
  json prompts = json::array();
  for (size_t p = 0; p < verdicts.size(); ++p) {
    const PromptVerdict &verdict = verdicts[p];
    prompts.push_back({{"largest_difference", verdict.largestDifference},
                       {"differs_at", verdict.differsAt},
                       {"expected", verdict.expected},
                       {"got", verdict.got},
                       {"tokens", requests[p].tokens}});
    if (asJson)
      continue;
    std::printf("prompt %zu (%zu tokens): largest logit difference %.2e (tolerance %.0e), ", p,
                requests[p].prompt.size(), verdict.largestDifference, tolerance);
    if (verdict.differsAt < 0)
      std::printf("%zu greedy tokens equal\n", requests[p].tokens.size());
    else
      std::printf("greedy token %ld differs: expected %d, got %d\n",
                  static_cast<long>(verdict.differsAt), verdict.expected, verdict.got);
  }
  if (asJson)
    std::printf(
        "%s\n",
        json({{"verified", ok}, {"tolerance", tolerance}, {"prompts", prompts}}).dump().c_str());
  else
    std::printf(ok ? "verified: the run equals the file\n"
                   : "MISMATCH: the run differs from the file\n");
}

/// Why the plan's times say nothing of this run, or "".
static std::string whyUnpredicted(const json &plan, bool forced) {
  if (forced)
    return "the plan's times are of its own methods and chunks, and others were asked for";
  return plan.contains("predicted") ? ""
                                    : "the artifact holds no predicted times: compile it again";
}

static void printCollectives(const json &stats, const json &plan, bool forced) {
  const std::string why = whyUnpredicted(plan, forced);
  const double steps = std::max<double>(1, stats.at("steps").get<double>());
  std::printf("%-20s %10s %12s %12s   ms a step\n", "collective", "calls", "predicted", "measured");
  for (const CollectiveRow &row : compareCollectives(plan, stats)) {
    char predicted[32] = "-";
    if (why.empty() && row.predictedNs > 0)
      std::snprintf(predicted, sizeof predicted, "%.3f", row.predictedNs / steps / 1e6);
    std::printf("%-20s %10llu %12s %12.3f\n", row.call.c_str(),
                static_cast<unsigned long long>(row.calls), predicted,
                row.measuredNs / steps / 1e6);
  }
  const bool calibrated =
      plan.contains("cost") && plan.at("cost").value("source", "") == "calibrated";
  const char *by = calibrated ? "by the cluster file's calibration"
                              : "by formulas over the cluster file's links";
  std::printf("predicted: %s; measured: of the rank that spent least, its waiting included\n",
              why.empty() ? by : why.c_str());
}

std::string mixserve::tools::withPredictions(const std::string &statsJson, const json &plan,
                                             bool forced) {
  json stats = json::parse(statsJson);
  json &rows = stats["collectives_ns"] = json::object();
  const bool predicts = whyUnpredicted(plan, forced).empty();
  for (const CollectiveRow &row : compareCollectives(plan, stats)) {
    rows[row.call] = {{"measured", row.measuredNs}};
    if (predicts && row.predictedNs > 0)
      rows[row.call]["predicted"] = row.predictedNs;
  }
  return stats.dump();
}

void mixserve::tools::printStats(const std::string &statsJson, const json &plan, bool forced) {
  const json stats = json::parse(statsJson);
  std::map<std::tuple<int64_t, std::string, std::string>, int64_t> sums;
  for (const json &row : stats.at("bytes"))
    if (row.at("dir") == "out")
      sums[{row.at("layer"), row.at("op"), row.at("link")}] += row.at("bytes").get<int64_t>();
  std::printf("%-6s %-12s %-6s %14s\n", "layer", "op", "link", "bytes sent");
  for (const auto &[key, bytes] : sums) {
    const auto &[layer, op, link] = key;
    std::printf("%-6s %-12s %-6s %14lld\n", layer < 0 ? "-" : std::to_string(layer).c_str(),
                op.c_str(), link.c_str(), static_cast<long long>(bytes));
  }
  // Of all ranks together. Collectives count the waiting for other ranks.
  std::printf("%-20s %10s %12s\n", "call", "count", "ms");
  for (const auto &[name, count] : stats.at("calls").items())
    std::printf("%-20s %10lld %12.3f\n", name.c_str(), static_cast<long long>(count.get<int64_t>()),
                stats.at("call_ns").value(name, 0.0) / 1e6);
  printCollectives(stats, plan, forced);
}
