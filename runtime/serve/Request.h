//===- Request.h - A request and its sequence -------------------------------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_SERVE_REQUEST_H
#define MIXSERVE_RUNTIME_SERVE_REQUEST_H

#include "core/Manifest.h"

#include <chrono>
#include <cstdint>
#include <vector>

namespace mxs {

using ServeClock = std::chrono::steady_clock;

/// What the engine must know of an artifact.
struct ServeLimits {
  int64_t vocab = 0, maxBatchTokens = 0, maxContext = 0;
  int groups = 1, slots = 0; ///< attention groups; cache slots of each
  int nodes = 1;             ///< that the groups are spread over
  std::vector<int32_t> eos;  ///< end-of-sequence ids of the model, may be empty

  static ServeLimits of(const Manifest &manifest);
};

/// A request from submit to its last event, and the sequence that it becomes when admitted.
struct Request {
  uint64_t id = 0;
  std::vector<int32_t> prompt;
  mxs_sampling_t sampling{};
  int64_t maxNewTokens = 0;
  std::vector<int32_t> stopIds; ///< with the model's own unless the request ignores them
  std::vector<std::vector<int32_t>> stopSequences;
  ServeClock::time_point deadline = ServeClock::time_point::max();
  ServeClock::time_point submitted{};
  float *promptLogits = nullptr; ///< [prompt, V] of the caller, or null

  // While it runs.
  int group = -1, slot = -1;
  int64_t cached = 0; ///< tokens in the cache
  std::vector<int32_t> generated;
  uint64_t lastStep = 0; ///< step that served it last, 0: none has
  uint64_t queuedNs = 0; ///< from submit until its first step began

  /// Copies and checks. MXS_INVALID_ARGUMENT: it can never be served; the text says why.
  static Status create(const mxs_request_t &given, const ServeLimits &limits, Request &out);

  bool inPrompt() const { return cached < static_cast<int64_t>(prompt.size()); }
  /// Tokens that are known and not cached yet.
  int64_t pending() const { return inPrompt() ? static_cast<int64_t>(prompt.size()) - cached : 1; }
  /// Why it ends after its last token, MXS_FINISH_NONE if it goes on.
  mxs_finish_t finishReason(int64_t maxContext) const;
};

} // namespace mxs

#endif // MIXSERVE_RUNTIME_SERVE_REQUEST_H
