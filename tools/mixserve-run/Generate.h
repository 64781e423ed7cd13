//===- Generate.h - Continuous batching over an open model --------*- C++ -*-===//
#ifndef MIXSERVE_TOOLS_RUN_GENERATE_H
#define MIXSERVE_TOOLS_RUN_GENERATE_H

#include "mixserve_rt.h"
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
  int64_t newTokens = 0; ///< to generate, greedily
  bool keepLogits = false;
  // Results.
  std::vector<int32_t> tokens;
  std::vector<float> logits; ///< [prompt, V] if keepLogits
};

/// Runs all requests to their end, at most `together` of them at a time (at least 1), batched in
/// one step: a request waits for a cache slot of a group (the groups in turn), keeps it for life,
/// and its prompt enters in pieces where a step has no room for all of it. Fills the results. On
/// failure: the status and text of the step that failed.
mxs_status_t generate(mxs_model_t *model, const ServedLimits &limits,
                      std::vector<Request> &requests, size_t together, std::string &error);

/// Why a request cannot be served by this artifact, or nothing.
std::string whyRefused(const Request &request, const ServedLimits &limits);

} // namespace mixserve::tools

#endif // MIXSERVE_TOOLS_RUN_GENERATE_H
