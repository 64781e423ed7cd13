//===- WaitPoint.h - Where a thread sleeps until something happened ------------------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_COMM_WAITPOINT_H
#define MIXSERVE_RUNTIME_COMM_WAITPOINT_H

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace mxs {

/// A thread sleeps here until other threads make a condition true.
class WaitPoint {
public:
  enum Result { Ready, TimedOut, Aborted };

  /// Returns when `ready()` or `aborted` holds, or after `deadlineNs` (0 = no bound). `ready` reads
  /// atomics; whoever changes them calls notify() afterwards.
  template <class Predicate>
  Result wait(const Predicate &ready, const std::atomic<bool> &aborted, uint64_t deadlineNs) {
    if (ready())
      return Ready;
    auto done = [&] { return aborted.load(std::memory_order_acquire) || ready(); };
    std::unique_lock<std::mutex> lock(mutex);
    // Either notify() sees this sleeper, or this thread sees what was changed before notify().
    sleepers.fetch_add(1, std::memory_order_seq_cst);
    bool inTime = true;
    if (deadlineNs == 0)
      changed.wait(lock, done);
    else
      inTime = changed.wait_for(lock, std::chrono::nanoseconds(deadlineNs), done);
    sleepers.fetch_sub(1, std::memory_order_seq_cst);
    if (!inTime)
      return TimedOut;
    return ready() ? Ready : Aborted;
  }

  /// Whether somebody sleeps, or is about to. Asked after a change, as by notify(): who is not seen
  /// sees the change.
  bool isSlept() { return sleepers.fetch_add(0, std::memory_order_seq_cst) != 0; }

  /// After the change. Costs nothing when nobody sleeps.
  void notify() {
    if (!isSlept())
      return;
    // The empty critical section orders the change before a waiter's next look at it.
    { std::lock_guard<std::mutex> lock(mutex); }
    changed.notify_all();
  }

private:
  std::atomic<int> sleepers{0};
  std::mutex mutex;
  std::condition_variable changed;
};

} // namespace mxs

#endif // MIXSERVE_RUNTIME_COMM_WAITPOINT_H
