//===- Workload.cpp - What is to be served, and its bounds ----------------===//
#include "mixserve/Plan/Workload.h"

#include "KeyValueList.h"

#include <algorithm>
#include <cstdio>

namespace mixserve::planner {

std::string Workload::str() const {
  std::string text = "prompt=" + std::to_string(prompt) + ",output=" + std::to_string(output) +
                     ",concurrency=" + std::to_string(concurrency);
  if (rate > 0) {
    char number[32];
    std::snprintf(number, sizeof number, ",rate=%g", rate);
    text += number;
  }
  return text;
}

std::optional<Workload> parseWorkload(const std::string &text, std::string &error) {
  Workload workload;
  KeyValueList list({{"prompt", &workload.prompt},
                     {"output", &workload.output},
                     {"concurrency", &workload.concurrency},
                     {"rate", &workload.rate}});
  if (!list.parse(text, error)) {
    error = "workload: " + error;
    return std::nullopt;
  }
  return workload;
}

std::optional<Limits> resolveLimits(const Limits &asked, const Workload &workload,
                                    std::string &error) {
  Limits limits = asked;
  if (limits.maxBatchTokens == 0)
    limits.maxBatchTokens = std::max<int64_t>(2048, workload.concurrency);
  if (limits.maxSeqs == 0)
    limits.maxSeqs = workload.concurrency;
  if (limits.maxContext == 0)
    limits.maxContext = workload.prompt + workload.output;
  if (limits.maxContext < workload.prompt + workload.output) {
    error = "max-context " + std::to_string(limits.maxContext) +
            " is below the workload's prompt + output = " +
            std::to_string(workload.prompt + workload.output) +
            "; raise --max-context or change --workload";
    return std::nullopt;
  }
  if (limits.maxBatchTokens < workload.concurrency) {
    error = "max-batch-tokens " + std::to_string(limits.maxBatchTokens) +
            " is below the workload's concurrency " + std::to_string(workload.concurrency) +
            ", but every running sequence decodes one token per step; raise --max-batch-tokens";
    return std::nullopt;
  }
  return limits;
}

std::string whyBeyondTraining(const Limits &limits, int64_t trainedPositions) {
  if (trainedPositions == 0 || limits.maxContext <= trainedPositions)
    return "";
  const std::string trained = std::to_string(trainedPositions);
  return "max-context " + std::to_string(limits.maxContext) + " is beyond the " + trained +
         " positions that the model was trained on (max_position_embeddings): no scaling of rotary "
         "embedding is applied, so expect worse tokens from position " +
         trained + " on; --max-context " + trained +
         " or less, with a --workload that fits, avoids it";
}

} // namespace mixserve::planner
