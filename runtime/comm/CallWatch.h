//===- CallWatch.h - Sees a call that does not return -------------------------------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_COMM_CALLWATCH_H
#define MIXSERVE_RUNTIME_COMM_CALLWATCH_H

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>

namespace mxs {

/// One thread tells what it calls, a thread of the watch looks now and then. It counts its own
/// looks, not time: a process that was stopped and continued has not hung.
class CallWatch {
public:
  /// `onHang(call)`: the watched thread is in one and the same call since `limitNs` [ns]. Called on
  /// the watch's thread, once; the watch then ends.
  CallWatch(int64_t limitNs, std::function<void(const char *call)> onHang);
  ~CallWatch() { stop(); }

  /// The watched thread only. `call` is a literal; each entry counts anew.
  void enter(const char *call) {
    current.store(call, std::memory_order_relaxed);
    entries.store(entries.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  /// What comes next may last.
  void leave() { current.store(nullptr, std::memory_order_relaxed); }

  /// Not from `onHang`.
  void stop();

private:
  void main(int64_t lookNs);

  std::atomic<const char *> current{nullptr};
  std::atomic<uint64_t> entries{0};
  const std::function<void(const char *call)> onHang;
  std::mutex mutex;
  std::condition_variable changed;
  bool stopping = false;
  std::thread thread; ///< last: it uses the others
};

} // namespace mxs

#endif // MIXSERVE_RUNTIME_COMM_CALLWATCH_H
