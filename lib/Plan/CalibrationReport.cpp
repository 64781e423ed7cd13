//===- CalibrationReport.cpp - Predicted layers beside measured ones ------===//
#include "mixserve/Plan/CalibrationReport.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include <cstdio>

namespace mixserve::planner {

using json = nlohmann::ordered_json;

namespace {

template <class... Values> std::string line(const char *format, Values... values) {
  char buffer[256];
  std::snprintf(buffer, sizeof buffer, format, values...);
  return buffer;
}

const char *words(PredictedBy by) {
  switch (by) {
  case PredictedBy::AnotherTime:
    return "measured at another time";
  case PredictedBy::OtherFifths:
    return "each fifth predicted from the others";
  case PredictedBy::OtherSizes:
    return "predicted from the other sizes";
  }
  return "";
}

std::string layoutText(const LayerSample &layer) {
  return line("attn_tp=%lld moe_tp=%lld", static_cast<long long>(layer.layout.attnTp),
              static_cast<long long>(layer.layout.moeTp));
}

/// "hybrid-fused 8, attn_tp=4 moe_tp=4"
std::string wayText(const LayerSample &layer) {
  std::string text = name(layer.method);
  if (layer.method == Method::HybridFused || layer.chunks > 1)
    text += " " + std::to_string(layer.chunks);
  if (layer.wire != WireType::F32)
    text += std::string(" ") + name(layer.wire);
  return text + ", " + layoutText(layer);
}

std::string errorText(double error) { return error > 0 ? line(" +- %.1f", 100 * error) : ""; }

std::string choicesText(const std::vector<LayerChoice> &choices) {
  std::string text;
  for (const LayerChoice &choice : choices)
    text += line("%8lld %6g  %-36s %10.3f  %-36s %10.3f %+7.1f %%%s\n",
                 static_cast<long long>(choice.tokens), choice.zipf,
                 wayText(choice.picked.layer).c_str(), choice.picked.layer.ns / 1e6,
                 wayText(choice.fastest.layer).c_str(), choice.fastest.layer.ns / 1e6,
                 100 * choice.regret(), errorText(choice.regretError()).c_str());
  return text;
}

json wayJson(const LayerPrediction &way) {
  const LayerSample &layer = way.layer;
  return {{"method", name(layer.method)},
          {"layout", {{"attn_tp", layer.layout.attnTp}, {"moe_tp", layer.layout.moeTp}}},
          {"chunks", layer.chunks},
          {"wire", name(layer.wire)},
          {"measured_ns", layer.ns},
          {"measured_error", layer.error},
          {"predicted_ns", way.predictedNs}};
}

json choicesJson(const std::vector<LayerChoice> &choices) {
  json list = json::array();
  for (const LayerChoice &choice : choices)
    list.push_back({{"tokens", choice.tokens},
                    {"zipf", choice.zipf},
                    {"picked", wayJson(choice.picked)},
                    {"fastest", wayJson(choice.fastest)},
                    {"regret", choice.regret()},
                    {"regret_error", choice.regretError()}});
  return list;
}

struct ChunkChoices {
  LayerSample way; ///< its method and layout
  std::vector<LayerChoice> choices;
};

/// Of each method that works in chunks, in each layout that it was measured in.
std::vector<ChunkChoices> choicesOfChunks(const std::vector<LayerPrediction> &predictions) {
  std::vector<ChunkChoices> all;
  for (const LayerPrediction &prediction : predictions) {
    const LayerSample &way = prediction.layer;
    const bool isKnown = std::any_of(all.begin(), all.end(), [&](const ChunkChoices &other) {
      return other.way.method == way.method && other.way.layout == way.layout;
    });
    if (!worksInChunks(way.method) || isKnown)
      continue;
    std::vector<LayerChoice> choices = choicesOf(predictions, way.method, way.layout);
    if (!choices.empty())
      all.push_back({way, std::move(choices)});
  }
  return all;
}

} // namespace

std::string predictionsAsText(const std::vector<LayerPrediction> &predictions, PredictedBy by) {
  std::string text = line("%8s %6s  %-36s %10s %10s %9s\n", "tokens", "zipf", "way", "measured",
                          "predicted", "off");
  for (const LayerPrediction &way : predictions)
    text +=
        line("%8lld %6g  %-36s %10.3f %10.3f %+7.1f %%\n", static_cast<long long>(way.layer.tokens),
             way.layer.zipf, wayText(way.layer).c_str(), way.layer.ns / 1e6, way.predictedNs / 1e6,
             100 * (way.predictedNs / way.layer.ns - 1));
  const std::string titles = line("%8s %6s  %-36s %10s  %-36s %10s %9s\n", "tokens", "zipf",
                                  "picked", "measured", "fastest", "measured", "slower");
  const std::vector<LayerChoice> choices = choicesOf(predictions);
  if (!choices.empty())
    text += "\nOf all ways:\n" + titles + choicesText(choices);
  for (const ChunkChoices &chunks : choicesOfChunks(predictions))
    text += "\nOf the chunk counts of " + std::string(name(chunks.way.method)) + ", " +
            layoutText(chunks.way) + ":\n" + titles + choicesText(chunks.choices);
  const CalibrationError error = errorOf(predictions);
  text += line("\n%lld layers [ms], %s: %.1f %% off on average, at most %.1f %%\n",
               static_cast<long long>(error.layers), words(by), 100 * error.meanError,
               100 * error.worstError);
  if (error.choices > 0)
    text += line("%lld sizes: the way picked is %.1f %% slower than the fastest on average, at "
                 "most %.1f %%\n",
                 static_cast<long long>(error.choices), 100 * error.meanRegret,
                 100 * error.worstRegret);
  return text;
}

std::string predictionsAsJson(const std::vector<LayerPrediction> &predictions, PredictedBy by) {
  const CalibrationError error = errorOf(predictions);
  json object;
  object["schema"] = "mixserve.calibration/v1";
  object["held_out"] = by != PredictedBy::AnotherTime;
  object["layers"] = error.layers;
  object["mean_error"] = error.meanError;
  object["worst_error"] = error.worstError;
  object["choices"] = error.choices;
  object["mean_regret"] = error.meanRegret;
  object["worst_regret"] = error.worstRegret;
  object["predictions"] = json::array();
  for (const LayerPrediction &way : predictions) {
    json entry = wayJson(way);
    entry["tokens"] = way.layer.tokens;
    entry["hidden"] = way.layer.hidden;
    entry["experts"] = way.layer.experts;
    entry["top_k"] = way.layer.topK;
    entry["zipf"] = way.layer.zipf;
    object["predictions"].push_back(std::move(entry));
  }
  object["picks"] = choicesJson(choicesOf(predictions));
  object["chunk_picks"] = json::array();
  for (const ChunkChoices &chunks : choicesOfChunks(predictions))
    for (json &choice : choicesJson(chunks.choices))
      object["chunk_picks"].push_back(std::move(choice));
  return object.dump(1) + "\n";
}

} // namespace mixserve::planner
