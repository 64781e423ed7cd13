//===- Report.cpp - What a run prints ---------------------------------------===//
#include "tools/mixserve-run/Report.h"

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

void mixserve::tools::printStats(const std::string &statsJson) {
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
}
