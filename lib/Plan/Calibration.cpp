//===- Calibration.cpp - Measured constants in place of nominal ones ------===//
#include "mixserve/Plan/Calibration.h"

#include "mixserve/Plan/CollectiveCost.h"

#include <algorithm>
#include <array>
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
  model.wire = sample.wire;
  const RoutingLoad load = sample.zipf > 0
                               ? RoutingLoad::zipf(sample.experts, sample.topK, sample.zipf)
                               : RoutingLoad::uniform(sample.experts, sample.topK);
  return {sample, expectedBytes(mesh, sample.layout, sample.method, model,
                                evenRows(mesh, sample.layout, sample.tokens, sample.tokens), load)
                      .layer};
}

std::vector<Layer> layersOf(const Mesh &mesh, const std::vector<LayerSample> &samples) {
  std::vector<Layer> layers;
  for (const LayerSample &sample : samples)
    layers.push_back(layerOf(mesh, sample));
  return layers;
}

/// Links alone, with `fits`.
Cluster linksOf(const Cluster &cluster, WireFits fits) {
  Cluster links;
  links.mesh = cluster.mesh;
  links.intra = cluster.intra;
  links.inter = cluster.inter;
  links.fits = std::move(fits);
  return links;
}

double timeOf(const Cluster &cluster, const Layer &layer) {
  const LayerSample &sample = layer.sample;
  return layerCommTime(cluster, sample.layout, sample.method, sample.chunks,
                       static_cast<double>(sample.tokens), layer.bytes, sample.wire)
      .total();
}

/// The constants as the search sees them: positive numbers, each with bounds.
constexpr size_t kConstants = 5;
using Constants = std::array<double, kConstants>;
constexpr Constants kLeast = {1, 1, 1, 1, 1 / 64.0}, kMost = {1e12, 1e12, 1e12, 1e12, 64};
enum Constant { Start, Chunk, Row, Step, Factor };

MethodFit fitOf(const Constants &c) { return {c[Start], c[Chunk], c[Row], c[Step], c[Factor]}; }

/// Finds the constants of one method.
class Fit {
public:
  Fit(const Cluster &cluster, const std::vector<const Layer *> &layers)
      : links(linksOf(cluster, {})), layers(layers) {}

  /// The times are piecewise (which stage hides which changes), so no formula gives the best
  /// constants: a search on their logarithms, by ever smaller steps.
  MethodFit run() {
    Constants best = begin();
    double least = squares(best);
    for (double step = 4; step > 1.01;) {
      Constants next = best;
      for (size_t i = 0; i < kConstants; ++i)
        for (const double by : {1 / step, step}) {
          Constants tried = best;
          tried[i] = std::clamp(tried[i] * by, kLeast[i], kMost[i]);
          if (const double sum = squares(tried); sum < least) {
            least = sum;
            next = tried;
          }
        }
      if (next == best)
        step = std::sqrt(step);
      best = next;
    }
    MethodFit fit = fitOf(best);
    fit.residuals = residualsOf(best);
    return fit;
  }

private:
  /// Half of the fastest layer is there without any row.
  Constants begin() const {
    double fastest = layers.front()->sample.ns, rows = 1;
    for (const Layer *layer : layers) {
      fastest = std::min(fastest, layer->sample.ns);
      rows = std::max(rows, static_cast<double>(layer->sample.tokens));
    }
    Constants c = {fastest / 2, fastest / 20, fastest / 20 / rows, fastest / 200, 1};
    for (size_t i = 0; i < kConstants; ++i)
      c[i] = std::clamp(c[i], kLeast[i], kMost[i]);
    return c;
  }

  void use(const Constants &constants) {
    const LayerSample &sample = layers.front()->sample;
    links.fits[sample.wire].common[sample.method] = fitOf(constants);
  }

  /// Sum of ((predicted - measured) / measured)^2.
  double squares(const Constants &constants) {
    use(constants);
    double sum = 0;
    for (const Layer *layer : layers) {
      const double error = timeOf(links, *layer) / layer->sample.ns - 1;
      sum += error * error;
    }
    return sum;
  }

  Residuals residualsOf(const Constants &constants) {
    use(constants);
    Residuals residuals;
    for (const Layer *layer : layers) {
      const LayerSample &sample = layer->sample;
      const double predicted = timeOf(links, *layer);
      residuals[sample.chunks].push_back(
          {predicted, sample.ns / predicted, static_cast<double>(sample.tokens)});
    }
    for (auto &[chunks, ofChunks] : residuals)
      ofChunks = merged(std::move(ofChunks));
    return residuals;
  }

