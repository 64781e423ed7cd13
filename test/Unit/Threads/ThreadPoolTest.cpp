//===- ThreadPoolTest.cpp - Every task once, the bound, ranks that share a pool --------------===//
#include "threads/ThreadPool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

using namespace mxs;

namespace {

/// Fails the test if more than `bound` threads are between enter and leave, or two with one number.
class Occupancy {
public:
  explicit Occupancy(int bound) : bound(bound), taken(new std::atomic<int>[bound]) {
    for (int i = 0; i < bound; ++i)
      taken[i] = 0;
  }
  void enter(int worker) {
    if (worker < 0 || worker >= bound || taken[worker].fetch_add(1) != 0)
      ++violations;
    const int now = ++inside;
    int seen = most.load();
    while (seen < now && !most.compare_exchange_weak(seen, now)) {
    }
  }
  void leave(int worker) {
    --inside;
    --taken[worker];
  }
  const int bound;
  std::unique_ptr<std::atomic<int>[]> taken;
  std::atomic<int> inside{0}, most{0}, violations{0};
};

void workFor(std::chrono::microseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < end) {
  }
}

TEST(ThreadPool, RunsEveryTaskOnce) {
  for (int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    for (int64_t tasks : {0, 1, 2, 3, 7, 64, 1000}) {
      std::vector<int> runs(tasks, 0); // not atomic: a task that ran twice is also a data race
      pool.parallelFor(tasks, [&](int64_t task, int) { ++runs[task]; });
      for (int64_t task = 0; task < tasks; ++task)
        ASSERT_EQ(runs[task], 1) << threads << " threads, task " << task << " of " << tasks;
    }
  }
}

TEST(ThreadPool, UsesItsThreads) {
  ThreadPool pool(3);
  // Three tasks that wait for each other end only if three threads compute at once.
  std::atomic<int> arrived{0};
  pool.parallelFor(3, [&](int64_t, int) {
    ++arrived;
    while (arrived < 3)
      std::this_thread::yield();
  });
  EXPECT_EQ(arrived, 3);
}

TEST(ThreadPool, NestedCallsRunInline) {
  ThreadPool pool(4);
  std::atomic<int> sum{0}, strangers{0};
  pool.parallelFor(8, [&](int64_t, int worker) {
    const std::thread::id self = std::this_thread::get_id();
    pool.parallelFor(5, [&](int64_t task, int inner) {
      sum += static_cast<int>(task);
      strangers += inner != worker || std::this_thread::get_id() != self;
    });
  });
  EXPECT_EQ(sum, 8 * 10);
  EXPECT_EQ(strangers, 0);
}

TEST(ThreadPool, OneCallAfterAnother) {
  ThreadPool pool(2);
  const ThreadPool::Caller caller(pool);
  std::vector<int64_t> cells(16, 0);
  for (int round = 0; round < 3000; ++round)
    pool.parallelFor(16, [&](int64_t task, int) { cells[task] += task; });
  for (int64_t task = 0; task < 16; ++task)
    EXPECT_EQ(cells[task], 3000 * task);
}

/// `ranks` threads share a pool: calls of different sizes, each with its own cells.
void shareOnePool(int threads, int ranks, int rounds) {
  ThreadPool pool(threads);
  Occupancy occupancy(threads);
  std::atomic<int> wrong{0};
  std::vector<std::thread> callers;
  for (int rank = 0; rank < ranks; ++rank)
    callers.emplace_back([&, rank] {
      const ThreadPool::Caller caller(pool);
      std::vector<int> cells(32, 0);
      for (int round = 0; round < rounds; ++round) {
        const int64_t tasks = 1 + (round * 7 + rank * 3) % 32;
        cells.assign(32, 0);
        pool.parallelFor(tasks, [&](int64_t task, int worker) {
          occupancy.enter(worker);
          cells[task] += 1 + rank;
          occupancy.leave(worker);
        });
        for (int64_t task = 0; task < 32; ++task)
          wrong += cells[task] != (task < tasks ? 1 + rank : 0);
      }
    });
  for (std::thread &caller : callers)
    caller.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(occupancy.violations, 0);
  EXPECT_LE(occupancy.most, threads);
}

TEST(ThreadPool, RanksShareIt) {
  shareOnePool(1, 3, 300);
  shareOnePool(2, 2, 1000);
  shareOnePool(2, 5, 500);
  shareOnePool(4, 2, 500);
}

