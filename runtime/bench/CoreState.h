//===- CoreState.h - Whether the cores were ours while something was timed ----------*- C++ -*-===//
//
// Where a processor's cores have two hardware threads each, a virtual machine's processor may be
// one of them, and the other one somebody else's. Then arithmetic alone keeps its peak, but a loop
// that loads and multiplies, too, does not: both threads share what a core can begin in a cycle. No
// clock and no load average shows that; the number of instructions begun per cycle does.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_RUNTIME_BENCH_CORESTATE_H
#define MIXSERVE_RUNTIME_BENCH_CORESTATE_H

#include "threads/ThreadPool.h"

#include <vector>

namespace mxs::bench {

/// Instructions that a thread's core begins in a cycle if none waits for another one: the least of
/// all threads, measured for 0.1 ms. A core to oneself gives its width (Zen 3 and 4: 6), a shared
/// one half of it. 0: no such loop for this processor.
double issueRate(ThreadPool &pool);

/// The most that issueRate() has seen of any core: their width, if one of them was ever free. 0:
/// not known.
double coreWidth();

/// Watches the cores around something that is timed again and again.
class CoreState {
public:
  explicit CoreState(ThreadPool &pool) : pool(pool) {}
  void before() { rates.push_back(issueRate(pool)); }
  void after();

  /// Median of the instructions begun per cycle, of each time the smaller of before and after.
  double middle() const;
  /// The times in which all cores began at least 0.9 of coreWidth() instructions per cycle.
  std::vector<size_t> freeTimes() const;

private:
  ThreadPool &pool;
  std::vector<double> rates;
};

} // namespace mxs::bench

#endif // MIXSERVE_RUNTIME_BENCH_CORESTATE_H
