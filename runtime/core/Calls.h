//===- Calls.h - Names and numbers of the calls of generated code -----------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_CORE_CALLS_H
#define MIXSERVE_RUNTIME_CORE_CALLS_H

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace mxs {

/// What a rank's generated code may call; the index of call counters.
enum class Call {
  ForRows,
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
      "for_rows",   "embedding",         "linear",         "attention",   "route",
      "permute",    "grouped_gemm",      "unpermute",      "select_rows", "logits",
      "all_gather", "all_gather_routed", "reduce_scatter", "all_reduce",  "dispatch",
      "combine",    "ag_dispatch",       "rs_combine"};
  return names[static_cast<size_t>(call)];
}

using CallCounts = std::array<uint64_t, kCallCount>;

/// Calls of one rank so far. Its thread counts; any thread may read at any time, also while a rank
/// that hung in a failed step goes on.
class CallCounter {
public:
  void add(Call call) {
    std::atomic<uint64_t> &count = counts[static_cast<size_t>(call)];
    count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  CallCounts read() const {
    CallCounts result{};
    for (size_t i = 0; i < kCallCount; ++i)
      result[i] = counts[i].load(std::memory_order_relaxed);
    return result;
  }

private:
  std::array<std::atomic<uint64_t>, kCallCount> counts{};
};

} // namespace mxs

#endif // MIXSERVE_RUNTIME_CORE_CALLS_H
