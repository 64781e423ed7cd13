//===- WaitPoint.h - Where a thread sleeps until something happened ------------------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_COMM_WAITPOINT_H
#define MIXSERVE_RUNTIME_COMM_WAITPOINT_H

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace mxs {

/// A thread waits here for conditions that other threads make true. Waits sleep, never spin.
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
    if (deadlineNs == 0)
      changed.wait(lock, done);
    else if (!changed.wait_for(lock, std::chrono::nanoseconds(deadlineNs), done))
      return TimedOut;
    return ready() ? Ready : Aborted;
  }

  void notify() {
    // The empty critical section orders the change before a waiter's next look at it.
    { std::lock_guard<std::mutex> lock(mutex); }
    changed.notify_all();
  }

private:
  std::mutex mutex;
  std::condition_variable changed;
};

} // namespace mxs

#endif // MIXSERVE_RUNTIME_COMM_WAITPOINT_H
