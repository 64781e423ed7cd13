//===- Placement.h - A CPU of its own for each thread that computes -----------------*- C++ -*-===//
//
// Linux puts a woken thread where the waker or the thread ran last, and balances CPUs lazily: with
// more ranks than cores, of which each sleeps and wakes many times in a step, two of them often
// take turns on one CPU while another one idles, for as long as 20 ms (4 ranks on 2 CPUs: a fifth
// of a prefill in halves). Nobody is bound for good: a thread that finds another one computing on
// its CPU moves once, and may go anywhere in its mask afterwards (a cpuset that grows later does
// not reach it). Other processes are not seen; give those that share a machine masks of their own.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_RUNTIME_THREADS_PLACEMENT_H
#define MIXSERVE_RUNTIME_THREADS_PLACEMENT_H

#include <atomic>
#include <mutex>
#include <vector>

namespace mxs {

class Placement {
public:
  /// For threads that compute with the numbers 0 .. `numbers` - 1.
  explicit Placement(int numbers);

  /// The calling thread computes with `number`: if another number's thread does so on this CPU, it
  /// moves to one that its affinity mask allows and where nobody computes; if there is none, or the
  /// system refuses, it stays. Costs some nanoseconds where the thread has not moved since it last
  /// asked.
  void settle(int number);
  /// Nobody computes with `number` any more.
  void leave(int number) { cpus[static_cast<size_t>(number)].store(kNone); }

private:
  static constexpr int kNone = -1;
  /// Whether a number other than `number` is on `cpu`.
  bool isTaken(int cpu, int number) const;
  void moveAway(int number);

  std::vector<std::atomic<int>> cpus; ///< by number: where it computes
  std::mutex moves; ///< one at a time, or two would go to the same free CPU; never waited for
};

} // namespace mxs

#endif // MIXSERVE_RUNTIME_THREADS_PLACEMENT_H
