//===- CallWatch.cpp --------------------------------------------------------------------------===//
#include "comm/CallWatch.h"

#include <algorithm>

namespace mxs {

static constexpr int kLooks = 10; // per limit

CallWatch::CallWatch(int64_t limitNs, std::function<void(const char *call)> onHang)
    : onHang(std::move(onHang)),
      thread([this, limitNs] { main(std::max<int64_t>(limitNs / kLooks, 1'000'000)); }) {}

void CallWatch::stop() {
  {
    std::lock_guard<std::mutex> lock(mutex);
    stopping = true;
  }
  changed.notify_one();
  if (thread.joinable())
    thread.join();
}

void CallWatch::main(int64_t lookNs) {
  uint64_t seen = 0;
  int same = 0; // looks that found the call of the look before
  std::unique_lock<std::mutex> lock(mutex);
  while (!changed.wait_for(lock, std::chrono::nanoseconds(lookNs), [&] { return stopping; })) {
    const char *call = current.load(std::memory_order_relaxed);
    const uint64_t now = entries.load(std::memory_order_relaxed);
    same = call && now == seen ? same + 1 : 0;
    seen = now;
    if (same < kLooks)
      continue;
    lock.unlock();
    onHang(call);
    return;
  }
}

} // namespace mxs
