//===- Residuals.cpp - What a method's constants leave --------------------===//
#include "mixserve/Plan/Residuals.h"

#include <algorithm>
#include <cmath>

namespace mixserve::planner {
namespace {

/// The nearest chunk count and its layers.
const Residuals::value_type &nearest(const Residuals &residuals, int64_t chunks) {
  const auto distance = [&](int64_t measured) {
    return std::abs(std::log(static_cast<double>(measured) / static_cast<double>(chunks)));
  };
  return *std::min_element(residuals.begin(), residuals.end(), [&](const auto &a, const auto &b) {
    return distance(a.first) < distance(b.first);
  });
}

/// What all counts of several chunks have in common where each was measured last: the geometric
/// mean. At least one count is above 1.
double commonRatio(const Residuals &residuals) {
  double logs = 0, counts = 0;
  for (const auto &[chunks, known] : residuals)
    if (chunks > 1) {
      logs += std::log(known.back().ratio);
      ++counts;
    }
  return std::exp(logs / counts);
}

/// Behind the last layer of `measured` chunks.
double ratioBehind(const Residuals &residuals, int64_t measured, const Residual &last,
                   double predictedNs) {
  constexpr double kReach = 2.2, kFading = 4;
  const double part = kReach * last.predictedNs / predictedNs;
  if (measured == 1 || part >= 1)
    return last.ratio;
  const double own = std::pow(part, kFading);
  const double ratio = std::pow(last.ratio, own) * std::pow(commonRatio(residuals), 1 - own);
  return std::max(ratio, last.ratio * part); // more rows never take less time
}

/// At or before the last layer.
double ratioAt(const std::vector<Residual> &known, double predictedNs) {
  const auto above = std::find_if(known.begin(), known.end(), [&](const Residual &residual) {
    return residual.predictedNs >= predictedNs;
  });
  if (above == known.begin())
    return known.front().ratio;
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
  if (residuals.empty())
    return 1;
  const auto &[measured, known] = nearest(residuals, chunks);
  return predictedNs <= known.back().predictedNs
             ? ratioAt(known, predictedNs)
             : ratioBehind(residuals, measured, known.back(), predictedNs);
}

double correctedTime(const Residuals &residuals, int64_t chunks, double tokens,
                     double predictedNs) {
  if (residuals.empty())
    return predictedNs;
  const Residual &smallest = nearest(residuals, chunks).second.front();
  const double ns = predictedNs * residualAt(residuals, chunks, predictedNs);
  if (predictedNs >= smallest.predictedNs || tokens >= smallest.tokens)
    return ns;
  constexpr double kExponent = 0.4;
  return std::max(ns, smallest.predictedNs * smallest.ratio *
                          std::pow(tokens / smallest.tokens, kExponent));
}

} // namespace mixserve::planner
