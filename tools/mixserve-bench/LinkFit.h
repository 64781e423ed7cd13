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
/// Over (bytes, seconds): bytesPerSecond is the median rate between two sizes, each pair counted by
/// the bytes between them, so that neither one disturbed measurement nor what a shaped link lets
/// through at once decides; pairs less than a factor of two apart say nothing. Latency is what the
/// smallest took beyond that, at least 0. With a single size all time is bandwidth. bytesPerSecond
/// is 0 if nothing was measured.
LinkFit fitLink(const std::vector<std::pair<double, double>> &points);

} // namespace mixserve::tools

#endif // MIXSERVE_TOOLS_BENCH_LINKFIT_H
