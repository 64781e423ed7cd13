//===- Ceilings.h - What this machine can do at most, measured ----------------------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_BENCH_CEILINGS_H
#define MIXSERVE_RUNTIME_BENCH_CEILINGS_H

#include "kernels/cpu/Engine.h"
#include "threads/ThreadPool.h"

#include <functional>
#include <vector>

namespace mxs::bench {

/// Seconds on a clock that never jumps.
double now();

/// The middle of `values`, which are reordered. Not empty.
double median(std::vector<double> &values);

/// The same of those that `which` names. It names some.
double median(const std::vector<double> &values, const std::vector<size_t> &which);

/// Times of something that is done again and again.
class Stopwatch {
public:
  void start() { begun = now(); }
  /// Returns the seconds since start().
  double stop();
  /// Median [s]. There is a time.
  double middle() const;
  /// The same of some of the times. `which` is not empty.
  double middle(const std::vector<size_t> &which) const { return median(times, which); }

private:
  double begun = 0;
  std::vector<double> times;
};

/// All threads together read `bytes` bytes at `memory` with plain vector loads; returns how many.
/// Take memory that is in no cache.
double readAll(ThreadPool &pool, const uint8_t *memory, int64_t bytes);

/// All threads do the arithmetic that `engine` multiplies weights of `type` with, independent
/// multiply-adds on registers, for about `seconds` (AVX2: half of it). Returns the operations, 0 if
/// there is no such loop for the engine.
double multiplyAll(ThreadPool &pool, const cpu::Engine &engine, mxs_weight_type_t type,
                   double seconds);

/// To be called before multiplyAll() is timed: a processor that has read memory or slept lets wide
/// arithmetic run at its full rate only after a millisecond or two (a Zen 3: at 0.7 to 0.8 of it).
void rampUp(ThreadPool &pool, const cpu::Engine &engine, mxs_weight_type_t type);

/// Prints kernels, threads, and both ceilings before anything else, medians of seven, without an
/// end of line. `read` reads cold memory and returns how many bytes.
void printCeilings(ThreadPool &pool, const cpu::Engine &engine,
                   const std::function<double()> &read);

} // namespace mxs::bench

#endif // MIXSERVE_RUNTIME_BENCH_CEILINGS_H
