//===- PlanOptions.cpp - The planner's options as texts -------------------===//
#include "mixserve/Plan/PlanOptions.h"

#include "mixserve/Plan/RoutingTrace.h"

#include <charconv>
#include <cmath>

namespace mixserve::planner {
namespace {

bool isAuto(const std::string &text) { return text.empty() || text == "auto"; }

template <class Number> bool readAll(const std::string &text, Number &value) {
  const char *end = text.data() + text.size();
  auto [stop, code] = std::from_chars(text.data(), end, value);
  return code == std::errc() && stop == end;
}

std::string methodNames() {
  std::string names = "auto";
  for (Method method : kMethods)
    names += std::string(", ") + name(method);
  return names;
}

bool parseCount(const char *option, const std::string &text, std::optional<int64_t> &count,
                std::string &error) {
  if (isAuto(text))
    return true;
  int64_t value = 0;
  if (!readAll(text, value)) {
    error = std::string(option) + ": '" + text + "' is neither auto nor a whole number";
    return false;
  }
  count = value;
  return true;
}

bool parseOverrides(const PlanOptions &options, Overrides &overrides, std::string &error) {
  if (!isAuto(options.layout)) {
    overrides.layout = parseLayout(options.layout, error);
    if (!overrides.layout) {
      error = "layout: " + error;
      return false;
    }
  }
  if (!isAuto(options.moeComm)) {
    overrides.method = parseMethod(options.moeComm);
    if (!overrides.method) {
      error = "moe-comm: '" + options.moeComm + "' is not one of " + methodNames();
      return false;
    }
  }
  return parseCount("chunks", options.chunks, overrides.chunks, error) &&
         parseCount("micro-batches", options.microBatches, overrides.microBatches, error);
}

} // namespace

std::optional<ParsedPlanOptions> parsePlanOptions(const PlanOptions &options, std::string &error) {
  ParsedPlanOptions parsed;
  if (!options.workload.empty()) {
    const std::optional<Workload> workload = parseWorkload(options.workload, error);
    if (!workload)
      return std::nullopt;
    parsed.workload = *workload;
  }
  if (!parseOverrides(options, parsed.overrides, error))
    return std::nullopt;
  if (!isAuto(options.wire)) {
    parsed.wire = parseWireType(options.wire);
    if (!parsed.wire) {
      error = "wire: '" + options.wire + "' is not one of auto, f32, bf16";
      return std::nullopt;
    }
  }
  const std::pair<const char *, int64_t> limits[] = {{"max-batch-tokens", options.maxBatchTokens},
                                                     {"max-seqs", options.maxSeqs},
                                                     {"max-context", options.maxContext}};
  for (const auto &[key, value] : limits)
    if (value < 0 || value > (int64_t(1) << 31)) {
      error = std::string(key) + ": " + std::to_string(value) +
              " is not in 1..2147483648 (0: the default)";
      return std::nullopt;
    }
  parsed.limits = {options.maxBatchTokens, options.maxSeqs, options.maxContext};
  // What contradicts itself needs no model to be refused.
  error = whyContradictory(parsed.overrides);
  if (!error.empty() || !resolveLimits(parsed.limits, parsed.workload, error))
    return std::nullopt;
  return parsed;
}

std::optional<RoutingLoad> parseRoutingLoad(const std::string &text, int64_t experts, int64_t topK,
                                            std::string &error) {
  if (text.empty() || text == "uniform")
    return RoutingLoad::uniform(experts, topK);
  if (text.rfind("zipf=", 0) == 0) {
    double s = 0;
    if (readAll(text.substr(5), s) && std::isfinite(s) && s >= 0 && s <= 10)
      return RoutingLoad::zipf(experts, topK, s);
    error = "routing-load: '" + text + "': the exponent must be a number from 0 to 10";
    return std::nullopt;
  }
  const std::optional<RoutingTrace> trace = readRoutingTrace(text, error);
  if (!trace) {
    error = "routing-load (uniform, zipf=S or a routing trace): " + error;
    return std::nullopt;
  }
  if (trace->experts != experts || trace->topK != topK) {
    error = "routing-load: " + text + " is of " + std::to_string(trace->experts) +
            " experts with top_k " + std::to_string(trace->topK) + ", the model has " +
            std::to_string(experts) + " and " + std::to_string(topK);
    return std::nullopt;
  }
  for (const TraceStep &step : trace->steps)
    for (const std::vector<int32_t> &layer : step.ids)
      if (!layer.empty())
        return RoutingLoad::recorded(*trace);
  error = "routing-load: " + text + " holds no row";
  return std::nullopt;
}

} // namespace mixserve::planner
