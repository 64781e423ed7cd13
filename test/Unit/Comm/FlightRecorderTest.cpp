//===- FlightRecorderTest.cpp - Who did not come to which operation ---------------------------===//

#include "comm/FlightRecorder.h"

#include <gtest/gtest.h>

namespace mxs {

constexpr int64_t kMs = 1'000'000;

TEST(FlightRecorder, KeepsTheLastOperations) {
  FlightRecorder recorder;
  EXPECT_TRUE(recorder.read(0).empty());
  for (uint64_t i = 0; i < 1000; ++i) {
    recorder.enter(i, {static_cast<int32_t>(i % 7), MXS_SITE_DISPATCH},
                   static_cast<int64_t>(i) * kMs);
    if (i < 999)
      recorder.leave(static_cast<int64_t>(i) * kMs + 10);
  }
  const std::vector<FlightEntry> entries = recorder.read(2000 * kMs);
  ASSERT_EQ(entries.size(), FlightRecorder::kKept);
  EXPECT_EQ(entries.front().sequence, 1000 - FlightRecorder::kKept);
  EXPECT_EQ(entries.back().sequence, 999u);
  EXPECT_EQ(entries.back().layer, 999 % 7);
  EXPECT_EQ(entries.back().enteredNs, 1001 * kMs);
  EXPECT_LT(entries.back().leftNs, 0);
  EXPECT_EQ(entries[0].leftNs, (2000 - 744) * kMs - 10);
}

TEST(FlightRecorder, AnOperationThatFailedWasNotLeft) {
  FlightRecorder recorder;
  recorder.enter(1, {0, MXS_SITE_COMBINE}, 0);
  recorder.keepOpen();
  recorder.leave(5);
  EXPECT_LT(recorder.read(9)[0].leftNs, 0);
  recorder.enter(2, {1, MXS_SITE_COMBINE}, 6);
  recorder.leave(7);
  EXPECT_EQ(recorder.read(9)[1].leftNs, 2);
}

/// A rank that is in (or has left) its last of the operations dispatch, combine_rs, combine of
/// layers 0, 1, ..., numbered from 1.
static RankFlight flight(int32_t rank, uint64_t last, bool left, int64_t ageNs) {
  constexpr mxs_site_t sites[] = {MXS_SITE_DISPATCH, MXS_SITE_COMBINE_RS, MXS_SITE_COMBINE};
  RankFlight flight{rank, {}};
  for (uint64_t i = 1; i <= last; ++i)
    flight.entries.push_back({i, static_cast<int32_t>((i - 1) / 3), sites[(i - 1) % 3],
                              ageNs + static_cast<int64_t>(last - i) * kMs,
                              i < last || left ? ageNs : -1});
  return flight;
}

TEST(FlightRecorder, ARankThatDidNotComeIsNamedWithTheOperation) {
  EXPECT_EQ(describeFlights({flight(0, 6, false, 5000 * kMs), flight(1, 6, false, 4990 * kMs),
                             flight(2, 4, true, 5003 * kMs), flight(3, 6, false, 5001 * kMs)},
                            4),
            "rank 2 left layer 1 dispatch and did not enter layer 1 combine_rs (5003 ms); "
            "ranks 0, 1, 3 in layer 1 combine (5001 ms)");
}

TEST(FlightRecorder, ARankThatHangsInAnEarlierOperationIsNamed) {
  EXPECT_EQ(describeFlights({flight(0, 6, false, 9 * kMs), flight(1, 4, false, 12 * kMs)}, 2),
            "rank 1 in layer 1 dispatch (12 ms); rank 0 in layer 1 combine (9 ms)");
}

TEST(FlightRecorder, AFurtherStreamIsToldOfOnlyWhereItHasNotEnded) {
  RankFlight early0 = flight(0, 3, true, 7 * kMs), early1 = flight(1, 3, true, 7 * kMs);
  early0.stream = early1.stream = 1;
  const std::vector<RankFlight> late = {flight(0, 6, false, 9 * kMs), flight(1, 6, false, 9 * kMs)};
  EXPECT_EQ(describeFlights({late[0], early0, late[1], early1}, 2),
            "ranks 0, 1 in layer 1 combine (9 ms)");
  early1 = flight(1, 2, false, 8 * kMs);
  early1.stream = 1;
  EXPECT_EQ(
      describeFlights({late[0], early0, late[1], early1}, 2),
      "ranks 0, 1 in layer 1 combine (9 ms); in stream 1: rank 1 in layer 0 combine_rs (8 ms); "
      "rank 0 left layer 0 combine (7 ms)");
}

TEST(FlightRecorder, RanksOfANodeThatIsGoneAreNotHeard) {
  EXPECT_EQ(describeFlights({flight(0, 3, false, 7 * kMs), flight(1, 0, false, 0)}, 4),
            "rank 1 entered nothing; rank 0 in layer 0 combine (7 ms); ranks 2, 3 not heard");
  EXPECT_EQ(describeFlights({flight(0, 0, false, 0)}, 2), "");
  EXPECT_EQ(describeFlights({}, 2), "");
}

} // namespace mxs
