//===- LinkFit.cpp --------------------------------------------------------===//
#include "tools/mixserve-bench/LinkFit.h"

#include <algorithm>
#include <cmath>

using namespace mixserve::tools;

/// A line that misses the time of the largest size by more than this part of it is not the link's.
static constexpr double kMissedAtLargest = 0.25;

LinkFit mixserve::tools::fitLink(const std::vector<std::pair<double, double>> &points) {
  double w = 0, b = 0, bb = 0, t = 0, bt = 0; // sums, each point weighted with 1 / t^2
  for (const auto &[bytes, seconds] : points) {
    const double weight = 1 / (seconds * seconds);
    w += weight;
    b += weight * bytes;
    bb += weight * bytes * bytes;
    t += weight * seconds;
    bt += weight * bytes * seconds;
  }
  if (bb <= 0)
    return {};
  const double determinant = w * bb - b * b;
  double slope = bt / bb, latency = 0;
  if (determinant > 1e-9 * w * bb) {
    const double fitted = (w * bt - b * t) / determinant;
    if (const double start = (t - fitted * b) / w; fitted > 0 && start >= 0) {
      slope = fitted;
      latency = start;
    }
  }
  // A shaped link lets the first bytes of a message through at once: then no line holds for all
  // sizes, and the smallest would decide. What the large ones need is how the link is when it
  // counts.
  std::vector<std::pair<double, double>> sorted(points);
  std::sort(sorted.begin(), sorted.end());
  const auto &[most, longest] = sorted.back();
  if (std::abs(latency + slope * most - longest) > kMissedAtLargest * longest) {
    const auto before =
        std::find_if(sorted.rbegin(), sorted.rend(),
                     [most = most](const auto &point) { return point.first <= most / 2; });
    if (before != sorted.rend() && before->second < longest) {
      slope = (longest - before->second) / (most - before->first);
      latency = std::max(0.0, sorted.front().second - slope * sorted.front().first);
    }
  }
  return {latency, 1 / slope};
}
