//===- CallWatchTest.cpp ----------------------------------------------------------------------===//
#include "comm/CallWatch.h"

#include "gtest/gtest.h"

#include <chrono>
#include <future>

using namespace mxs;
using std::chrono::milliseconds;

TEST(CallWatch, ACallThatDoesNotReturnIsReportedOnce) {
  std::promise<const char *> hung;
  std::atomic<int> reports{0};
  CallWatch watch(100'000'000, [&](const char *call) {
    if (++reports == 1)
      hung.set_value(call);
  });
  watch.enter("first");
  watch.enter("second");
  auto future = hung.get_future();
  ASSERT_EQ(future.wait_for(std::chrono::seconds(20)), std::future_status::ready);
  EXPECT_STREQ(future.get(), "second");
  std::this_thread::sleep_for(milliseconds(250));
  EXPECT_EQ(reports, 1);
}

TEST(CallWatch, CallsThatReturnAndWaitsBetweenThemAreNotReported) {
  std::atomic<int> reports{0};
  CallWatch watch(1'000'000'000, [&](const char *) { ++reports; });
  // Longer than the limit, in calls that are much shorter.
  for (int i = 0; i < 150; ++i) {
    watch.enter("short");
    std::this_thread::sleep_for(milliseconds(10));
  }
  watch.leave();
  std::this_thread::sleep_for(milliseconds(1500));
  EXPECT_EQ(reports, 0);
}

TEST(CallWatch, StopsWhileACallRuns) {
  CallWatch watch(3'600'000'000'000, [](const char *) { FAIL(); });
  watch.enter("long");
  watch.stop();
  watch.stop();
}
