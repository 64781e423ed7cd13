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
  LatentAttention,
  Route,
  ExpertFfn,
  SelectRows,
  Logits,
  AllGather,
  AllGatherRouted,
  ReduceScatter,
  AllReduce,
  Dispatch,
  Combine,
  AgDispatch,
  RsCombine,
  RsCombineAg
};

inline constexpr size_t kCallCount = static_cast<size_t>(Call::RsCombineAg) + 1;

/// Name in the stats and in messages: the C function without "mxs_".
inline const char *callName(Call call) {
  static constexpr const char *names[kCallCount] = {
      "for_rows",   "embedding",   "linear",  "attention",   "latent_attention",  "route",
      "expert_ffn", "select_rows", "logits",  "all_gather",  "all_gather_routed", "reduce_scatter",
      "all_reduce", "dispatch",    "combine", "ag_dispatch", "rs_combine",
      "rs_combine_ag"};
  return names[static_cast<size_t>(call)];
}

/// By Call: how often, or nanoseconds.
using CallCounts = std::array<uint64_t, kCallCount>;

/// Calls of one rank so far, and the time spent in them. Its thread counts; any thread may read at
/// any time, also while a rank that hung in a failed step goes on.
class CallCounter {
public:
  void add(Call call) { grow(counts[static_cast<size_t>(call)], 1); }
  void spend(Call call, int64_t ns) {
    grow(times[static_cast<size_t>(call)], static_cast<uint64_t>(ns));
  }
  CallCounts read() const { return readAll(counts); }
  /// [ns]; a call under way is not in it yet.
  CallCounts readTimes() const { return readAll(times); }

private:
  using Counters = std::array<std::atomic<uint64_t>, kCallCount>;
  static void grow(std::atomic<uint64_t> &counter, uint64_t by) {
    counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }
  static CallCounts readAll(const Counters &counters) {
    CallCounts result{};
    for (size_t i = 0; i < kCallCount; ++i)
      result[i] = counters[i].load(std::memory_order_relaxed);
    return result;
  }

  Counters counts{}, times{};
};

} // namespace mxs

#endif // MIXSERVE_RUNTIME_CORE_CALLS_H
