//===- RequestLoadTest.cpp - The loads of mixserve-bench serve ------------------------------===//
#include "tools/mixserve-bench/RequestLoad.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

using namespace mixserve::tools;

namespace {

LengthDistribution lengths(const std::string &text) {
  const auto parsed = LengthDistribution::parse(text);
  EXPECT_TRUE(parsed) << text;
  return parsed.value_or(LengthDistribution());
}

LoadOptions options(const std::string &prompt, const std::string &output, int64_t requests) {
  LoadOptions given;
  given.prompt = lengths(prompt);
  given.output = lengths(output);
  given.requests = requests;
  return given;
}

TEST(LengthDistribution, Parses) {
  for (const char *text : {"1", "128", "1..1", "64..256", "lognormal:200,0.8"})
    EXPECT_TRUE(LengthDistribution::parse(text)) << text;
  for (const char *text :
       {"", "0", "-1", "x", "1x", "2..1", "..3", "3..", "0..4", "1...3", "9999999999", "normal:1,1",
        "lognormal:", "lognormal:5", "lognormal:0,1", "lognormal:5,0", "lognormal:5,nan",
        "lognormal:inf,1", "lognormal:5,1x", "lognormal:,"})
    EXPECT_FALSE(LengthDistribution::parse(text)) << text;
}

TEST(LengthDistribution, DrawsWhatItSays) {
  RandomStream random(7);
  for (int i = 0; i < 100; ++i)
    ASSERT_EQ(lengths("17").draw(random), 17);
  int64_t least = 1000, most = 0;
  for (int i = 0; i < 2000; ++i) {
    const int64_t length = lengths("3..6").draw(random);
    least = std::min(least, length);
    most = std::max(most, length);
  }
  EXPECT_EQ(least, 3);
  EXPECT_EQ(most, 6);
  double sum = 0, logSum = 0, logSquares = 0;
  constexpr int count = 40000;
  for (int i = 0; i < count; ++i) {
    const double length = double(lengths("lognormal:500,0.5").draw(random));
    sum += length;
    logSum += std::log(length);
    logSquares += std::log(length) * std::log(length);
  }
  EXPECT_NEAR(sum / count, 500, 10) << "the mean is that of the lengths";
  EXPECT_NEAR(std::sqrt(logSquares / count - logSum / count * (logSum / count)), 0.5, 0.02);
  for (int i = 0; i < 1000; ++i)
    ASSERT_GE(lengths("lognormal:1,3").draw(random), 1);
}

TEST(Load, SameSeedSameLoad) {
  LoadOptions given = options("2..9", "lognormal:5,1", 50);
  given.rate = 10;
  const Load first = makeLoad(given, 100, 64), second = makeLoad(given, 100, 64);
  given.seed = 2;
  const Load other = makeLoad(given, 100, 64);
  given.seed = 1;
  given.rate = 20;
  const Load faster = makeLoad(given, 100, 64);
  bool differs = false;
  for (size_t i = 0; i < 50; ++i) {
    EXPECT_EQ(first.requests[i].prompt, second.requests[i].prompt);
    EXPECT_EQ(first.requests[i].newTokens, second.requests[i].newTokens);
    EXPECT_EQ(first.requests[i].arrival, second.requests[i].arrival);
    EXPECT_EQ(first.requests[i].prompt, faster.requests[i].prompt) << "the rate moves arrivals only";
    EXPECT_NEAR(first.requests[i].arrival, 2 * faster.requests[i].arrival, 1e-9);
    differs = differs || first.requests[i].prompt != other.requests[i].prompt;
    for (int32_t id : first.requests[i].prompt)
      EXPECT_TRUE(id >= 0 && id < 100) << id;
  }
  EXPECT_TRUE(differs);
}

TEST(Load, ArrivalsAreAPoissonProcess) {
  LoadOptions given = options("1", "1", 20000);
  given.rate = 50;
  const Load load = makeLoad(given, 10, 8);
  double previous = 0, sum = 0, squares = 0;
  for (const LoadedRequest &request : load.requests) {
    const double gap = request.arrival - previous;
    ASSERT_GE(gap, 0);
    previous = request.arrival;
    sum += gap;
    squares += gap * gap;
  }
  const double mean = sum / 20000;
  EXPECT_NEAR(mean, 1.0 / 50, 0.001);
  // Exponential gaps deviate by their mean.
  EXPECT_NEAR(std::sqrt(squares / 20000 - mean * mean) / mean, 1, 0.05);

  given.rate = 0;
  given.requests = 3;
  for (const LoadedRequest &request : makeLoad(given, 10, 8).requests)
    EXPECT_EQ(request.arrival, 0);
  given.rate = 100;
  given.duration = 2;
  const Load timed = makeLoad(given, 10, 8);
  EXPECT_NEAR(double(timed.requests.size()), 200, 60);
  EXPECT_LT(timed.requests.back().arrival, 2);
}

TEST(Load, CutsToTheContext) {
  const Load fits = makeLoad(options("60", "5", 1), 10, 64);
  EXPECT_EQ(fits.cut, 0) << "the last token is not cached";
  const Load cut = makeLoad(options("60", "6", 2), 10, 64);
  EXPECT_EQ(cut.cut, 2);
  EXPECT_EQ(cut.requests[0].newTokens, 5);
  const Load prompt = makeLoad(options("90", "6", 1), 10, 64);
  EXPECT_EQ(prompt.cut, 1);
  EXPECT_EQ(prompt.requests[0].prompt.size(), 64u);
  EXPECT_EQ(prompt.requests[0].newTokens, 1);
}

} // namespace
