//===- Permute.cpp - Which rows go to which expert -------------------------------------------===//
#include "kernels/cpu/Kernels.h"

#include <algorithm>

using namespace mxs;

int64_t cpu::sortByExpert(const int32_t *ids, int64_t rows, int64_t topK, int64_t firstExpert,
                          int64_t endExpert, int64_t capacity, RoutedPair *pairs, int64_t *ends) {
  const int64_t experts = endExpert - firstExpert;
  std::fill_n(ends, experts + 1, 0);
  auto local = [&](int64_t i) {
    return ids[i] >= firstExpert && ids[i] < endExpert ? ids[i] - firstExpert : -1;
  };
  for (int64_t i = 0; i < rows * topK; ++i)
    if (const int64_t expert = local(i); expert >= 0)
      ++ends[expert + 1];
  for (int64_t e = 0; e < experts; ++e)
    ends[e + 1] += ends[e];
  const int64_t total = ends[experts];
  if (total > capacity)
    return -1;
  for (int64_t i = 0; i < rows * topK; ++i)
    if (const int64_t expert = local(i); expert >= 0)
      pairs[ends[expert]++] = {static_cast<int32_t>(i / topK), static_cast<int32_t>(i % topK)};
  // Filling moved every begin to its end: shift them back.
  std::copy_backward(ends, ends + experts, ends + experts + 1);
  ends[0] = 0;
  return total;
}