  Cluster links;
  const std::vector<const Layer *> &layers;
};

/// Of layers of one wire type.
MethodFits fitOneWire(const Cluster &cluster, const std::vector<const Layer *> &layers) {
  /// Fewer layers than constants say nothing about a layout of its own.
  constexpr size_t kFewest = 4;
  std::map<Method, std::vector<const Layer *>> ofMethod;
  std::map<std::tuple<Method, int64_t, int64_t>, std::vector<const Layer *>> ofLayout;
  for (const Layer *layer : layers) {
    const LayerSample &sample = layer->sample;
    ofMethod[sample.method].push_back(layer);
    ofLayout[{sample.method, sample.layout.attnTp, sample.layout.moeTp}].push_back(layer);
  }
  MethodFits fits;
  for (const auto &[method, some] : ofMethod)
    fits.common[method] = Fit(cluster, some).run();
  for (const auto &[key, some] : ofLayout) {
    const Method method = std::get<0>(key);
    if (some.size() == ofMethod[method].size())
      continue;
    fits.common[method].residuals.clear(); // what one layout leaves says nothing about another
    if (some.size() >= kFewest)
      fits.ofLayout[key] = Fit(cluster, some).run();
  }
  return fits;
}

WireFits fitAll(const Cluster &cluster, const std::vector<const Layer *> &layers) {
  std::map<WireType, std::vector<const Layer *>> ofWire;
  for (const Layer *layer : layers)
    ofWire[layer->sample.wire].push_back(layer);
  WireFits fits;
  for (const auto &[wire, some] : ofWire)
    fits[wire] = fitOneWire(cluster, some);
  return fits;
}

std::vector<LayerPrediction> heldOut(const Cluster &cluster,
                                     const std::vector<LayerSample> &samples) {
  constexpr size_t kFolds = 5;
  const std::vector<Layer> layers = layersOf(cluster.mesh, samples);
  // A fold takes every fifth layer of a method, another one in each round of five: `calibrate`
  // measures chunks and layouts in the same order at every size, and a fold is not to hold all of
  // one.
  std::map<std::pair<WireType, Method>, size_t> seen;
  std::vector<size_t> folds;
  for (const Layer &layer : layers) {
    const size_t index = seen[{layer.sample.wire, layer.sample.method}]++;
    folds.push_back((index + index / kFolds) % kFolds);
  }
  std::vector<LayerPrediction> predictions(layers.size());
  for (size_t fold = 0; fold < kFolds; ++fold) {
    std::vector<const Layer *> others;
    for (size_t i = 0; i < layers.size(); ++i)
      if (folds[i] != fold)
        others.push_back(&layers[i]);
    const Cluster links = linksOf(cluster, fitAll(cluster, others));
    for (size_t i = 0; i < layers.size(); ++i)
      if (folds[i] == fold)
        predictions[i] = {layers[i].sample, timeOf(links, layers[i])};
  }
  return predictions;
}

template <class Which>
std::vector<LayerChoice> choicesWhere(const std::vector<LayerPrediction> &predictions,
                                      Which isMeant) {
  using Size = std::tuple<int64_t, int64_t, int64_t, int64_t, double, WireType>;
  std::map<Size, std::vector<const LayerPrediction *>> sizes;
  for (const LayerPrediction &way : predictions) {
    const LayerSample &layer = way.layer;
    if (isMeant(layer))
      sizes[{layer.tokens, layer.hidden, layer.experts, layer.topK, layer.zipf, layer.wire}]
          .push_back(&way);
  }
  std::vector<LayerChoice> choices;
  for (const auto &[size, ways] : sizes) {
    if (ways.size() < 2)
      continue;
    const auto least = [&ways = ways](auto timeOfWay) {
      return **std::min_element(ways.begin(), ways.end(), [&](const auto *a, const auto *b) {
        return timeOfWay(*a) < timeOfWay(*b);
      });
    };
    choices.push_back({std::get<0>(size), std::get<4>(size),
                       least([](const LayerPrediction &way) { return way.predictedNs; }),
                       least([](const LayerPrediction &way) { return way.layer.ns; })});
  }
  return choices;
}

} // namespace

LinkSpec fittedLink(const LinkSpec &link, const MethodFit &fit) {
  LinkSpec result = link;
  result.latencyNs = fit.stepNs;
  result.bytesPerNs /= fit.factor;
  result.smallBytesPerNs /= fit.factor;
  return result;
}

