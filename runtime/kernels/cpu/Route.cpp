//===- Route.cpp - The best experts of a row ------------------------------------------------===//
#include "kernels/cpu/Kernels.h"

#include <algorithm>
#include <cmath>

using namespace mxs;

static void softmax(const float *logits, int64_t count, float *out) {
  float largest = -INFINITY, sum = 0.0f;
  for (int64_t i = 0; i < count; ++i)
    largest = std::max(largest, logits[i]);
  for (int64_t i = 0; i < count; ++i) {
    out[i] = std::exp(logits[i] - largest);
    sum += out[i];
  }
  for (int64_t i = 0; i < count; ++i)
    out[i] /= sum;
}

void cpu::routeRow(const float *logits, int64_t experts, int64_t topK, RouteScore score,
                   bool normalize, float scale, float *scores, float *weights, int32_t *ids) {
  if (score == RouteScore::Softmax)
    softmax(logits, experts, scores);
  else
    for (int64_t e = 0; e < experts; ++e)
      scores[e] = 1.0f / (1.0f + std::exp(-logits[e]));
  // The best so far, descending; of equal ones the lower id, which came first.
  int64_t found = 0;
  for (int64_t e = 0; e < experts; ++e) {
    if (found == topK && !(scores[e] > weights[topK - 1]))
      continue;
    int64_t at = found < topK ? found++ : topK - 1;
    for (; at > 0 && scores[e] > weights[at - 1]; --at) {
      weights[at] = weights[at - 1];
      ids[at] = ids[at - 1];
    }
    weights[at] = scores[e];
    ids[at] = static_cast<int32_t>(e);
  }
  float sum = 0.0f;
  for (int64_t k = 0; k < topK; ++k)
    sum += weights[k];
  for (int64_t k = 0; k < topK; ++k)
    weights[k] = (normalize ? weights[k] / sum : weights[k]) * scale;
}
