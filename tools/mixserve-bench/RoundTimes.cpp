//===- RoundTimes.cpp - Times of several ways, measured in rounds ---------===//
#include "tools/mixserve-bench/RoundTimes.h"

#include "tools/mixserve-bench/Median.h"

#include <algorithm>
#include <cmath>

using namespace mixserve::tools;

void RoundTimes::add(size_t way, double seconds) {
  ways[way].push_back({rounds - 1, std::log(seconds)});
}

std::vector<RoundTimes::Estimate> RoundTimes::estimates() const {
  // Medians in turn settle within a few steps.
  constexpr int kSteps = 5;
  std::vector<double> ofWay(ways.size(), 0), ofRound(rounds, 0);
  for (int step = 0; step < kSteps; ++step) {
    for (size_t way = 0; way < ways.size(); ++way) {
      std::vector<double> rests;
      for (const Time &time : ways[way])
        rests.push_back(time.logSeconds - ofRound[time.round]);
      ofWay[way] = medianOf(std::move(rests));
    }
    if (step + 1 == kSteps)
      break;
    std::vector<std::vector<double>> rests(rounds);
    for (size_t way = 0; way < ways.size(); ++way)
      for (const Time &time : ways[way])
        rests[time.round].push_back(time.logSeconds - ofWay[way]);
    for (size_t round = 0; round < rounds; ++round)
      ofRound[round] = medianOf(rests[round]);
    const double typical = medianOf(ofRound);
    for (double &round : ofRound)
      round -= typical;
  }
  std::vector<Estimate> result(ways.size());
  for (size_t way = 0; way < ways.size(); ++way) {
    if (ways[way].empty())
      continue;
    result[way].seconds = std::exp(ofWay[way]);
    if (ways[way].size() < kRoundsForError)
      continue;
    std::vector<double> deviations;
    for (const Time &time : ways[way])
      deviations.push_back(std::abs(time.logSeconds - ofRound[time.round] - ofWay[way]));
    // Of a normal variable: deviation from the median absolute one, and the median's own error.
    result[way].error = 1.4826 * 1.2533 * medianOf(std::move(deviations)) /
                        std::sqrt(static_cast<double>(ways[way].size()));
  }
  return result;
}

std::vector<bool> mixserve::tools::closeOnes(const std::vector<RoundTimes::Estimate> &estimates,
                                             double times) {
  double fastest = 0;
  for (const RoundTimes::Estimate &way : estimates)
    if (way.seconds > 0 && (fastest == 0 || way.seconds < fastest))
      fastest = way.seconds;
  std::vector<bool> close;
  for (const RoundTimes::Estimate &way : estimates)
    // Two errors below what was found: nearly as fast as it may be.
    close.push_back(way.seconds > 0 && way.seconds * (1 - 2 * way.error) <= times * fastest);
  return close;
}
