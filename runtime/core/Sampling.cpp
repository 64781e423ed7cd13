//===- Sampling.cpp -------------------------------------------------------------------------===//
#include "core/Sampling.h"

#include <cmath>
#include <cstdio>

using namespace mxs;

static Status outside(const char *field, double value, const char *range) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", value); // 1e-38 would be 0.000000 otherwise
  return invalidArgument(std::string(field) + " is " + text + ", expected " + range);
}

Status mxs::checkSampling(const mxs_sampling_t &s) {
  // Written so that NaN fails too.
  if (!(s.temperature >= 0.0f && std::isfinite(s.temperature)))
    return outside("temperature", s.temperature, "a number of at least 0 (0: greedy)");
  if (s.top_k < 0)
    return outside("top_k", s.top_k, "0 (off) or more");
  if (!(s.top_p >= 0.0f && s.top_p <= 1.0f))
    return outside("top_p", s.top_p, "(0, 1], or 0 (off)");
  if (!(s.min_p >= 0.0f && s.min_p <= 1.0f))
    return outside("min_p", s.min_p, "[0, 1] (0: off)");
  if (s.repetition_penalty != 0.0f &&
      !(s.repetition_penalty >= kLeastPenalty && s.repetition_penalty <= kLargestPenalty))
    return outside("repetition_penalty", s.repetition_penalty,
                   "[0.01, 100], or 0 (off); above 1 discourages repetition");
  return okStatus();
}
