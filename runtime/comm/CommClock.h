//===- CommClock.h - Where a rank's time in collectives goes ---------------------------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_COMM_COMMCLOCK_H
#define MIXSERVE_RUNTIME_COMM_COMMCLOCK_H

#include <atomic>
#include <cstdint>

namespace mxs {

/// Time of one rank inside collectives since it began [ns].
struct CommTimes {
  int64_t total = 0;  ///< all of it
  int64_t wait = 0;   ///< of that: for ranks of its node that had not come, or its own early half
  int64_t inter = 0;  ///< of that: for messages between nodes, its own and those it expected
  int64_t region = 0; ///< of that: computing rows inside fused collectives

  /// Copying, adding and packing inside the node, with the pace of its links.
  int64_t intra() const { return total - wait - inter - region; }
};

/// The rank's thread adds; any thread may read at any time.
class CommClock {
public:
  enum Part { Total, Wait, Inter, Region, PartCount };

  void add(Part part, int64_t ns) {
    parts[part].store(parts[part].load(std::memory_order_relaxed) + ns, std::memory_order_relaxed);
  }
  CommTimes read() const {
    const auto at = [&](Part part) { return parts[part].load(std::memory_order_relaxed); };
    return {at(Total), at(Wait), at(Inter), at(Region)};
  }

private:
  std::atomic<int64_t> parts[PartCount] = {};
};

} // namespace mxs

#endif // MIXSERVE_RUNTIME_COMM_COMMCLOCK_H
