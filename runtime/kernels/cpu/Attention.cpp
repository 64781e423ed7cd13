//===- Attention.cpp - One query row against its cached positions ---------------------------===//
//
// Two passes: all scores, then the weighted sum. Scores are vectorised over positions and the
// output over D, so every number is still one sum in ascending order.
//
//===----------------------------------------------------------------------===//
#include "kernels/cpu/Kernels.h"

#include <algorithm>
#include <cmath>

using namespace mxs;

void cpu::attendRow(const float *q, const float *keys, const float *values, int64_t capacity,
                    int64_t length, int64_t headDim, float scale, float *scores, float *out) {
  std::fill_n(scores, length, 0.0f);
  for (int64_t d = 0; d < headDim; ++d) {
    const float *key = keys + d * capacity;
    for (int64_t i = 0; i < length; ++i)
      scores[i] += q[d] * key[i];
  }
  float largest = -INFINITY;
  for (int64_t i = 0; i < length; ++i) {
    scores[i] *= scale;
    largest = std::max(largest, scores[i]);
  }
  float sum = 0.0f;
  for (int64_t i = 0; i < length; ++i) {
    scores[i] = std::exp(scores[i] - largest);
    sum += scores[i];
  }
  std::fill_n(out, headDim, 0.0f);
  for (int64_t i = 0; i < length; ++i) {
    const float weight = scores[i] / sum;
    for (int64_t d = 0; d < headDim; ++d)
      out[d] += weight * values[i * headDim + d];
  }
}
