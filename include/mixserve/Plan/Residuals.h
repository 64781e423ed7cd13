//===- Residuals.h - What a method's constants leave -------------*- C++ -*-===//
//
// Measured over predicted of every layer of a method in one number of chunks. A prediction is
// multiplied with what is between its neighbours, both on logarithmic scales, so a layer that was
// measured is predicted as measured, and two methods cannot change places there because one of them
// is fitted worse. The time, not the number of tokens, says how near a layer is: rows of one node
// alone load its link as many rows of all nodes do. Residuals are not smoothed: measured in turn
// with the others they repeat better than neighbouring sizes resemble each other (2 x 4 and 4 x 4
// emulated hosts: every weight of the neighbours made predictions of another run worse).
//
// Up to 2.2 times the last layer's time its ratio r stays: one more doubling of the rows. From
// there a number of chunks keeps what it had of its own less and less, beside the geometric mean m
// of all counts of several chunks: with x = 2.2 t_last / t,
//   max(r^(x^4) m^(1 - x^4), r x)
// where the second keeps times from falling. At four times the last size and more the constants
// tell chunk counts apart better than the last size does: 2 x 4, calibrated up to 256 tokens per
// node, picks of 8, 16 or 32 chunks at 1024, 2048, 4096 were 3.0, 5.5, 5.6 % slower than the best
// with r, 3.0, 0, 0 % so. At twice the last size of 18 calibrations fading at once made picks 4.3
// to 6.7 % slower instead of 2.9. Worked: r = 1.21, m = 1, twice behind the reach (x = 1/2)
// -> 1.21^(1/16) = 1.012.
//
// Below the first one, of T0 tokens and time t0, constants fitted to larger layers may know nothing
// of the latency that is left and fall in proportion to the rows. A layer of T tokens takes at
// least
//   t0 (T / T0)^0.4
// Measured at 1 token per node, from 4 or 8 tokens, on 2 x 4 and 4 x 4 emulated hosts: exponents of
// 0.35 to 0.5, flat-ep 0.2 to 0.5.
// Worked: t0 = 1.6 ms of 4 tokens, constants and ratio say 0.4 ms of 1 token -> 0.92 ms.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_PLAN_RESIDUALS_H
#define MIXSERVE_PLAN_RESIDUALS_H

#include <cstdint>
#include <map>
#include <vector>

namespace mixserve::planner {

/// Of one layer, or of several that the same time is predicted for.
struct Residual {
  double predictedNs = 0; ///< by the constants
  double ratio = 1;       ///< measured over predicted
  double tokens = 0;      ///< of all nodes together
};

/// By chunks; each list by rising time, all times different.
using Residuals = std::map<int64_t, std::vector<Residual>>;

/// By rising time; of layers with the same predicted time their mean.
std::vector<Residual> merged(std::vector<Residual> layers);

/// What the constants' prediction is multiplied with; 1 if there are none. Chunk counts that were
/// not measured take the nearest one's.
double residualAt(const Residuals &residuals, int64_t chunks, double predictedNs);

/// Time of a layer that the constants predict `predictedNs` for: times its residual, and not below
/// what the smallest measured layer allows.
double correctedTime(const Residuals &residuals, int64_t chunks, double tokens, double predictedNs);

} // namespace mixserve::planner

#endif // MIXSERVE_PLAN_RESIDUALS_H
