//===- Calls.h - Names and numbers of the calls of generated code -----------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_CORE_CALLS_H
#define MIXSERVE_RUNTIME_CORE_CALLS_H

#include <array>
#include <cstddef>
#include <cstdint>

namespace mxs {

/// What a rank's generated code may call; the index of call counters.
enum class Call {
  Embedding,
  Linear,
  Attention,
  Route,
  Permute,
  GroupedGemm,
  Unpermute,
  SelectRows,
  Logits,
  AllGather,
  AllGatherRouted,
  ReduceScatter,
  AllReduce,
  Dispatch,
  Combine,
  AgDispatch,
  RsCombine
};

inline constexpr size_t kCallCount = static_cast<size_t>(Call::RsCombine) + 1;

/// Name in the stats and in messages: the C function without "mxs_".
inline const char *callName(Call call) {
  static constexpr const char *names[kCallCount] = {
      "embedding",         "linear",         "attention",   "route",    "permute",
      "grouped_gemm",      "unpermute",      "select_rows", "logits",   "all_gather",
      "all_gather_routed", "reduce_scatter", "all_reduce",  "dispatch", "combine",
      "ag_dispatch",       "rs_combine"};
  return names[static_cast<size_t>(call)];
}

using CallCounts = std::array<uint64_t, kCallCount>;

} // namespace mxs

#endif // MIXSERVE_RUNTIME_CORE_CALLS_H
