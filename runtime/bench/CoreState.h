//===- CoreState.h - Whether the cores were ours while something was timed ----------*- C++ -*-===//
//
// Where a processor's cores have two hardware threads each, a virtual machine's processor may be
// one of them, and the other one somebody else's. Then a loop of multiplications may keep its peak,
// but one that loads and multiplies does not: both threads share what a core can begin in a cycle.
// No clock and no load average shows that; the number of instructions begun per cycle does.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_RUNTIME_BENCH_CORESTATE_H
#define MIXSERVE_RUNTIME_BENCH_CORESTATE_H

#include "threads/ThreadPool.h"

#include <vector>

namespace mxs::bench {

/// Instructions that a thread's core begins in a cycle if none waits for another one: the least of
/// all threads, which takes some 40 us. A core to oneself gives its width, a Zen 3 5.8 of 6; one
/// whose other hardware thread works, too, also for this pool, about half. 0: no such loop for this
/// processor, or a thread came too late.
double issueRate(ThreadPool &pool);

/// The third largest rate that issueRate() has seen of any core (the largest, of fewer): their
/// width, if they were free at times. 0: not known.
double coreWidth();

/// Watches the cores around something that is timed again and again.
class CoreState {
public:
  explicit CoreState(ThreadPool &pool) : pool(pool) {}
  void before() { rates.push_back(issueRate(pool)); }
  void after(); ///< before() came first

  /// Median of what the core that began least began per cycle, each time the smaller of before and
  /// after. 0: not known.
  double middle() const;
  /// The times in which all cores began at least 0.9 of coreWidth() before and after; what was in
  /// between is not known. None if coreWidth() is so small that none was ever free.
  std::vector<size_t> freeTimes() const;

private:
  ThreadPool &pool;
  std::vector<double> rates;
};

} // namespace mxs::bench

#endif // MIXSERVE_RUNTIME_BENCH_CORESTATE_H
