//===- LinkFit.h - Latency and bandwidth out of measured times ----*- C++ -*-===//
#ifndef MIXSERVE_TOOLS_BENCH_LINKFIT_H
#define MIXSERVE_TOOLS_BENCH_LINKFIT_H

#include <utility>
#include <vector>

namespace mixserve::tools {

/// t = latency + bytes / bytesPerSecond.
struct LinkFit {
  double latencySeconds = 0, bytesPerSecond = 0;
};
/// Least squares of the relative error over (bytes, seconds). Where that line misses the largest
/// size by a quarter: bytesPerSecond from the largest and one of at most half of it, latency from the
/// smallest. Latency is at least 0; without two sizes it is 0. bytesPerSecond is 0 if nothing was
/// measured.
LinkFit fitLink(const std::vector<std::pair<double, double>> &points);

} // namespace mixserve::tools

#endif // MIXSERVE_TOOLS_BENCH_LINKFIT_H
