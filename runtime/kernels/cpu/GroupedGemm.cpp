//===- GroupedGemm.cpp - linear() per expert -------------------------------------------------===//
#include "kernels/cpu/Kernels.h"

using namespace mxs;

void cpu::groupedGemm(const float *x, const float *w, float *y, const int64_t *ends,
                      int64_t experts, int64_t k, int64_t n) {
  for (int64_t e = 0; e < experts; ++e)
    linear(x + ends[e] * k, w + e * packedSize(n, k), y + ends[e] * n, ends[e + 1] - ends[e], k, n);
}
