//===- Pace.cpp ---------------------------------------------------------------------------------===//

#include "comm/Pace.h"
#include "comm/Trace.h"

#include <algorithm>
#include <chrono>
#include <thread>

#ifdef __linux__
#include <sys/prctl.h>
#endif

namespace mxs {

int64_t paceNs(int64_t bytes, uint64_t nsPerMib) {
  return static_cast<int64_t>(static_cast<double>(bytes) * static_cast<double>(nsPerMib) /
                              (1 << 20));
}

void useFineTimers() {
#ifdef __linux__
  prctl(PR_SET_TIMERSLACK, 1000UL);
#endif
}

int64_t PacedLink::move(int64_t bytes, int64_t beganNs) {
  std::lock_guard<std::mutex> lock(mutex);
  return freeAt = std::max(freeAt, beganNs) + paceNs(bytes, nsPerMib);
}

int64_t Pace::now() { return steadyNs(); }

void Pace::spend(int64_t bytes) {
  if (!isPaced() || bytes == 0)
    return;
  if (!hasFineTimer)
    useFineTimers();
  hasFineTimer = true;
  // A link has no timer that rings late: what a sleep took too long is made up for. The link is
  // never faster than its rate, since a transfer does not begin before the one before it has ended.
  const int64_t began = (beganAt == 0 ? now() : beganAt) - lateNs;
  beganAt = lateNs = 0;
  const int64_t freeAt = link.move(bytes, began);
  // Sleeps shorter than a timer's error are left to add up.
  const int64_t left = freeAt - now();
  if (left <= 30'000)
    return;
  std::this_thread::sleep_for(std::chrono::nanoseconds(left));
  lateNs = std::max<int64_t>(0, now() - freeAt);
}

} // namespace mxs
