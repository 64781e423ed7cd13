//===- Median.h - The middle of values ----------------------------*- C++ -*-===//
#ifndef MIXSERVE_TOOLS_BENCH_MEDIAN_H
#define MIXSERVE_TOOLS_BENCH_MEDIAN_H

#include <algorithm>
#include <cstdint>
#include <vector>

namespace mixserve::tools {

/// Median of values that need not be sorted; 0 of none.
inline double medianOf(std::vector<double> values) {
  if (values.empty())
    return 0;
  const auto middle = values.begin() + static_cast<int64_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1)
    return *middle;
  return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

/// The value that `part` of the others are below, or the next smaller one; 0 of none.
inline double quantileOf(std::vector<double> values, double part) {
  if (values.empty())
    return 0;
  const auto at =
      values.begin() + static_cast<int64_t>(part * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

} // namespace mixserve::tools

#endif // MIXSERVE_TOOLS_BENCH_MEDIAN_H
