//===- RoundTimes.h - Times of several ways, measured in rounds ---*- C++ -*-===//
//
// What disturbs a round disturbs all ways in it, so times are taken apart (all on logarithms):
//   time of way w in round r = way w * round r * rest
// by medians in turn (Tukey's median polish). Ways compare by their rests, which vary less than
// their times; a way that was left out of slow rounds is not faster for that. The median round is
// 1, so a way's time is about the median of its times.
//
// Worked: ways of 1 and 2 ms, three rounds of which the last one is three times as slow, and the
// slower way is left out of it: 1, 1, 3 and 2, 2 -> 1 and 2 ms.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_TOOLS_BENCH_ROUNDTIMES_H
#define MIXSERVE_TOOLS_BENCH_ROUNDTIMES_H

#include <cstddef>
#include <vector>

namespace mixserve::tools {

class RoundTimes {
public:
  explicit RoundTimes(size_t ways) : ways(ways) {}

  void beginRound() { ++rounds; }
  /// Of the round that began last; at most one of each way.
  void add(size_t way, double seconds);

  struct Estimate {
    double seconds = 0; ///< 0: never measured
    /// Standard error beside the other ways, a part of `seconds`; 0 if there are fewer than
    /// kRoundsForError rounds.
    double error = 0;
  };
  static constexpr size_t kRoundsForError = 4;
  std::vector<Estimate> estimates() const; ///< of each way

private:
  struct Time {
    size_t round;
    double logSeconds;
  };
  std::vector<std::vector<Time>> ways;
  size_t rounds = 0;
};

/// Which of `estimates` may be at most `times` as slow as the fastest, within two errors of theirs.
std::vector<bool> closeOnes(const std::vector<RoundTimes::Estimate> &estimates, double times);

} // namespace mixserve::tools

#endif // MIXSERVE_TOOLS_BENCH_ROUNDTIMES_H