TEST(ThreadPool, ACallerKeepsItsNumberUntilItWaits) {
  ThreadPool pool(1);
  for (const bool ends : {false, true}) {
    auto caller = std::make_unique<ThreadPool::Caller>(pool);
    pool.parallelFor(1, [](int64_t, int) {});
    std::atomic<bool> done{false};
    std::thread other([&] {
      const ThreadPool::Caller caller(pool);
      pool.parallelFor(3, [](int64_t, int) {});
      done = true;
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    pool.parallelFor(2, [](int64_t, int) {}); // with the same number
    EXPECT_FALSE(done) << "the only number is this thread's";
    if (ends) {
      caller.reset();
      other.join();
    } else {
      const ThreadPool::Waiting waiting(pool);
      other.join();
    }
    EXPECT_TRUE(done);
  }
}

TEST(ThreadPool, TasksOfAThreadLieBehindEachOther) {
  ThreadPool pool(2);
  std::vector<int> order; // of the thread with number 0
  std::atomic<int64_t> other{0};
  pool.parallelFor(100, [&](int64_t task, int worker) {
    if (worker == 0)
      order.push_back(static_cast<int>(task));
    else
      ++other;
  });
  // Shares of 50; where one thread ends early it goes on in the other's.
  ASSERT_EQ(static_cast<int64_t>(order.size()) + other, 100);
  for (size_t i = 1; i < order.size(); ++i)
    EXPECT_GT(order[i], order[i - 1]);
}

TEST(ThreadPool, AFreedThreadHelpsTheOtherRank) {
  ThreadPool pool(2);
  // The other rank computes until this rank is in the first of two tasks that wait for each other.
  // Only a pool thread that is woken then can run the second.
  std::atomic<bool> begun{false};
  std::atomic<int> arrived{0};
  std::thread other([&] {
    pool.parallelFor(1, [&](int64_t, int) {
      begun = true;
      while (arrived == 0)
        std::this_thread::yield();
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    });
  });
  while (!begun)
    std::this_thread::yield();
  pool.parallelFor(2, [&](int64_t, int) {
    ++arrived;
    while (arrived < 2)
      std::this_thread::yield();
  });
  other.join();
  EXPECT_EQ(arrived, 2);
}

TEST(ThreadPool, SleepsWhenThereIsNothingToDo) {
  ThreadPool pool(4);
  pool.parallelFor(64, [](int64_t, int) { workFor(std::chrono::microseconds(10)); });
  timespec before, after;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
  const double used =
      double(after.tv_sec - before.tv_sec) + 1e-9 * double(after.tv_nsec - before.tv_nsec);
  // Spinning threads would use several times 300 ms.
  EXPECT_LT(used, 0.1);
}

TEST(ThreadPool, StartsAndEnds) {
  for (int i = 0; i < 200; ++i) {
    ThreadPool pool(1 + i % 4);
    std::atomic<int> sum{0};
    pool.parallelFor(i % 5, [&](int64_t, int) { ++sum; });
    ASSERT_EQ(sum, i % 5);
  }
}

TEST(ThreadPool, OnePerProcess) {
  EXPECT_EQ(&ThreadPool::process(), &ThreadPool::process());
  EXPECT_GE(ThreadPool::process().threads(), 1);
}

TEST(ThreadPool, AWaitingRankDoesTasksOfOthers) {
  ThreadPool pool(2);
  std::atomic<bool> end{false};
  std::atomic<int> assisted{0};
  std::thread waiting([&] {
    while (!end)
      pool.assist([&] { return end.load(); });
  });
  const std::thread::id waitingId = waiting.get_id();
  Occupancy occupancy(2);
  // Between two calls of assist() the pool's own thread may come first, so more than one try.
  for (int call = 0; call < 1000 && assisted == 0; ++call) {
    std::vector<int> runs(20, 0);
    pool.parallelFor(20, [&](int64_t task, int worker) {
      occupancy.enter(worker);
      ++runs[size_t(task)];
      assisted += std::this_thread::get_id() == waitingId;
      workFor(std::chrono::microseconds(100));
      occupancy.leave(worker);
    });
    for (int count : runs)
      ASSERT_EQ(count, 1);
  }
  end = true;
  waiting.join();
  EXPECT_GT(assisted, 0);
  EXPECT_EQ(occupancy.violations, 0);
}

TEST(ThreadPool, AssistEndsSoonAndWithTheAnswer) {
  ThreadPool pool(2);
  EXPECT_TRUE(pool.assist([] { return true; }));
  EXPECT_FALSE(pool.assist([] { return false; })) << "nothing to do: sleep";
  // Inside a task the number is taken already: it only asks.
  pool.parallelFor(2, [&](int64_t, int) { EXPECT_FALSE(pool.assist([] { return false; })); });
  ThreadPool narrow(1);
  std::atomic<bool> inside{false}, leave{false};
  std::thread caller([&] {
    narrow.parallelFor(1, [&](int64_t, int) {
      inside = true;
      while (!leave)
        std::this_thread::yield();
    });
  });
  while (!inside)
    std::this_thread::yield();
  EXPECT_FALSE(narrow.assist([] { return false; })) << "no core is free";
  leave = true;
  caller.join();
}

TEST(ThreadPool, NobodyKeepsACoreThatARankNeeds) {
  using Clock = std::chrono::steady_clock;
  ThreadPool pool(2);
  const auto asked = [&] { // how often a waiting rank looked before it gave up
    int count = 0;
    const ThreadPool::Waiting waiting(pool);
    EXPECT_FALSE(pool.assist([&] {
      ++count;
      return false;
    }));
    return count;
  };
  // The pool's own thread spins for a moment after it was started; a busy machine stretches that.
  const auto asksOften = [&] {
    const auto end = Clock::now() + std::chrono::seconds(5);
    while (asked() <= 3)
      if (Clock::now() > end)
        return false;
    return true;
  };
  const ThreadPool::Caller one(pool), two(pool);
  EXPECT_TRUE(asksOften()) << "one of two ranks waits: its core is free";
  // More ranks than cores: it looks often, but offers the core to others each time, and not long.
  const ThreadPool::Caller three(pool);
  const auto ownTime = [] {
    timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return double(time.tv_sec) + 1e-9 * double(time.tv_nsec);
  };
  const double before = ownTime();
  for (int i = 0; i < 4; ++i)
    asked();
  EXPECT_LT(ownTime() - before, 4 * 2e-3) << "some 500 us each";
  const auto begin = Clock::now();
  asked();
  EXPECT_LT(Clock::now() - begin, std::chrono::seconds(5));
}

TEST(ThreadPool, AssistStopsWhenItIsDone) {
  ThreadPool pool(2);
  std::atomic<bool> end{false}, reached{false};
  std::atomic<int> mine{0};
  std::thread waiting([&] {
    while (!end)
      if (pool.assist([&] { return mine.load() > 0 || end.load(); }))
        break;
    reached = true;
  });
  const std::thread::id waitingId = waiting.get_id();
  for (int call = 0; call < 1000 && !reached; ++call)
    pool.parallelFor(50, [&](int64_t, int) {
      mine += std::this_thread::get_id() == waitingId;
      workFor(std::chrono::microseconds(50));
    });
  end = true;
  waiting.join();
  EXPECT_LE(mine, 1) << "one task, then it saw that it was done";
}

TEST(ThreadPool, FirstTasksAreTheShares) {
  for (int threads : {1, 2, 3, 8, 40}) {
    const ThreadPool pool(threads);
    for (int64_t tasks : {0, 1, 2, 7, 64}) {
      EXPECT_EQ(pool.firstTask(tasks, 0), 0);
      EXPECT_EQ(pool.firstTask(tasks, threads), tasks);
      for (int worker = 0; worker < threads; ++worker)
        EXPECT_LE(pool.firstTask(tasks, worker), pool.firstTask(tasks, worker + 1));
    }
  }
  // One thread does what is its own in order, then the others' shares.
  ThreadPool pool(1);
  std::vector<int64_t> order;
  pool.parallelFor(5, [&](int64_t task, int) { order.push_back(task); });
  EXPECT_EQ(order, (std::vector<int64_t>{0, 1, 2, 3, 4}));
}

TEST(ThreadPool, EveryThreadOfACallIsToldWhatComesNext) {
  ThreadPool pool(3);
  const ThreadPool::Caller caller(pool);
  const std::vector<char> memory(1 << 20, 1);
  for (int call = 0; call < 200; ++call) {
    std::atomic<int> told[3] = {}, worked[3] = {};
    pool.parallelFor(
        20,
        [&](int64_t, int worker) {
          ++worked[worker];
          workFor(std::chrono::microseconds(2));
        },
        [&](int worker) {
          ++told[worker];
          ReadAhead ahead;
          ahead.add(memory.data() + worker * 4096, 4096);
          return ahead;
        });
    // The callable may be gone from here on: nobody may call it later.
    for (int worker = 0; worker < 3; ++worker)
      if (worked[worker] > 0) {
        EXPECT_GE(told[worker], 1) << "thread " << worker;
      }
  }
}

TEST(ReadAhead, AsksForEachPieceOnceAndNoMoreThanItsBound) {
  const std::vector<char> memory(2 * ReadAhead::kMostBytes, 1);
  ReadAhead ahead;
  EXPECT_FALSE(ahead.ask());
  EXPECT_FALSE(ahead.full());
  ahead.add(memory.data(), 0);
  ahead.add(memory.data(), 100);
  ahead.add(memory.data() + 4096, 1000);
  EXPECT_EQ(ahead.left(), 1100);
  int asked = 0;
  while (ahead.ask())
    ++asked;
  EXPECT_EQ(asked, 1 + 2);
  EXPECT_EQ(ahead.left(), 0);
  ahead.add(memory.data(), 2 * ReadAhead::kMostBytes);
  EXPECT_TRUE(ahead.full());
  EXPECT_EQ(ahead.left(), ReadAhead::kMostBytes - 1100);
}

TEST(ReadAhead, TakesSoManyPieces) {
  const std::vector<char> memory(4096, 1);
  ReadAhead ahead;
  int pieces = 0;
  while (!ahead.full() && pieces < 100) {
    ahead.add(memory.data(), 64);
    ++pieces;
  }
  EXPECT_LT(pieces, 100);
  ahead.add(memory.data(), 64);
  EXPECT_EQ(ahead.left(), 64 * pieces);
}

} // namespace
