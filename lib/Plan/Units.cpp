//===- Units.cpp - Numbers with a unit ------------------------------------===//
#include "mixserve/Plan/Units.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <vector>

namespace mixserve::planner {
namespace {

struct NamedUnit {
  const char *name;
  double factor; ///< to byte/ns, ns, byte or FLOP/ns
};

const std::vector<NamedUnit> &unitsOf(Quantity quantity) {
  static const std::vector<NamedUnit> bandwidth = {{"MB/s", 1e-3},
                                                   {"GB/s", 1},
                                                   {"TB/s", 1e3},
                                                   {"MiB/s", 1048576e-9},
                                                   {"GiB/s", 1073741824e-9},
                                                   {"TiB/s", 1099511627776e-9},
                                                   {"Mbit/s", 1.25e-4},
                                                   {"Gbit/s", 0.125},
                                                   {"Tbit/s", 125}};
  static const std::vector<NamedUnit> time = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}};
  static const std::vector<NamedUnit> size = {
      {"B", 1},          {"kB", 1e3},          {"MB", 1e6},
      {"GB", 1e9},       {"TB", 1e12},         {"KiB", 1024},
      {"MiB", 1048576.}, {"GiB", 1073741824.}, {"TiB", 1099511627776.}};
  static const std::vector<NamedUnit> compute = {
      {"GFLOP/s", 1}, {"TFLOP/s", 1e3}, {"PFLOP/s", 1e6}};
  switch (quantity) {
  case Quantity::Bandwidth:
    return bandwidth;
  case Quantity::Time:
    return time;
  case Quantity::Size:
    return size;
  case Quantity::Compute:
    return compute;
  }
  return bandwidth;
}

std::string threeDigits(double value) {
  char text[32];
  std::snprintf(text, sizeof text, value >= 100 ? "%.0f" : value >= 10 ? "%.1f" : "%.2f", value);
  return text;
}

} // namespace

std::string knownUnits(Quantity quantity) {
  std::string text;
  for (const NamedUnit &unit : unitsOf(quantity))
    text += (text.empty() ? "" : ", ") + std::string(unit.name);
  return text;
}

std::optional<double> parseQuantity(const std::string &text, Quantity quantity,
                                    std::string &error) {
  double value = 0;
  const char *begin = text.data(), *end = begin + text.size();
  auto [stop, code] = std::from_chars(begin, end, value);
  // from_chars also takes "inf", "nan" and a minus sign; none of them is a quantity.
  if (code != std::errc() || !std::isfinite(value) || !(*begin >= '0' && *begin <= '9')) {
    error = "'" + text + "' is not a number with a unit (" + knownUnits(quantity) + ")";
    return std::nullopt;
  }
  while (stop != end && *stop == ' ')
    ++stop;
  const std::string unit(stop, end);
  if (unit.empty()) {
    error = "'" + text + "' has no unit; add one of " + knownUnits(quantity);
    return std::nullopt;
  }
  for (const NamedUnit &known : unitsOf(quantity))
    if (unit == known.name)
      return value * known.factor;
  error =
      "'" + text + "': unit '" + unit + "' is not known here; use one of " + knownUnits(quantity);
  return std::nullopt;
}

std::string formatTime(double ns) {
  if (ns < 1e3)
    return threeDigits(ns) + " ns";
  if (ns < 1e6)
    return threeDigits(ns / 1e3) + " us";
  if (ns < 1e9)
    return threeDigits(ns / 1e6) + " ms";
  return threeDigits(ns / 1e9) + " s";
}

std::string formatSize(double bytes) {
  static const char *const names[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  size_t i = 0;
  for (; bytes >= 1024 && i + 1 < std::size(names); ++i)
    bytes /= 1024;
  if (i == 0)
    return std::to_string(int64_t(std::llround(bytes))) + " B";
  return threeDigits(bytes) + " " + names[i];
}

int64_t editDistance(const std::string &a, const std::string &b) {
  std::vector<int64_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j)
    row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    int64_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const int64_t substituted = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row[b.size()];
}

} // namespace mixserve::planner
