//===- TracedOverlapTest.cpp - What a trace shows to be hidden ------------===//
#include "tools/mixserve-bench/TracedOverlap.h"

#include <gtest/gtest.h>

using namespace mixserve::tools;
using mxs::TraceEvent;

namespace {

TraceEvent step(const char *name, int rank, int64_t begin, int64_t end) {
  return {name, {}, rank, -1, 0, -1, begin, end};
}
TraceEvent message(int from, int to, int64_t begin, int64_t end) {
  return {"in-flight", {}, from, to, 0, -1, begin, end};
}

TEST(TracedOverlap, CountsOnlyWhatHappensAtTheSameTime) {
  // The node's messages: [0, 100) and [200, 300) in pieces that overlap.
  const std::vector<TraceEvent> events = {
      message(0, 2, 0, 60),        message(1, 3, 40, 100),      message(0, 2, 200, 300),
      step("reduce", 0, 50, 150),  step("gather", 0, 140, 210), // [50, 210): 50 + 10 common
      step("region", 0, 220, 280), step("wait", 0, 220, 280),   // neither moves rows
      step("gather", 1, 0, 20),    step("gather", 1, 250, 350), // 20 + 50
  };
  const TracedOverlap overlap = overlapOf(events, 0, 2);
  EXPECT_DOUBLE_EQ(overlap.inter, 200e-9);
  EXPECT_DOUBLE_EQ(overlap.intra, (160e-9 + 120e-9) / 2);
  EXPECT_DOUBLE_EQ(overlap.both, (60e-9 + 70e-9) / 2);
  EXPECT_DOUBLE_EQ(overlap.hidden(), 65.0 / 140);
}

TEST(TracedOverlap, OtherNodesAreLeftOut) {
  const std::vector<TraceEvent> events = {message(2, 3, 0, 100), step("gather", 3, 0, 100),
                                          message(0, 2, 10, 20), step("gather", 1, 15, 35)};
  EXPECT_DOUBLE_EQ(overlapOf(events, 0, 2).inter, 10e-9);
  EXPECT_DOUBLE_EQ(overlapOf(events, 0, 2).intra, 10e-9); // mean of two ranks
  EXPECT_DOUBLE_EQ(overlapOf(events, 0, 2).both, 2.5e-9);
}

TEST(TracedOverlap, NothingIsHiddenWhereNothingMoves) {
  EXPECT_EQ(overlapOf({}, 0, 4).hidden(), 0);
  EXPECT_EQ(overlapOf({message(0, 4, 0, 9)}, 0, 4).hidden(), 0);
}

} // namespace
