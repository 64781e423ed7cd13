//===- Calibration.h - Measured constants in place of nominal ones -*- C++ -*-===//
//
// `mixserve-bench calibrate` measures two things and writes them into a cluster file:
//   links   alpha and bandwidth of each class, which replace those of `levels`;
//   layers  times of one MoE layer's communication, from attention's partial sums to the next
//           attention's input, by method, chunks and size.
// What links do not explain (copies, wake-ups, what a processor does besides) shows in the layers.
// For each method two constants are fitted to them, with the least relative squares: its stages
// take
//   t(S) = latency * alpha + factor * S / B
// in place of alpha + S / B. A method without layers keeps the formula.
// Worked: hybrid's formula on one size is 8 alphas of 50 us and 1.6 ms of bytes; measured as 2.4 ms
// there and as 32.8 ms at 20 times the bytes: latency 2, factor 1.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_PLAN_CALIBRATION_H
#define MIXSERVE_PLAN_CALIBRATION_H

#include "mixserve/Plan/Mesh.h"

#include <map>
#include <string>
#include <vector>

namespace mixserve::planner {

struct Cluster;
struct LinkSpec;

/// A measured layer.
struct LayerSample {
  Method method = Method::Hybrid;
  Layout layout;
  int64_t chunks = 1;
  int64_t tokens = 0; ///< of all nodes together
  int64_t hidden = 0, experts = 0, topK = 0;
  double zipf = 0; ///< 0: uniform
  double ns = 0;
};

/// On a method's links: latency * alpha, bandwidth / factor.
struct MethodScale {
  double latency = 1, factor = 1;
};

struct Calibration {
  std::string date, version, engine; ///< texts of the file
  std::vector<LayerSample> layers;
};

/// How well layers are predicted, each fifth of them from the others.
struct CalibrationError {
  int64_t layers = 0;
  double meanError = 0; ///< of |predicted - measured| / measured
  /// Of all sizes at which several methods were measured: how much slower the method that would be
  /// picked is than the fastest; mean and largest. 0: it is the fastest.
  int64_t choices = 0;
  double meanRegret = 0, worstRegret = 0;
};

LinkSpec scaled(const LinkSpec &link, const MethodScale &scale);

/// What the formulas over `cluster`'s links say for `sample`, without a scale [ns].
double formulaTime(const Cluster &cluster, const LayerSample &sample);

/// The scales of all methods that `layers` hold.
std::map<Method, MethodScale> fitScales(const Cluster &cluster,
                                        const std::vector<LayerSample> &layers);

CalibrationError calibrationError(const Cluster &cluster);

} // namespace mixserve::planner

#endif // MIXSERVE_PLAN_CALIBRATION_H
