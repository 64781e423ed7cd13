//===- Pace.h - Slows a rank's copies down to the speed of a link --------------------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_COMM_PACE_H
#define MIXSERVE_RUNTIME_COMM_PACE_H

#include <cstdint>

namespace mxs {

/// A virtual link of `nsPerMib` (0 = as fast as memory). Used by one thread.
class Pace {
public:
  explicit Pace(uint64_t nsPerMib) : nsPerMib(nsPerMib) {}

  /// `bytes` have been copied: sleeps until the link would have moved them.
  void spend(int64_t bytes);

private:
  uint64_t nsPerMib;
  int64_t freeAt = 0; ///< steadyNs() at which the link is idle again
};

/// Transfer time of `bytes` at `nsPerMib` [ns].
int64_t paceNs(int64_t bytes, uint64_t nsPerMib);
/// Lets the calling thread wake from sleeps to 1 us instead of the default 50 us.
void useFineTimers();

} // namespace mxs

#endif // MIXSERVE_RUNTIME_COMM_PACE_H
