//===- WireTypeTest.cpp -------------------------------------------------------------------------===//

#include "comm/WireType.h"
#include "mixserve_weights.h"

#include "gtest/gtest.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

namespace mxs::test {

// Blocks are worked on one after the other in place: counts around their ends, and none.
TEST(WireType, RowsSurviveNarrowingAndWideningInPlace) {
  std::mt19937 random(7);
  std::normal_distribution<float> normal(0, 3);
  for (int64_t floats : {0, 1, 3, 255, 256, 257, 511, 512, 513, 5000}) {
    std::vector<float> rows(size_t(floats) + 4, 0.25f); // 4 behind them must stay
    for (int64_t i = 0; i < floats; ++i)
      rows[size_t(i)] = normal(random);
    std::vector<float> rounded = rows;
    roundRows(rounded.data(), floats);
    std::vector<float> moved = rows;
    auto *bytes = reinterpret_cast<uint8_t *>(moved.data());
    ASSERT_EQ(narrowRows(bytes, floats), floats * 2);
    std::vector<uint8_t> wire(bytes, bytes + floats * 2);
    wire.resize(size_t(floats) * 4 + 1, 0xee); // never empty: memcmp wants a place
    ASSERT_EQ(widenRows(wire.data(), floats), floats * 4);
    EXPECT_EQ(std::memcmp(wire.data(), rounded.data(), size_t(floats) * 4), 0) << floats;
    for (int64_t i = 0; i < floats; ++i)
      ASSERT_LE(std::abs(rounded[size_t(i)] - rows[size_t(i)]), std::abs(rows[size_t(i)]) / 256);
    for (int64_t i = floats; i < floats + 4; ++i)
      EXPECT_EQ(moved[size_t(i)], 0.25f);
  }
}

TEST(WireType, WhatIsNoNumberStaysSo) {
  const float infinity = std::numeric_limits<float>::infinity();
  float rows[] = {std::nanf(""), infinity, -infinity, std::numeric_limits<float>::max(), -0.0f};
  roundRows(rows, 5);
  EXPECT_TRUE(std::isnan(rows[0]));
  EXPECT_EQ(rows[1], infinity);
  EXPECT_EQ(rows[2], -infinity);
  EXPECT_EQ(rows[3], infinity); // rounds up, as IEEE 754 does
  EXPECT_TRUE(rows[4] == 0 && std::signbit(rows[4]));
}

} // namespace mxs::test
