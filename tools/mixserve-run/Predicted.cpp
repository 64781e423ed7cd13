//===- Predicted.cpp - Collectives: the plan's times beside the run's -------===//
#include "tools/mixserve-run/Predicted.h"

#include <algorithm>

using namespace mixserve::tools;
using nlohmann::json;

/// In the order of a layer.
static constexpr const char *kCalls[] = {"reduce_scatter", "all_gather", "all_reduce",
                                         "ag_dispatch",    "dispatch",   "combine",
                                         "rs_combine"};

/// Calls of the runtime that are one row.
static std::vector<std::string> membersOf(const std::string &call) {
  if (call == "all_gather")
    return {call, "all_gather_routed"};
  if (call == "rs_combine")
    return {call, "rs_combine_ag"};
  return {call};
}

static const json *largerStep(const json &predicted, double tokens) {
  for (const json &step : predicted)
    if (step.at("tokens").get<double>() >= tokens)
      return &step;
  return predicted.empty() ? nullptr : &predicted.back();
}

std::map<std::string, double> mixserve::tools::predictedStep(const json &plan, double tokens) {
  const json predicted = plan.value("predicted", json::array());
  const json *upper = largerStep(predicted, tokens);
  if (!upper)
    return {};
  std::map<std::string, double> times = upper->at("ns").get<std::map<std::string, double>>();
  if (upper == &predicted.front())
    return times;
  const json &lower = *(upper - 1);
  if (lower.at("method") != upper->at("method") || lower.at("chunks") != upper->at("chunks"))
    return times;
  const double from = lower.at("tokens"), to = upper->at("tokens");
  const double part = std::clamp((tokens - from) / (to - from), 0.0, 1.0);
  for (auto &[name, ns] : times)
    ns = part * ns + (1 - part) * lower.at("ns").value(name, 0.0);
  return times;
}

/// Which call of the method's compiled step does what the plan calls `name`.
static std::string callOf(const json &plan, const std::string &method, const std::string &name) {
  for (const json &variant : plan.value("variants", json::array())) {
    if (variant.at("method") != method)
      continue;
    for (const json &collective : variant.at("collectives"))
      if (collective.value("site", "") == name || collective.at("op") == name)
        return collective.at("op");
  }
  // An all_reduce does a layer's reduce_scatter and all_gather under one of their names.
  return name.substr(0, 5) == "attn_" ? "all_reduce" : name;
}

std::vector<CollectiveRow> mixserve::tools::compareCollectives(const json &plan,
                                                               const json &stats) {
  std::map<std::string, double> predicted;
  for (const json &size : stats.at("step_sizes")) {
    const double steps = size.at("steps"), tokens = size.at("tokens").get<double>() / steps;
    const json *step = nullptr;
    if (plan.contains("predicted"))
      step = largerStep(plan.at("predicted"), tokens);
    for (const auto &[name, ns] : predictedStep(plan, tokens))
      predicted[callOf(plan, step->at("method"), name)] += steps * ns;
  }
  std::vector<CollectiveRow> rows;
  for (const char *call : kCalls) {
    CollectiveRow row;
    row.call = call;
    row.predictedNs = predicted.count(call) ? predicted.at(call) : 0;
    const std::vector<std::string> members = membersOf(call);
    const auto sum = [&](const json &rank) {
      uint64_t all = 0;
      for (const std::string &member : members)
        all += rank.value(member, uint64_t(0));
      return all;
    };
    for (const json &rank : stats.at("rank_calls"))
      row.calls = std::max(row.calls, sum(rank));
    bool first = true;
    for (const json &rank : stats.at("rank_call_ns")) {
      const double ns = static_cast<double>(sum(rank));
      row.measuredNs = first ? ns : std::min(row.measuredNs, ns);
      first = false;
    }
    if (row.calls > 0 || row.predictedNs > 0)
      rows.push_back(row);
  }
  return rows;
}
