//===- CoreState.cpp ------------------------------------------------------------------------===//
#include "bench/CoreState.h"
#include "bench/Ceilings.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <iterator>
#include <utility>

using namespace mxs;

/// No processor with AVX2 is narrower than 4; one of 6 that is shared gives about 3.
static constexpr double kLeastWidth = 3.7;

/// The largest rates of any core so far, descending. The last is taken for the width of a core:
/// once, of some thousand rates, one was half as large again as a core can begin, and then no time
/// counted as free.
static std::array<double, 3> largest{};

#if defined(__x86_64__)
/// Seconds of `rounds` rounds.
template <class Round> static double timeOf(int64_t rounds, const Round &round) {
  const double begin = bench::now();
  for (int64_t i = 0; i < rounds; ++i)
    round();
  return bench::now() - begin;
}

/// Additions of registers that wait for each other take a cycle each, whatever the other thread
/// does (of small constants some processors do several at once).
static double instructionsPerCycle() {
  constexpr int64_t chained = 64, apart = 96, rounds = 200;
  double fastest = 1;
  std::vector<double> times;
  for (int i = 0; i < 5; ++i) {
    uint64_t sum = 0;
    fastest = std::min(fastest, timeOf(rounds, [&] {
                         asm volatile(".rept 64\n\tadd %0, %0\n\t.endr" : "+r"(sum));
                       }));
    times.push_back(timeOf(rounds, [] { asm volatile(".rept 96\n\tnopl 0(%%rax)\n\t.endr" ::); }));
  }
  const double cycle = fastest / double(rounds * chained);
  return cycle / (bench::median(times) / double(rounds * apart));
}
#else
static double instructionsPerCycle() { return 0; }
#endif

static void keepIfLarge(double rate) {
  for (double &place : largest)
    if (rate > place)
      std::swap(rate, place);
}

double bench::coreWidth() { return largest.back() > 0 ? largest.back() : largest.front(); }

double bench::issueRate(ThreadPool &pool) {
  const ThreadPool::Caller caller(pool);
  const int threads = pool.threads();
  std::vector<double> rates(static_cast<size_t>(threads));
  std::vector<int> tasks(rates.size());
  std::atomic<int> here{0};
  pool.parallelFor(threads, [&](int64_t task, int worker) {
    ++tasks[static_cast<size_t>(worker)];
    // None begins before all are there: a thread takes one task then.
    here.fetch_add(1);
    for (const double end = now() + 1e-3; here.load() < threads && now() < end;) {
    }
    rates[static_cast<size_t>(task)] = instructionsPerCycle();
  });
  std::for_each(rates.begin(), rates.end(), keepIfLarge);
  const bool each = std::all_of(tasks.begin(), tasks.end(), [](int count) { return count == 1; });
  return each ? *std::min_element(rates.begin(), rates.end()) : 0;
}

void bench::CoreState::after() { rates.back() = std::min(rates.back(), issueRate(pool)); }

double bench::CoreState::middle() const {
  std::vector<double> known;
  std::copy_if(rates.begin(), rates.end(), std::back_inserter(known),
               [](double rate) { return rate > 0; });
  return known.empty() ? 0 : median(known);
}

std::vector<size_t> bench::CoreState::freeTimes() const {
  std::vector<size_t> kept;
  const double width = coreWidth();
  for (size_t i = 0; i < rates.size(); ++i)
    if (width >= kLeastWidth && rates[i] >= 0.9 * width)
      kept.push_back(i);
  return kept;
}
