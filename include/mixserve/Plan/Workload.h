//===- Workload.h - What is to be served, and its bounds ---------*- C++ -*-===//
#ifndef MIXSERVE_PLAN_WORKLOAD_H
#define MIXSERVE_PLAN_WORKLOAD_H

#include <cstdint>
#include <optional>
#include <string>

namespace mixserve::planner {

/// `concurrency` requests at a time, each with `prompt` tokens in and `output` tokens out.
struct Workload {
  int64_t prompt = 1024;
  int64_t output = 256;
  int64_t concurrency = 16;
  double rate = 0; ///< offered load [requests/s]; 0: as many as the concurrency allows

  /// "prompt=1024,output=256,concurrency=16[,rate=2]", the form that `--workload` reads.
  std::string str() const;
};

/// Keys that are left out keep their default. On failure: nothing, and `error` says why.
std::optional<Workload> parseWorkload(const std::string &text, std::string &error);

/// Bounds of an artifact; memory is reserved for them. 0 means: the default for the workload.
struct Limits {
  int64_t maxBatchTokens = 0; ///< tokens of a step over all groups; default max(2048, concurrency)
  int64_t maxSeqs = 0;        ///< sequences per attention group; default concurrency
  int64_t maxContext = 0;     ///< tokens of one sequence; default prompt + output
};

/// Fills in the defaults and checks that the workload fits: prompt + output <= max_context,
/// concurrency <= max_batch_tokens (every running sequence decodes one token per step). On failure:
/// nothing, and `error`.
std::optional<Limits> resolveLimits(const Limits &asked, const Workload &workload,
                                    std::string &error);

/// What to warn of where sequences may grow beyond the positions that the model was trained on (0:
/// not known), or "".
std::string whyBeyondTraining(const Limits &limits, int64_t trainedPositions);

} // namespace mixserve::planner

#endif // MIXSERVE_PLAN_WORKLOAD_H
