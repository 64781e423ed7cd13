//===- RoundTimesTest.cpp - Times of several ways, measured in rounds ---------------------===//
#include "tools/mixserve-bench/RoundTimes.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

using namespace mixserve::tools;

namespace {

TEST(RoundTimes, ARoundThatIsSlowIsSoToAllInIt) {
  RoundTimes times(2);
  for (const double slow : {1.0, 1.0, 3.0}) {
    times.beginRound();
    times.add(0, slow * 1e-3);
    if (slow == 1)
      times.add(1, 2e-3);
  }
  const std::vector<RoundTimes::Estimate> ways = times.estimates();
  EXPECT_NEAR(ways[0].seconds, 1e-3, 1e-9);
  EXPECT_NEAR(ways[1].seconds, 2e-3, 1e-9);
  EXPECT_EQ(ways[0].error, 0); // three rounds say nothing of it
}

// Medians of times alone would have them the other way round: the faster one is in twenty more
// rounds, all of them slow.
TEST(RoundTimes, ThoseThatAreMeasuredLongerAreNotSlowerForThat) {
  RoundTimes times(3);
  for (int round = 0; round < 30; ++round) {
    const double slow = round < 10 ? 1 : 1.5;
    times.beginRound();
    times.add(0, slow * 1.0e-3);
    times.add(1, slow * 1.1e-3);
    if (round < 10)
      times.add(2, slow * 1.2e-3);
  }
  const std::vector<RoundTimes::Estimate> ways = times.estimates();
  EXPECT_NEAR(ways[1].seconds / ways[0].seconds, 1.1, 1e-6);
  EXPECT_NEAR(ways[2].seconds / ways[0].seconds, 1.2, 1e-6);
  EXPECT_NEAR(ways[0].seconds, 1.5e-3, 1e-6); // what it takes in most rounds
}

TEST(RoundTimes, TheErrorIsWhatRepetitionsDifferBy) {
  std::mt19937 random(7);
  std::normal_distribution<double> rest(0, 0.1), disturbance(0, 0.4);
  constexpr int kRuns = 200, kRounds = 25;
  double squares = 0, errors = 0;
  for (int run = 0; run < kRuns; ++run) {
    RoundTimes times(8);
    for (int round = 0; round < kRounds; ++round) {
      const double slow = std::exp(disturbance(random));
      times.beginRound();
      for (size_t way = 0; way < 8; ++way)
        times.add(way, slow * std::exp(rest(random)) * 1e-3);
    }
    const std::vector<RoundTimes::Estimate> ways = times.estimates();
    const double ratio = std::log(ways[0].seconds / ways[1].seconds);
    squares += ratio * ratio / kRuns;
    errors += std::hypot(ways[0].error, ways[1].error) / kRuns;
  }
  // 0.1 * 1.25 * sqrt(2 / 25) = 0.035, although a single round is off by 0.4.
  EXPECT_NEAR(std::sqrt(squares), 0.035, 0.008);
  EXPECT_NEAR(errors, 0.035, 0.008);
}

TEST(RoundTimes, CloseOnesAreNearTheFastest) {
  const std::vector<RoundTimes::Estimate> ways = {{2, 0}, {1, 0},     {1.3, 0},   {1.31, 0},
                                                  {0, 0}, {1.6, 0.1}, {1.6, 0.05}};
  EXPECT_EQ(closeOnes(ways, 1.3),
            (std::vector<bool>{false, true, true, false, false, true, false}));
  EXPECT_EQ(closeOnes({}, 1.3), std::vector<bool>{});
}

TEST(RoundTimes, WaysThatNeverRanHaveNoTime) {
  RoundTimes times(2);
  EXPECT_EQ(times.estimates()[0].seconds, 0);
  times.beginRound();
  times.add(1, 1e-3);
  EXPECT_EQ(times.estimates()[0].seconds, 0);
  EXPECT_NEAR(times.estimates()[1].seconds, 1e-3, 1e-12);
}

} // namespace
