//===- OrderedTasksTest.cpp - Work on all cores, results in order -----------===//
#include "lib/Emit/OrderedTasks.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

using namespace mixserve;

namespace {

TEST(OrderedTasks, ResultsComeInOrderAndKeepTheirSlot) {
  for (int64_t count : {0, 1, 2, 7, 500})
    for (int64_t slots : {1, 2, 5}) {
      std::vector<int64_t> content(slots, -1);
      std::atomic<int64_t> made{0};
      int64_t next = 0;
      runInOrder(
          count, slots,
          [&](int64_t task, int64_t slot) {
            if (task % 7 == 3) // a slow one
              std::this_thread::sleep_for(std::chrono::microseconds(200));
            content[slot] = task;
            ++made;
          },
          [&](int64_t task, int64_t slot) {
            ASSERT_EQ(task, next++);
            ASSERT_EQ(content[slot], task);
            ASSERT_LE(made - task, slots) << "a slot was given away before its task was used";
          });
      EXPECT_EQ(next, count);
      EXPECT_EQ(made, count);
    }
}

} // namespace
