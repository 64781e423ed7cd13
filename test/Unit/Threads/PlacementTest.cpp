//===- PlacementTest.cpp - Threads that compute get CPUs of their own ------------------------===//
#include "threads/Placement.h"

#include <gtest/gtest.h>

#include <sched.h>
#include <thread>
#include <vector>

using namespace mxs;

namespace {

cpu_set_t maskOf(const std::vector<int> &cpus) {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  for (int cpu : cpus)
    CPU_SET(cpu, &mask);
  return mask;
}

void allow(const std::vector<int> &cpus) {
  const cpu_set_t mask = maskOf(cpus);
  ASSERT_EQ(sched_setaffinity(0, sizeof mask, &mask), 0);
}

/// Two CPUs that this process may use.
class PlacementTest : public testing::Test {
protected:
  void SetUp() override {
    cpu_set_t mask;
    ASSERT_EQ(sched_getaffinity(0, sizeof mask, &mask), 0);
    for (int cpu = 0; cpu < CPU_SETSIZE && cpus.size() < 2; ++cpu)
      if (CPU_ISSET(cpu, &mask))
        cpus.push_back(cpu);
    if (cpus.size() < 2)
      GTEST_SKIP() << "only one CPU";
  }
  /// On a thread of its own, whose affinity is nobody else's.
  template <class Body> static void onThread(const Body &body) {
    std::thread thread(body);
    thread.join();
  }
  /// Where `number` computes after it came to `cpu`, where it may leave for the other one. The
  /// system may move it, too: a wrong answer must be given three times.
  int settledFrom(int cpu, int number, int wanted) {
    int seen = -1;
    for (int attempt = 0; attempt < 3 && seen != wanted; ++attempt) {
      placement.leave(number);
      allow({cpu});
      allow(cpus);
      placement.settle(number);
      seen = sched_getcpu();
    }
    return seen;
  }
  std::vector<int> cpus;
  Placement placement{2};
};

TEST_F(PlacementTest, WhoComesSecondMovesAndIsNotBound) {
  onThread([&] {
    allow({cpus[0]});
    placement.settle(0);
  });
  onThread([&] {
    EXPECT_EQ(settledFrom(cpus[0], 1, cpus[1]), cpus[1]);
    cpu_set_t mask;
    ASSERT_EQ(sched_getaffinity(0, sizeof mask, &mask), 0);
    const cpu_set_t both = maskOf(cpus);
    EXPECT_TRUE(CPU_EQUAL(&mask, &both));
  });
}

TEST_F(PlacementTest, ItsMaskIsKept) {
  onThread([&] {
    allow({cpus[0]});
    placement.settle(0);
    placement.settle(1); // nowhere to go
    EXPECT_EQ(sched_getcpu(), cpus[0]);
  });
}

TEST_F(PlacementTest, WhoHasLeftIsInNobodysWay) {
  onThread([&] {
    allow({cpus[0]});
    placement.settle(0);
    placement.leave(0);
  });
  onThread([&] {
    allow({cpus[1]});
    placement.settle(1);
  });
  onThread([&] {
    EXPECT_EQ(settledFrom(cpus[1], 0, cpus[0]), cpus[0]); // of the two, only the first is free
  });
}

} // namespace
