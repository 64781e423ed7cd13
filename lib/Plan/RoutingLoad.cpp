//===- RoutingLoad.cpp - How rows spread over experts ---------------------===//
#include "mixserve/Plan/RoutingLoad.h"

#include "mixserve/Plan/RoutingTrace.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstdio>
#include <numeric>

namespace mixserve::planner {
namespace {

/// e_0 .. e_k of the popularities outside `left`: e_j(A + x) = e_j(A) + w_x e_{j-1}(A).
std::vector<double> symmetricSums(const std::vector<double> &popularity, int64_t k,
                                  ExpertRange left) {
  std::vector<double> sums(k + 1);
  sums[0] = 1;
  for (int64_t x = 0; x < int64_t(popularity.size()); ++x) {
    if (x >= left.first && x < left.last)
      continue;
    for (int64_t j = k; j >= 1; --j)
      sums[j] += popularity[x] * sums[j - 1];
  }
  return sums;
}

std::string withNumber(const char *format, double value) {
  char text[48];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

} // namespace

RoutingLoad::RoutingLoad(std::vector<double> weights, int64_t topK, std::string text)
    : topK(topK), popularity(std::move(weights)), text(std::move(text)) {
  if (popularity.empty())
    return;
  // Mean 1 keeps the sums near binomial coefficients, far from overflow.
  const double mean =
      std::accumulate(popularity.begin(), popularity.end(), 0.0) / popularity.size();
  for (double &w : popularity)
    w /= mean;
  const double all = symmetricSums(popularity, topK, {}).back();
  for (int64_t x = 0; x < int64_t(popularity.size()); ++x)
    pickProbability.push_back(1 - symmetricSums(popularity, topK, {x, x + 1}).back() / all);
}

RoutingLoad RoutingLoad::uniform(int64_t experts, int64_t topK) {
  assert(topK >= 1 && topK <= experts);
  return RoutingLoad(std::vector<double>(experts, 1.0), topK, "uniform");
}

RoutingLoad RoutingLoad::zipf(int64_t experts, int64_t topK, double s) {
  assert(topK >= 1 && topK <= experts && s >= 0);
  int64_t step = std::max<int64_t>(1, std::llround(0.618 * experts));
  while (std::gcd(step, experts) != 1)
    ++step;
  std::vector<double> popularity(experts);
  for (int64_t i = 0; i < experts; ++i)
    popularity[i * step % experts] = std::pow(i + 1, -s);
  return RoutingLoad(std::move(popularity), topK, withNumber("zipf s=%g", s));
}

RoutingLoad RoutingLoad::recorded(const RoutingTrace &trace) {
  RoutingLoad load({}, trace.topK, "recorded");
  load.pickProbability.resize(trace.experts);
  for (const TraceStep &step : trace.steps)
    for (const std::vector<int32_t> &layer : step.ids)
      for (size_t i = 0; i + trace.topK <= layer.size(); i += trace.topK) {
        load.rows.emplace_back(layer.begin() + i, layer.begin() + i + trace.topK);
        for (int32_t x : load.rows.back())
          load.pickProbability[x] += 1;
      }
  assert(!load.rows.empty());
  for (double &p : load.pickProbability)
    p /= load.rows.size();
  return load;
}

double RoutingLoad::hit(ExpertRange range) const {
  auto [entry, isNew] = known.try_emplace({range.first, range.last});
  if (isNew)
    entry->second = computeHit(range);
  return entry->second;
}

double RoutingLoad::computeHit(ExpertRange range) const {
  if (popularity.empty()) {
    const auto hits = std::count_if(rows.begin(), rows.end(), [&](const std::vector<int32_t> &ids) {
      return std::any_of(ids.begin(), ids.end(),
                         [&](int32_t x) { return x >= range.first && x < range.last; });
    });
    return double(hits) / rows.size();
  }
  return 1 -
         symmetricSums(popularity, topK, range).back() / symmetricSums(popularity, topK, {}).back();
}

double RoutingLoad::picks(ExpertRange range) const {
  return std::accumulate(pickProbability.begin() + range.first,
                         pickProbability.begin() + range.last, 0.0);
}

double RoutingLoad::active(ExpertRange range, double count) const {
  double sum = 0;
  for (int64_t x = range.first; x < range.last; ++x)
    sum += 1 - std::pow(1 - std::min(1.0, pickProbability[x]), count);
  return sum;
}

} // namespace mixserve::planner
