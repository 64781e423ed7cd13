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

void Pace::spend(int64_t bytes) {
  if (nsPerMib == 0 || bytes == 0)
    return;
  if (freeAt == 0)
    useFineTimers();
  const int64_t now = steadyNs();
  freeAt = std::max(freeAt, now) + paceNs(bytes, nsPerMib);
  // Sleeps shorter than a timer's error are left to add up.
  if (freeAt - now > 30'000)
    std::this_thread::sleep_for(std::chrono::nanoseconds(freeAt - now));
}

} // namespace mxs
