//===- CoreState.cpp ------------------------------------------------------------------------===//
#include "bench/CoreState.h"
#include "bench/Ceilings.h"

#include <algorithm>
#include <atomic>

using namespace mxs;

#if defined(__x86_64__)
/// Seconds of `rounds` rounds.
template <class Round> static double timeOf(int64_t rounds, const Round &round) {
  const double begin = bench::now();
  for (int64_t i = 0; i < rounds; ++i)
    round();
  return bench::now() - begin;
}

/// Additions that wait for each other take a cycle each, whatever the other thread does.
static double instructionsPerCycle() {
  constexpr int64_t chained = 64, apart = 96, rounds = 200;
  double fastest = 1;
  std::vector<double> times;
  for (int i = 0; i < 5; ++i) {
    uint64_t sum = 0;
    fastest = std::min(fastest, timeOf(rounds, [&] {
                         asm volatile(".rept 64\n\tadd $1, %0\n\t.endr" : "+r"(sum));
                       }));
    times.push_back(timeOf(rounds, [] { asm volatile(".rept 96\n\tnopl 0(%%rax)\n\t.endr" ::); }));
  }
  const double cycle = fastest / double(rounds * chained);
  return cycle / (bench::median(times) / double(rounds * apart));
}
#else
static double instructionsPerCycle() { return 0; }
#endif

static std::atomic<double> widest{0};

double bench::coreWidth() { return widest; }

double bench::issueRate(ThreadPool &pool) {
  std::vector<double> rates(static_cast<size_t>(pool.threads()));
  std::atomic<int> here{0};
  pool.parallelFor(pool.threads(), [&](int64_t task, int) {
    // Each thread takes one task: none begins before all have, or soon.
    here.fetch_add(1);
    for (const double end = now() + 1e-3; here.load() < pool.threads() && now() < end;) {
    }
    rates[static_cast<size_t>(task)] = instructionsPerCycle();
  });
  const auto [least, most] = std::minmax_element(rates.begin(), rates.end());
  widest = std::max(widest.load(), *most);
  return *least;
}

void bench::CoreState::after() { rates.back() = std::min(rates.back(), issueRate(pool)); }

double bench::CoreState::middle() const {
  std::vector<double> sorted = rates;
  return sorted.empty() ? 0 : median(sorted);
}

std::vector<size_t> bench::CoreState::freeTimes() const {
  std::vector<size_t> kept;
  for (size_t i = 0; i < rates.size(); ++i)
    if (rates[i] > 0 && rates[i] >= 0.9 * widest)
      kept.push_back(i);
  return kept;
}
