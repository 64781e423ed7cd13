//===- Calibration.h - Measured constants in place of nominal ones -*- C++ -*-===//
//
// `mixserve-bench calibrate` measures two things and writes them into a cluster file:
//   links   alpha and bandwidth of each class, which replace those of `levels`;
//   layers  times of one MoE layer's communication, from attention's partial sums to the next
//           attention's input, by method, chunks and size.
// Links do not explain a layer: ranks wake and wait, copy and route rows, and where ranks are more
// than processors, wait for one. Some of that happens while links are busy with other rows, so it
// is neither added to their time nor hidden by it: with
//   L = the method's time over its links, with t(S) = step + factor * S / B for a stage or chunk
//   W = start + chunk * (C - 1) + row * T    for C chunks and T tokens of all nodes
// a layer takes
//   (L^3 + W^3)^(1/3)                        about the larger one, 1.26 times either if alike.
// start, chunk, row, step and factor are fitted to each method's layers with the least relative
// squares; a method without layers keeps the formula. The exponent is a constant: on 2 x 4 emulated
// hosts, 1 to 1024 tokens, all methods, 1 misses by 11 %, 2 by 5 %, 3 to 6 by 3.5 %; a fitted
// latency and factor alone missed by 23 %.
//
// What the constants leave is kept, too: a layer that was measured is predicted as measured
// (Residuals.h).
//
// Worked: L = 4 ms, W = 3 ms -> 4.498 ms; L = 300 ms -> 300.0001 ms.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_PLAN_CALIBRATION_H
#define MIXSERVE_PLAN_CALIBRATION_H

#include "mixserve/Plan/Mesh.h"
#include "mixserve/Plan/Residuals.h"

#include <map>
#include <set>
#include <string>
#include <tuple>
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
  WireType wire = WireType::F32; ///< of rows between nodes
  double ns = 0;
  /// Standard error of `ns` beside those of the other ways at this size, a part of `ns`; 0: not
  /// known.
  double error = 0;
  std::string date{}; ///< if it is another than the calibration's
};

/// The constants above of one method.
struct MethodFit {
  double startNs = 0, chunkNs = 0, rowNs = 0; ///< of W
  double stepNs = 0, factor = 1;              ///< of L
  Residuals residuals{};                      ///< what they leave
};

/// Constants of methods. Layouts differ in how many stages they have, so a method that was measured
/// in several has those of each, and its common ones stand for layouts that were not.
struct MethodFits {
  std::map<Method, MethodFit> common;
  std::map<std::tuple<Method, int64_t, int64_t>, MethodFit> ofLayout; ///< by attn_tp and moe_tp
  /// Null: the method has none, it keeps the formula.
  const MethodFit *find(Method method, const Layout &layout) const;
};

struct Calibration {
  std::string date, version, engine; ///< texts of the file
  std::vector<LayerSample> layers;
  /// When layers of `wire` were measured: the first one's date, or that of all.
  const std::string &dateOf(WireType wire) const;
};

/// `link` as L sees it: stepNs in place of alpha, bandwidth / factor.
LinkSpec fittedLink(const LinkSpec &link, const MethodFit &fit);
/// W [ns]. `tokens`: of all nodes together.
double processorTime(const MethodFit &fit, int64_t chunks, double tokens);
/// (L^3 + W^3)^(1/3)
double overlapped(double linksNs, double processorsNs);

/// Rounding takes processors, and fewer bytes links: what is measured with one type says nothing
/// of the other. A type without layers is not there, its methods keep the formula.
using WireFits = std::map<WireType, MethodFits>;
/// Those of `wire`; none for a type without layers.
const MethodFits &fitsOf(const WireFits &fits, WireType wire);
/// The constants of all methods that `layers` hold. Takes tens of milliseconds.
WireFits fitMethods(const Cluster &cluster, const std::vector<LayerSample> &layers);

/// A measured layer, and what is predicted for it.
struct LayerPrediction {
  LayerSample layer;
  double predictedNs = 0;
};
/// `layers`, measured at another time, as `cluster` predicts them.
std::vector<LayerPrediction> predictLayers(const Cluster &cluster,
                                           const std::vector<LayerSample> &layers);
/// The layers that `cluster` is calibrated with, each fifth of them predicted from the others.
std::vector<LayerPrediction> predictHeldOut(const Cluster &cluster);
/// The same for those of one wire type.
std::vector<LayerPrediction> predictHeldOut(const Cluster &cluster, WireType wire);

/// Sizes of `cluster`'s calibration: numbers of tokens, of all nodes together.
std::set<int64_t> sizesOf(const Calibration &calibration);
/// The layers of `cluster`'s calibration whose size is one of `sizes`, predicted from those of the
/// other sizes. Sizes without layers add nothing; nothing comes back if no other size has any.
std::vector<LayerPrediction> predictSizes(const Cluster &cluster, const std::set<int64_t> &sizes);

/// All that was measured at one size: which way would be picked, and which is the fastest.
struct LayerChoice {
  int64_t tokens = 0; ///< of all nodes together
  double zipf = 0;
  LayerPrediction picked, fastest;
  double regret() const { return picked.layer.ns / fastest.layer.ns - 1; }
  /// Standard error of the regret; 0 if that of one of the two is not known.
  double regretError() const;
};
/// Of all sizes at which there are several ways, by size. A pick is the least predicted time.
std::vector<LayerChoice> choicesOf(const std::vector<LayerPrediction> &predictions);
/// Of one method in one layout only: its chunks.
std::vector<LayerChoice> choicesOf(const std::vector<LayerPrediction> &predictions, Method method,
                                   const Layout &layout);

/// How well layers are predicted.
struct CalibrationError {
  int64_t layers = 0;
  double meanError = 0, worstError = 0; ///< of |predicted - measured| / measured
  int64_t choices = 0;
  double meanRegret = 0, worstRegret = 0;
};
CalibrationError errorOf(const std::vector<LayerPrediction> &predictions);

} // namespace mixserve::planner

#endif // MIXSERVE_PLAN_CALIBRATION_H