double processorTime(const MethodFit &fit, int64_t chunks, double tokens) {
  return fit.startNs + fit.chunkNs * static_cast<double>(chunks - 1) + fit.rowNs * tokens;
}

double overlapped(double linksNs, double processorsNs) {
  return std::cbrt(linksNs * linksNs * linksNs + processorsNs * processorsNs * processorsNs);
}

const std::string &Calibration::dateOf(WireType wire) const {
  const auto first = std::find_if(layers.begin(), layers.end(),
                                  [&](const LayerSample &layer) { return layer.wire == wire; });
  return first == layers.end() || first->date.empty() ? date : first->date;
}

const MethodFit *MethodFits::find(Method method, const Layout &layout) const {
  if (const auto own = ofLayout.find({method, layout.attnTp, layout.moeTp}); own != ofLayout.end())
    return &own->second;
  const auto shared = common.find(method);
  return shared == common.end() ? nullptr : &shared->second;
}

const MethodFits &fitsOf(const WireFits &fits, WireType wire) {
  static const MethodFits none;
  const auto own = fits.find(wire);
  return own == fits.end() ? none : own->second;
}

WireFits fitMethods(const Cluster &cluster, const std::vector<LayerSample> &samples) {
  const std::vector<Layer> layers = layersOf(cluster.mesh, samples);
  std::vector<const Layer *> all;
  for (const Layer &layer : layers)
    all.push_back(&layer);
  return fitAll(cluster, all);
}

std::vector<LayerPrediction> predictLayers(const Cluster &cluster,
                                           const std::vector<LayerSample> &layers) {
  std::vector<LayerPrediction> predictions;
  for (const LayerSample &layer : layers)
    predictions.push_back({layer, timeOf(cluster, layerOf(cluster.mesh, layer))});
  return predictions;
}

std::vector<LayerPrediction> predictHeldOut(const Cluster &cluster) {
  return heldOut(cluster, cluster.calibration.layers);
}

std::vector<LayerPrediction> predictHeldOut(const Cluster &cluster, WireType wire) {
  std::vector<LayerSample> layers;
  for (const LayerSample &layer : cluster.calibration.layers)
    if (layer.wire == wire)
      layers.push_back(layer);
  return heldOut(cluster, layers);
}

std::set<int64_t> sizesOf(const Calibration &calibration) {
  std::set<int64_t> sizes;
  for (const LayerSample &layer : calibration.layers)
    sizes.insert(layer.tokens);
  return sizes;
}

std::vector<LayerPrediction> predictSizes(const Cluster &cluster, const std::set<int64_t> &sizes) {
  std::vector<LayerSample> apart, others;
  for (const LayerSample &layer : cluster.calibration.layers)
    (sizes.count(layer.tokens) > 0 ? apart : others).push_back(layer);
  if (others.empty())
    return {};
  return predictLayers(linksOf(cluster, fitMethods(cluster, others)), apart);
}

double LayerChoice::regretError() const {
  const double a = picked.layer.error, b = fastest.layer.error;
  return a > 0 && b > 0 && regret() > 0 ? (1 + regret()) * std::hypot(a, b) : 0;
}

std::vector<LayerChoice> choicesOf(const std::vector<LayerPrediction> &predictions) {
  return choicesWhere(predictions, [](const LayerSample &) { return true; });
}

std::vector<LayerChoice> choicesOf(const std::vector<LayerPrediction> &predictions, Method method,
                                   const Layout &layout) {
  return choicesWhere(predictions, [&](const LayerSample &layer) {
    return layer.method == method && layer.layout == layout;
  });
}

CalibrationError errorOf(const std::vector<LayerPrediction> &predictions) {
  CalibrationError error;
  error.layers = static_cast<int64_t>(predictions.size());
  for (const LayerPrediction &way : predictions) {
    const double off = std::abs(way.predictedNs / way.layer.ns - 1);
    error.meanError += off / static_cast<double>(error.layers);
    error.worstError = std::max(error.worstError, off);
  }
  const std::vector<LayerChoice> choices = choicesOf(predictions);
  error.choices = static_cast<int64_t>(choices.size());
  for (const LayerChoice &choice : choices) {
    error.meanRegret += choice.regret() / static_cast<double>(error.choices);
    error.worstRegret = std::max(error.worstRegret, choice.regret());
  }
  return error;
}

} // namespace mixserve::planner
