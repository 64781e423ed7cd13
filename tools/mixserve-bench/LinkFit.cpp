//===- LinkFit.cpp --------------------------------------------------------===//
#include "tools/mixserve-bench/LinkFit.h"

#include <algorithm>

using namespace mixserve::tools;

namespace {

/// Seconds per byte between two sizes, and how much that counts.
struct Slope {
  double secondsPerByte, weight;
  bool operator<(const Slope &other) const { return secondsPerByte < other.secondsPerByte; }
};

double weightedMedian(std::vector<Slope> slopes) {
  std::sort(slopes.begin(), slopes.end());
  double half = 0, below = 0;
  for (const Slope &slope : slopes)
    half += slope.weight / 2;
  for (const Slope &slope : slopes)
    if ((below += slope.weight) >= half)
      return slope.secondsPerByte;
  return slopes.back().secondsPerByte;
}

} // namespace

LinkFit mixserve::tools::fitLink(const std::vector<std::pair<double, double>> &points) {
  if (points.empty())
    return {};
  std::vector<std::pair<double, double>> sorted(points);
  std::sort(sorted.begin(), sorted.end());
  std::vector<Slope> slopes;
  for (size_t i = 0; i < sorted.size(); ++i)
    for (size_t j = i + 1; j < sorted.size(); ++j) {
      const double bytes = sorted[j].first - sorted[i].first;
      const double seconds = sorted[j].second - sorted[i].second;
      if (sorted[i].first <= sorted[j].first / 2 && seconds > 0)
        slopes.push_back({seconds / bytes, bytes});
    }
  const auto &[most, longest] = sorted.back();
  if (slopes.empty())
    return {0, most / longest};
  const double slope = weightedMedian(std::move(slopes));
  const auto &[least, shortest] = sorted.front();
  return {std::max(0.0, shortest - slope * least), 1 / slope};
}
