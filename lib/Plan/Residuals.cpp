//===- Residuals.cpp - What a method's constants leave --------------------===//
#include "mixserve/Plan/Residuals.h"

#include <algorithm>
#include <cmath>

namespace mixserve::planner {
namespace {

/// The layers of the nearest chunk count.
const std::vector<Residual> &nearest(const Residuals &residuals, int64_t chunks) {
  const auto distance = [&](int64_t measured) {
    return std::abs(std::log(static_cast<double>(measured) / static_cast<double>(chunks)));
  };
  return std::min_element(
             residuals.begin(), residuals.end(),
             [&](const auto &a, const auto &b) { return distance(a.first) < distance(b.first); })
      ->second;
}

double ratioAt(const std::vector<Residual> &known, double predictedNs) {
  const auto above = std::find_if(known.begin(), known.end(), [&](const Residual &residual) {
    return residual.predictedNs >= predictedNs;
  });
  if (above == known.begin())
    return known.front().ratio;
  if (above == known.end())
    return known.back().ratio;
  const Residual &low = *std::prev(above), &high = *above;
  const double part =
      std::log(predictedNs / low.predictedNs) / std::log(high.predictedNs / low.predictedNs);
  return low.ratio * std::pow(high.ratio / low.ratio, part);
}

} // namespace

std::vector<Residual> merged(std::vector<Residual> layers) {
  std::sort(layers.begin(), layers.end(),
            [](const Residual &a, const Residual &b) { return a.predictedNs < b.predictedNs; });
  std::vector<Residual> result;
  for (auto at = layers.begin(); at != layers.end();) {
    Residual mean = *at;
    double logs = 0, count = 0;
    for (; at != layers.end() && at->predictedNs <= mean.predictedNs; ++at, ++count)
      logs += std::log(at->ratio);
    mean.ratio = std::exp(logs / count);
    result.push_back(mean);
  }
  return result;
}

double residualAt(const Residuals &residuals, int64_t chunks, double predictedNs) {
  return residuals.empty() ? 1 : ratioAt(nearest(residuals, chunks), predictedNs);
}

double correctedTime(const Residuals &residuals, int64_t chunks, double tokens,
                     double predictedNs) {
  if (residuals.empty())
    return predictedNs;
  const std::vector<Residual> &known = nearest(residuals, chunks);
  const Residual &smallest = known.front();
  const double ns = predictedNs * ratioAt(known, predictedNs);
  if (predictedNs >= smallest.predictedNs || tokens >= smallest.tokens)
    return ns;
  constexpr double kExponent = 0.4;
  return std::max(ns, smallest.predictedNs * smallest.ratio *
                          std::pow(tokens / smallest.tokens, kExponent));
}

} // namespace mixserve::planner
