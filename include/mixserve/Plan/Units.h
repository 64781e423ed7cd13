//===- Units.h - Numbers with a unit ----------------------------*- C++ -*-===//
//
// Every quantity of a cluster or hardware file carries its unit. Inside the planner times are ns,
// sizes bytes, bandwidths byte/ns (= GB/s, 1e9) and compute FLOP/ns (= GFLOP/s).
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_PLAN_UNITS_H
#define MIXSERVE_PLAN_UNITS_H

#include <cstdint>
#include <optional>
#include <string>

namespace mixserve::planner {

enum class Quantity { Bandwidth, Time, Size, Compute };

/// Reads "50GB/s", "400 Gbit/s", "5us", "80GiB", "989TFLOP/s": a decimal number >= 0 directly or
/// after spaces followed by a unit. Result in byte/ns, ns, byte, FLOP/ns. On failure: nothing, and
/// `error` says what was wrong and which units are known.
std::optional<double> parseQuantity(const std::string &text, Quantity quantity, std::string &error);

/// The known units of a quantity, for messages: "GB/s, GiB/s, ...".
std::string knownUnits(Quantity quantity);

/// "1.23 ms", "45.6 us": three significant digits.
std::string formatTime(double ns);
/// "512 B", "1.50 KiB", "80.0 GiB".
std::string formatSize(double bytes);

/// Edit distance of two words, for "did you mean".
int64_t editDistance(const std::string &a, const std::string &b);

} // namespace mixserve::planner

#endif // MIXSERVE_PLAN_UNITS_H
