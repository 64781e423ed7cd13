//===- LinkFitTest.cpp - Latency and bandwidth out of measured times ------------------------===//
#include "tools/mixserve-bench/LinkFit.h"

#include <gtest/gtest.h>

#include <algorithm>

using namespace mixserve::tools;

namespace {

using Points = std::vector<std::pair<double, double>>;

TEST(LinkFit, ALineIsFound) {
  Points points;
  for (double bytes : {4e3, 16e3, 64e3, 256e3, 1e6})
    points.emplace_back(bytes, 300e-6 + bytes / 125e6);
  const LinkFit fit = fitLink(points);
  EXPECT_NEAR(fit.latencySeconds, 300e-6, 1e-9);
  EXPECT_NEAR(fit.bytesPerSecond, 125e6, 1);
}

TEST(LinkFit, LatencyIsNeverNegative) {
  const LinkFit fit = fitLink({{1e3, 1e-6}, {1e6, 8e-3}});
  EXPECT_GE(fit.latencySeconds, 0);
  EXPECT_NEAR(1e6 / fit.bytesPerSecond, 8e-3, 2e-3);
}

// 10 MB/s behind a bucket of 64 kB: the three smallest cost nothing but latency.
TEST(LinkFit, ATokenBucketDoesNotHideTheRate) {
  Points points;
  for (double bytes : {4e3, 16e3, 64e3, 256e3, 1e6})
    points.emplace_back(bytes, 400e-6 + std::max(0.0, bytes - 64e3) / 10e6);
  const LinkFit fit = fitLink(points);
  EXPECT_NEAR(fit.bytesPerSecond, 10e6, 1e6);
  EXPECT_LE(fit.latencySeconds, 400e-6);
}

// Seen on 4 x 4 emulated hosts, 21.7 MB/s each: one size took twice its time, and a line through
// all by relative error had 25 MB/s, or 10 when it was another size.
TEST(LinkFit, OneDisturbedSizeDoesNotDecide) {
  const Points quiet = {
      {12492, 0.00106}, {49968, 0.00108}, {183216, 0.0065}, {728700, 0.0337}, {2939780, 0.1387}};
  for (size_t disturbed = 0; disturbed + 1 < quiet.size(); ++disturbed) {
    Points points = quiet;
    points[disturbed].second *= 1.8;
    EXPECT_NEAR(fitLink(points).bytesPerSecond, 21.7e6, 1.5e6) << "size " << disturbed;
  }
}

// Loads of different skew move nearly the same bytes; their difference is noise and no rate.
TEST(LinkFit, NearlyEqualSizesGiveNoRate) {
  const LinkFit fit = fitLink({{4e3, 4e-4}, {64e3, 4e-4}, {990e3, 95e-3}, {1e6, 94.9e-3}});
  EXPECT_NEAR(fit.bytesPerSecond, 10e6, 5e5);
}

TEST(LinkFit, OnePointIsAllBandwidthNoneIsNothing) {
  EXPECT_NEAR(fitLink({{1e6, 0.01}}).bytesPerSecond, 1e8, 1);
  EXPECT_EQ(fitLink({}).bytesPerSecond, 0);
}

} // namespace
