//===- FlightRecorder.h - The last collectives of every rank ------------------------*- C++ -*-===//
//
// When a run fails, each rank knows only what it waited for itself. Its last operations, put beside
// those of the others, tell which rank did not come to which operation.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_RUNTIME_COMM_FLIGHTRECORDER_H
#define MIXSERVE_RUNTIME_COMM_FLIGHTRECORDER_H

#include "comm/Site.h"

#include <array>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

namespace mxs {

/// One collective of one rank. Times are ages, which hosts with different clocks can compare.
struct FlightEntry {
  uint64_t sequence = 0; ///< number of the collective, the same on all ranks
  int32_t layer = -1, op = 0;
  int64_t enteredNs = 0; ///< entered so long ago [ns]
  int64_t leftNs = -1;   ///< left so long ago [ns]; negative: not yet
};

/// The last operations of a rank, the oldest first.
struct RankFlight {
  int32_t rank = 0;
  std::vector<FlightEntry> entries;
  int32_t stream = 0;
};

/// The rank's thread records; any thread may read at any time. Allocates nothing but in read().
class FlightRecorder {
public:
  static constexpr size_t kKept = 256;

  void enter(uint64_t sequence, Site site, int64_t nowNs);
  void leave(int64_t nowNs);
  /// The operation failed: the next leave() does not count, since where a rank was is what matters.
  void keepOpen();
  std::vector<FlightEntry> read(int64_t nowNs) const;

private:
  struct Record {
    uint64_t sequence;
    Site site;
    int64_t beginNs, endNs; ///< endNs < 0: not left
  };
  mutable std::mutex mutex;
  std::array<Record, kKept> records{};
  uint64_t count = 0;  ///< since the beginning
  bool failed = false; ///< the last one
};

/// Where the ranks are, in one sentence: who is in the operation that the first ones have reached,
/// and who did not enter which one, with its layer. Ranks of [0, rankCount) that `flights` lacks
/// are named as not heard. A stream after the first one is told of only if something in it has not
/// ended. Empty if no rank has entered anything.
std::string describeFlights(const std::vector<RankFlight> &flights, int rankCount);

} // namespace mxs

#endif // MIXSERVE_RUNTIME_COMM_FLIGHTRECORDER_H
