//===- OrderedTasks.cpp - Work on all cores, results in order ---------------===//
#include "OrderedTasks.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

using namespace mixserve;

/// Beyond this many threads a disk is the limit.
static constexpr int64_t kMostThreads = 8;

static int64_t workers() {
  return std::clamp<int64_t>(std::thread::hardware_concurrency(), 1, kMostThreads);
}

int64_t mixserve::usefulSlots() { return workers() + 2; }

namespace {

/// Which tasks were taken, made and used. Task i has slot i % slots: it may be taken once task i -
/// slots was used.
class Progress {
public:
  Progress(int64_t count, int64_t slots) : count(count), slots(slots), isMade(slots, false) {}

  /// Next task to make, -1 if there is none left. Waits for a free slot.
  int64_t take() {
    std::unique_lock<std::mutex> lock(mutex);
    slotFree.wait(lock, [&] { return taken == count || taken < used + slots; });
    return taken == count ? -1 : taken++;
  }

  void made(int64_t task) {
    {
      std::lock_guard<std::mutex> lock(mutex);
      isMade[task % slots] = true;
    }
    taskMade.notify_one();
  }

  void await(int64_t task) {
    std::unique_lock<std::mutex> lock(mutex);
    taskMade.wait(lock, [&] { return isMade[task % slots]; });
  }

  void release(int64_t task) {
    {
      std::lock_guard<std::mutex> lock(mutex);
      isMade[task % slots] = false;
      used = task + 1;
    }
    slotFree.notify_all();
  }

private:
  const int64_t count, slots;
  std::mutex mutex;
  std::condition_variable slotFree, taskMade;
  std::vector<bool> isMade;
  int64_t taken = 0, used = 0;
};

} // namespace

void mixserve::runInOrder(int64_t count, int64_t slots,
                          llvm::function_ref<void(int64_t, int64_t)> make,
                          llvm::function_ref<void(int64_t, int64_t)> use) {
  if (count <= 1) { // not worth a thread
    for (int64_t task = 0; task < count; ++task) {
      make(task, 0);
      use(task, 0);
    }
    return;
  }
  Progress progress(count, slots);
  auto work = [&] {
    for (int64_t task = progress.take(); task >= 0; task = progress.take()) {
      make(task, task % slots);
      progress.made(task);
    }
  };
  std::vector<std::thread> threads;
  for (int64_t i = 0; i < std::min(workers(), count); ++i)
    threads.emplace_back(work);
  for (int64_t task = 0; task < count; ++task) {
    progress.await(task);
    use(task, task % slots);
    progress.release(task);
  }
  for (std::thread &thread : threads)
    thread.join();
}
