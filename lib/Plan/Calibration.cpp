//===- Calibration.cpp - Measured constants in place of nominal ones ------===//
#include "mixserve/Plan/Calibration.h"

#include "mixserve/Plan/CollectiveCost.h"

#include <algorithm>
#include <cmath>
#include <tuple>

namespace mixserve::planner {

namespace {

/// A measured layer and the bytes that it moves, which do not depend on the links.
struct Layer {
  const LayerSample &sample;
  ByteTable<double> bytes;
};

Layer layerOf(const Mesh &mesh, const LayerSample &sample) {
  ModelShape model;
  model.hidden = sample.hidden;
  model.experts = sample.experts;
  model.topK = sample.topK;
  const RoutingLoad load = sample.zipf > 0
                               ? RoutingLoad::zipf(sample.experts, sample.topK, sample.zipf)
                               : RoutingLoad::uniform(sample.experts, sample.topK);
  return {sample, expectedBytes(mesh, sample.layout, sample.method, model,
                                evenRows(sample.layout, sample.tokens, sample.tokens), load)
                      .layer};
}

/// Links alone, scaled.
Cluster linksOf(const Cluster &cluster, const MethodScale &scale) {
  Cluster links;
  links.mesh = cluster.mesh;
  links.intra = scaled(cluster.intra, scale);
  links.inter = scaled(cluster.inter, scale);
  return links;
}

double timeOf(const Cluster &links, const Layer &layer) {
  return layerCommTime(links, layer.sample.layout, layer.sample.method, layer.sample.chunks,
                       layer.bytes)
      .total();
}

/// Sum of ((predicted - measured) / measured)^2.
double squares(const Cluster &cluster, const MethodScale &scale,
               const std::vector<const Layer *> &layers) {
  const Cluster links = linksOf(cluster, scale);
  double sum = 0;
  for (const Layer *layer : layers) {
    const double error = timeOf(links, *layer) / layer->sample.ns - 1;
    sum += error * error;
  }
  return sum;
}

/// The times are piecewise linear in both constants (which stage hides which changes), so no
/// formula gives the best ones: a search on their logarithms, by ever smaller steps.
MethodScale fit(const Cluster &cluster, const std::vector<const Layer *> &layers) {
  constexpr double kMost = 64;
  MethodScale best;
  double least = squares(cluster, best, layers);
  for (double step = 4; step > 1.002;) {
    MethodScale next = best;
    for (const double latency : {1 / step, 1.0, step})
      for (const double factor : {1 / step, 1.0, step}) {
        const MethodScale tried{std::clamp(best.latency * latency, 1 / kMost, kMost),
                                std::clamp(best.factor * factor, 1 / kMost, kMost)};
        if (const double sum = squares(cluster, tried, layers); sum < least) {
          least = sum;
          next = tried;
        }
      }
    if (next.latency == best.latency && next.factor == best.factor)
      step = std::sqrt(step);
    best = next;
  }
  return best;
}

std::vector<Layer> layersOf(const Mesh &mesh, const std::vector<LayerSample> &samples) {
  std::vector<Layer> layers;
  for (const LayerSample &sample : samples)
    layers.push_back(layerOf(mesh, sample));
  return layers;
}

} // namespace

LinkSpec scaled(const LinkSpec &link, const MethodScale &scale) {
  LinkSpec result = link;
  result.latencyNs *= scale.latency;
  result.bytesPerNs /= scale.factor;
  result.smallBytesPerNs /= scale.factor;
  return result;
}

double formulaTime(const Cluster &cluster, const LayerSample &sample) {
  return timeOf(linksOf(cluster, {}), layerOf(cluster.mesh, sample));
}

std::map<Method, MethodScale> fitScales(const Cluster &cluster,
                                        const std::vector<LayerSample> &samples) {
  const std::vector<Layer> layers = layersOf(cluster.mesh, samples);
  std::map<Method, std::vector<const Layer *>> byMethod;
  for (const Layer &layer : layers)
    byMethod[layer.sample.method].push_back(&layer);
  std::map<Method, MethodScale> scales;
  for (const auto &[method, ofMethod] : byMethod)
    scales[method] = fit(cluster, ofMethod);
  return scales;
}

CalibrationError calibrationError(const Cluster &cluster) {
  const std::vector<Layer> layers = layersOf(cluster.mesh, cluster.calibration.layers);
  CalibrationError error;
  error.layers = static_cast<int64_t>(layers.size());
  // Scales of each (method, fold) from the layers of the other folds.
  constexpr size_t kFolds = 5;
  std::map<std::pair<Method, size_t>, MethodScale> scales;
  const auto scaleOf = [&](size_t index) {
    const Method method = layers[index].sample.method;
    const auto [entry, isNew] = scales.try_emplace({method, index % kFolds});
    if (isNew) {
      std::vector<const Layer *> others;
      for (size_t j = 0; j < layers.size(); ++j)
        if (layers[j].sample.method == method && j % kFolds != index % kFolds)
          others.push_back(&layers[j]);
      entry->second = fit(cluster, others);
    }
    return entry->second;
  };

  struct Choice {
    double predicted = 0, measured = 0, fastest = 0;
    int64_t candidates = 0;
  };
  std::map<std::tuple<int64_t, int64_t, int64_t, int64_t, double>, Choice> sizes;
  for (size_t i = 0; i < layers.size(); ++i) {
    const LayerSample &sample = layers[i].sample;
    const double predicted = timeOf(linksOf(cluster, scaleOf(i)), layers[i]);
    error.meanError +=
        std::abs(predicted - sample.ns) / sample.ns / static_cast<double>(layers.size());
    Choice &choice =
        sizes[{sample.tokens, sample.hidden, sample.experts, sample.topK, sample.zipf}];
    if (choice.candidates == 0 || predicted < choice.predicted) {
      choice.predicted = predicted;
      choice.measured = sample.ns;
    }
    choice.fastest = choice.candidates == 0 ? sample.ns : std::min(choice.fastest, sample.ns);
    ++choice.candidates;
  }
  for (const auto &[size, choice] : sizes) {
    if (choice.candidates < 2)
      continue;
    const double regret = choice.measured / choice.fastest - 1;
    ++error.choices;
    error.meanRegret += regret;
    error.worstRegret = std::max(error.worstRegret, regret);
  }
  if (error.choices > 0)
    error.meanRegret /= static_cast<double>(error.choices);
  return error;
}

} // namespace mixserve::planner
