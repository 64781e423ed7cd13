//===- LogitsRowTest.cpp - Passes over logits against plain float64 loops ---------------------===//
#include "sample/LogitsRow.h"
#include "sample/Philox.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

using namespace mxs;

namespace {

std::vector<float> randomRow(size_t n, unsigned seed, float spread = 4.0f) {
  std::mt19937 engine(seed);
  std::normal_distribution<float> normal(0.0f, spread);
  std::vector<float> row(n);
  for (float &value : row)
    value = normal(engine);
  return row;
}

// The vectors that come with the authors' implementation (Random123, kat_vectors).
TEST(Philox, KnownAnswers) {
  using Words = std::array<uint32_t, 4>;
  EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}),
            (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, UniformIsUniform) {
  std::vector<int> counts(16);
  double sum = 0;
  for (uint64_t position = 0; position < 16000; ++position) {
    const double u = uniformAt(42, position);
    ASSERT_GE(u, 0.0);
    ASSERT_LT(u, 1.0);
    ++counts[size_t(u * 16)];
    sum += u;
  }
  EXPECT_NEAR(sum / 16000, 0.5, 0.01);
  for (int count : counts)
    EXPECT_NEAR(count, 1000, 150); // five standard deviations
  EXPECT_NE(uniformAt(42, 0), uniformAt(43, 0));
  EXPECT_NE(uniformAt(42, 0), uniformAt(42 + (uint64_t(1) << 32), 0)) << "the whole seed counts";
}

TEST(LogitsRow, PeakOfEveryLength) {
  for (size_t n = 1; n < 80; ++n) {
    std::vector<float> row = randomRow(n, unsigned(n));
    RowPeak peak = findPeak(row.data(), int64_t(n));
    const auto largest = std::max_element(row.begin(), row.end());
    EXPECT_TRUE(peak.finite);
    EXPECT_EQ(peak.max, *largest);
    EXPECT_EQ(peak.index, largest - row.begin());
    row[n - 1] = row[n / 2] = 99.0f; // of equal ones the first
    EXPECT_EQ(findPeak(row.data(), int64_t(n)).index, int64_t(n / 2));
  }
}

TEST(LogitsRow, NothingThatIsNoNumberIsMissed) {
  for (float bad : {NAN, INFINITY, -INFINITY})
    for (size_t n : {1, 15, 16, 17, 33})
      for (size_t at = 0; at < n; ++at) {
        std::vector<float> row = randomRow(n, 3);
        row[at] = bad;
        EXPECT_FALSE(findPeak(row.data(), int64_t(n)).finite) << bad << " at " << at << " of " << n;
      }
  // Large numbers are numbers.
  std::vector<float> row(40, 3e38f);
  EXPECT_TRUE(findPeak(row.data(), 40).finite);
}

TEST(LogitsRow, SumOfExponentials) {
  for (size_t n : {1, 15, 16, 255, 256, 257, 1000, 5000})
    for (float spread : {0.01f, 1.0f, 10.0f, 200.0f}) {
      const std::vector<float> row = randomRow(n, unsigned(n), spread);
      const float max = *std::max_element(row.begin(), row.end());
      double exact = 0;
      for (float value : row)
        exact += std::exp(double(value) - double(max));
      EXPECT_NEAR(sumOfExp(row.data(), int64_t(n), max) / exact, 1.0, 1e-6) << n << " " << spread;
    }
}

TEST(LogitsRow, MassIsFoundWhereTheSumReachesIt) {
  const size_t n = 1234;
  const std::vector<float> row = randomRow(n, 5, 2.0f);
  const float max = *std::max_element(row.begin(), row.end());
  const double mass = sumOfExp(row.data(), n, max);
  std::vector<double> sums;
  double sum = 0;
  for (float value : row)
    sums.push_back(sum += std::exp(double(value) - double(max)));
  for (int i = 0; i < 4000; ++i) {
    const double target = mass * (i + 0.5) / 4000;
    const int64_t expected = std::upper_bound(sums.begin(), sums.end(), target) - sums.begin();
    const int64_t got = findMass(row.data(), n, max, target);
    if (got != expected) { // only where the target lies on a boundary, within rounding
      EXPECT_NEAR(sums[size_t(std::min(got, expected))], target, 1e-5 * mass) << i;
    }
  }
  EXPECT_EQ(findMass(row.data(), n, max, 0.0), 0);
  EXPECT_EQ(findMass(row.data(), n, max, mass * 2), int64_t(n) - 1) << "never past the end";
}

TEST(LogitsRow, TopCandidates) {
  TopCandidates top;
  top.create(5000);
  for (size_t n : {1, 63, 64, 65, 1000, 5000})
    for (bool ties : {false, true}) {
      std::vector<float> row = randomRow(n, unsigned(n));
      if (ties)
        for (float &value : row)
          value = std::round(value);
      std::vector<Candidate> all;
      for (size_t i = 0; i < n; ++i)
        all.push_back({row[i], int32_t(i) + 7});
      std::sort(all.begin(), all.end(), [](const Candidate &a, const Candidate &b) {
        return a.logit != b.logit ? a.logit > b.logit : a.token < b.token;
      });
      for (size_t count : {size_t(0), size_t(1), n / 100, n / 3, n - 1, n}) {
        std::vector<Candidate> got(count);
        top.find(row.data(), int64_t(n), 7, int64_t(count), got.data());
        for (size_t i = 0; i < count; ++i) {
          ASSERT_EQ(got[i].token, all[i].token) << n << " " << count << " " << i;
          ASSERT_EQ(got[i].logit, all[i].logit);
        }
      }
    }
}

} // namespace
