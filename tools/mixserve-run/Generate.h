//===- Generate.h - Requests through the runtime's engine ---------*- C++ -*-===//
#ifndef MIXSERVE_TOOLS_RUN_GENERATE_H
#define MIXSERVE_TOOLS_RUN_GENERATE_H

#include "mixserve_rt.h"
#include <functional>
#include <string>
#include <vector>

namespace mixserve::tools {

/// What the tool needs to know of an artifact, from its manifest.
struct ServedLimits {
  int64_t vocab = 0, groups = 1, maxBatchTokens = 0, maxSeqs = 0, maxContext = 0;
};
ServedLimits readLimits(const char *manifestJson);

struct Request {
  std::vector<int32_t> prompt;
  int64_t newTokens = 0; ///< to generate at most
  bool keepLogits = false;
  mxs_sampling_t sampling{};
  std::vector<int32_t> stopIds;
  bool ignoreEos = false;
  // Results.
  std::vector<int32_t> tokens;
  std::vector<float> logprobs; ///< of `tokens`, if sampling.logprob
  std::vector<float> logits;   ///< [prompt, V] if keepLogits
  int32_t finish = MXS_FINISH_NONE;
};

/// Called for every event, with the number of its request. On the engine's thread.
using Watch = std::function<void(size_t request, const mxs_event_t &event)>;

/// Runs all requests to their end, at most `together` of them at a time (at least 1). Fills the
/// results. On failure: the status and text of the first request that failed.
mxs_status_t generate(mxs_model_t *model, const ServedLimits &limits,
                      std::vector<Request> &requests, size_t together, const Watch &watch,
                      std::string &error);

/// Why a request cannot be served by this artifact, or nothing.
std::string whyRefused(const Request &request, const ServedLimits &limits);

/// "stop", "length", "cancelled", "error".
const char *finishName(int32_t finish);

} // namespace mixserve::tools

#endif // MIXSERVE_TOOLS_RUN_GENERATE_H
