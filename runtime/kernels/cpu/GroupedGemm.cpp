//===- GroupedGemm.cpp - linear() per expert -------------------------------------------------===//
#include "kernels/cpu/Kernels.h"

using namespace mxs;

void cpu::groupedGemm(const float *x, const mxs_weight_t &w, float *y, const int64_t *ends) {
  for (int64_t e = 0; e < w.matrices; ++e)
    linear(x + ends[e] * w.k, w, e, y + ends[e] * w.n, ends[e + 1] - ends[e]);
}
