//===- Sampling.h - What mxs_sampling_t says -----------------------------------------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_CORE_SAMPLING_H
#define MIXSERVE_RUNTIME_CORE_SAMPLING_H

#include "core/Status.h"

namespace mxs {

/// Below it a temperature means greedy, as in vLLM: logits divided by less would overflow.
inline constexpr float kLeastTemperature = 1e-5f;

/// Penalties of use are near 1; what lies far beyond these takes logits out of float32.
inline constexpr float kLeastPenalty = 0.01f, kLargestPenalty = 100.0f;

inline bool isGreedy(const mxs_sampling_t &s) { return s.temperature < kLeastTemperature; }
inline bool hasPenalty(const mxs_sampling_t &s) {
  return s.repetition_penalty != 0.0f && s.repetition_penalty != 1.0f;
}
inline bool limitsMass(const mxs_sampling_t &s) { return s.top_p != 0.0f && s.top_p < 1.0f; }
/// Whether only some tokens of the vocabulary may be drawn.
inline bool isFiltered(const mxs_sampling_t &s) {
  return !isGreedy(s) && (s.top_k > 0 || limitsMass(s) || s.min_p > 0.0f);
}

/// MXS_INVALID_ARGUMENT: a number out of its range; the text names the field.
Status checkSampling(const mxs_sampling_t &sampling);

} // namespace mxs

#endif // MIXSERVE_RUNTIME_CORE_SAMPLING_H
