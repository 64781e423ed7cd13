//===- ArenaTest.cpp - Buffers that live together never overlap -------------===//
#include "lib/Emit/Arena.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

using namespace mixserve;

namespace {

std::vector<int64_t> offsetsOf(const std::vector<Lifetime> &lifetimes) {
  ArenaLayout layout = layOutArena(lifetimes);
  return {layout.offsets.begin(), layout.offsets.end()};
}

TEST(Arena, NothingNeedsNothing) { EXPECT_EQ(layOutArena({}).bytes, 0); }

TEST(Arena, BuffersAreAligned) {
  EXPECT_EQ(offsetsOf({{1, 0, 1}, {65, 0, 1}, {64, 0, 1}}), (std::vector<int64_t>{0, 64, 192}));
  EXPECT_EQ(layOutArena({{1, 0, 0}}).bytes, 64);
}

TEST(Arena, LastReaderKeepsTheBuffer) {
  // The second starts where the first is read for the last time.
  EXPECT_EQ(offsetsOf({{64, 0, 1}, {64, 1, 2}}), (std::vector<int64_t>{0, 64}));
}

TEST(Arena, PastReaderFreesTheBuffer) {
  EXPECT_EQ(offsetsOf({{64, 0, 1}, {64, 2, 3}}), (std::vector<int64_t>{0, 0}));
}

TEST(Arena, LowestGapThatFits) {
  // Gaps after step 1: [0, 64) and [128, 256). 128 bytes need the second, 64 the first.
  EXPECT_EQ(offsetsOf({{64, 0, 1}, {64, 0, 9}, {128, 0, 1}, {64, 0, 9}, {128, 2, 3}, {64, 2, 3}}),
            (std::vector<int64_t>{0, 64, 128, 256, 128, 0}));
}

TEST(Arena, CallersBufferTakesNoRoom) { EXPECT_EQ(layOutArena({{0, 0, 9}, {64, 0, 1}}).bytes, 64); }

/// Any lifetimes: aligned, inside the arena, never two at one place at one step.
TEST(Arena, RandomLifetimes) {
  std::mt19937 random(7);
  auto draw = [&](int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random);
  };
  for (int round = 0; round < 200; ++round) {
    std::vector<Lifetime> lifetimes(draw(1, 24));
    for (Lifetime &lifetime : lifetimes) {
      lifetime.begin = draw(0, 12);
      lifetime.end = lifetime.begin + draw(0, 6);
      lifetime.bytes = draw(1, 400);
    }
    std::sort(lifetimes.begin(), lifetimes.end(),
              [](const Lifetime &a, const Lifetime &b) { return a.begin < b.begin; });
    const ArenaLayout layout = layOutArena(lifetimes);
    ASSERT_EQ(layout.offsets.size(), lifetimes.size());
    for (size_t i = 0; i < lifetimes.size(); ++i) {
      const Lifetime &a = lifetimes[i];
      ASSERT_EQ(layout.offsets[i] % kBufferAlignment, 0);
      ASSERT_GE(layout.offsets[i], 0);
      ASSERT_LE(layout.offsets[i] + a.bytes, layout.bytes);
      for (size_t j = 0; j < i; ++j) {
        const Lifetime &b = lifetimes[j];
        const bool together = a.begin <= b.end && b.begin <= a.end;
        const bool apart = layout.offsets[i] + a.bytes <= layout.offsets[j] ||
                           layout.offsets[j] + b.bytes <= layout.offsets[i];
        ASSERT_TRUE(!together || apart) << "round " << round << ", buffers " << j << " and " << i;
      }
    }
  }
}

} // namespace
