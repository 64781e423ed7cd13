//===- RoutingTrace.cpp - Recorded expert ids of a run --------------------===//
#include "mixserve/Plan/RoutingTrace.h"

#include "TextFile.h"

#include <nlohmann/json.hpp>

#include <stdexcept>

namespace mixserve::planner {
namespace {

using nlohmann::json;

struct TraceError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

int64_t number(const json &object, const char *key, int64_t least, int64_t most) {
  auto it = object.find(key);
  if (it == object.end() || !it->is_number_integer())
    throw TraceError(std::string("'") + key + "' must be a whole number");
  const int64_t value = it->get<int64_t>();
  if (value < least || value > most)
    throw TraceError(std::string("'") + key + "' = " + std::to_string(value) + " is not in " +
                     std::to_string(least) + ".." + std::to_string(most));
  return value;
}

const json &list(const json &object, const char *key) {
  auto it = object.find(key);
  if (it == object.end() || !it->is_array())
    throw TraceError(std::string("'") + key + "' must be a list");
  return *it;
}

constexpr int64_t kMany = int64_t(1) << 31;

std::vector<int32_t> readIds(const json &layer, int64_t expected, int64_t experts) {
  if (!layer.is_array() || int64_t(layer.size()) != expected)
    throw TraceError("expected T*K = " + std::to_string(expected) + " expert ids, got " +
                     std::to_string(layer.is_array() ? layer.size() : 0));
  std::vector<int32_t> ids;
  ids.reserve(layer.size());
  for (const json &id : layer) {
    if (!id.is_number_integer() || id.get<int64_t>() < 0 || id.get<int64_t>() >= experts)
      throw TraceError("expert id " + id.dump() + " is not in 0.." + std::to_string(experts - 1));
    ids.push_back(id.get<int32_t>());
  }
  return ids;
}

TraceStep readStep(const json &object, const RoutingTrace &trace) {
  if (!object.is_object())
    throw TraceError("must be an object");
  auto variant = object.find("variant");
  const std::string method =
      variant != object.end() && variant->is_string() ? variant->get<std::string>() : "";
  const std::optional<Method> parsed = parseMethod(method);
  if (!parsed)
    throw TraceError("'variant' = '" + method + "' is not a dispatch method");
  TraceStep step;
  step.method = *parsed;
  step.chunks = number(object, "chunks", 1, kMany);
  for (const json &sequence : list(object, "sequences")) {
    if (!sequence.is_object())
      throw TraceError("'sequences' must hold objects");
    TraceSequence read;
    read.group =
        number(sequence, "group", step.sequences.empty() ? 0 : step.sequences.back().group, kMany);
    read.tokens = number(sequence, "tokens", 1, kMany);
    read.asked = number(sequence, "asked", 0, read.tokens);
    step.sequences.push_back(read);
  }
  const json &ids = list(object, "ids");
  if (ids.size() != trace.moeLayers.size())
    throw TraceError("'ids' has " + std::to_string(ids.size()) + " layers, 'moe_layers' has " +
                     std::to_string(trace.moeLayers.size()));
  for (const json &layer : ids)
    step.ids.push_back(readIds(layer, step.tokens() * trace.topK, trace.experts));
  return step;
}

RoutingTrace readTrace(const json &object) {
  if (!object.is_object() || object.value("schema", json()) != "mixserve.routing/v1")
    throw TraceError("'schema' must be mixserve.routing/v1");
  RoutingTrace trace;
  trace.experts = number(object, "experts", 1, kMany);
  trace.topK = number(object, "top_k", 1, trace.experts);
  for (const json &layer : list(object, "moe_layers")) {
    if (!layer.is_number_integer() || layer.get<int64_t>() < 0)
      throw TraceError("'moe_layers' must hold layer numbers");
    trace.moeLayers.push_back(layer.get<int64_t>());
  }
  const json &steps = list(object, "steps");
  for (size_t i = 0; i < steps.size(); ++i) {
    try {
      trace.steps.push_back(readStep(steps[i], trace));
    } catch (const TraceError &failure) {
      throw TraceError("step " + std::to_string(i) + ": " + failure.what());
    }
  }
  return trace;
}

} // namespace

std::optional<RoutingTrace> parseRoutingTrace(const std::string &text, const std::string &path,
                                              std::string &error) {
  try {
    return readTrace(json::parse(text));
  } catch (const json::exception &failure) {
    error = path + ": not valid JSON: " + failure.what();
  } catch (const TraceError &failure) {
    error = path + ": " + failure.what() + "; was it written by mixserve-run --routing-out?";
  }
  return std::nullopt;
}

std::optional<RoutingTrace> readRoutingTrace(const std::string &path, std::string &error) {
  const std::optional<std::string> text = readTextFile(path, "routing trace", error);
  if (!text)
    return std::nullopt;
  return parseRoutingTrace(*text, path, error);
}

} // namespace mixserve::planner
