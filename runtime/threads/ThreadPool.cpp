//===- ThreadPool.cpp -----------------------------------------------------------------------===//
#include "threads/ThreadPool.h"

#include "core/Env.h"
#include "machine/CpuShare.h"

#include <algorithm>
#include <chrono>
#include <sched.h>

using namespace mxs;

/// Most parts that a call's tasks are cut into.
static constexpr int kMostShares = 16;

/// One call of parallelFor, on its caller's stack. The mutex guards all but `shares`, `empty` and
/// `inside`, which are also read without it.
struct ThreadPool::Job {
  Job(TaskFunction fn, AheadFunction ahead, int64_t tasks, int threads)
      : fn(fn), ahead(ahead), shareCount(sharesOf(tasks, threads)) {
    for (int i = 0; i < shareCount; ++i) {
      shares[i].next.store(beginOf(i, tasks, shareCount), std::memory_order_relaxed);
      shares[i].end = beginOf(i + 1, tasks, shareCount);
    }
  }
  static int64_t beginOf(int share, int64_t tasks, int shares) { return tasks * share / shares; }
  static int sharesOf(int64_t tasks, int threads) {
    return static_cast<int>(std::min<int64_t>({tasks, threads, kMostShares}));
  }
  /// Whether there may be tasks that nobody has claimed.
  bool open() const { return !empty.load(std::memory_order_relaxed); }
  /// A task for the thread with this number, -1 if none is left: the next one of its own share, so
  /// that what it reads lies one behind the other; then of the others'.
  int64_t claim(int worker) {
    for (int i = 0; i < shareCount; ++i) {
      Share &share = shares[(worker + i) % shareCount];
      if (share.next.load(std::memory_order_relaxed) >= share.end)
        continue;
      const int64_t task = share.next.fetch_add(1, std::memory_order_relaxed);
      if (task < share.end)
        return task;
    }
    empty.store(true, std::memory_order_relaxed);
    return -1;
  }

  /// Tasks [next, end) that nobody has claimed.
  struct alignas(64) Share {
    std::atomic<int64_t> next;
    int64_t end;
  };
  Share shares[kMostShares];
  const TaskFunction fn;
  const AheadFunction ahead;
  const int shareCount;
  std::atomic<bool> empty{false}; ///< somebody found no task left
  std::atomic<int> inside{0};     ///< helpers that may still touch this job
  std::atomic<int> worker{-1};    ///< the caller's number
  bool waiting = false; ///< the caller sleeps until it gets a number or `changed` otherwise
  std::condition_variable changed;
  Job *link = nullptr;
};

/// The number this thread computes with and the pool it belongs to; -1 outside of tasks.
static thread_local int currentWorker = -1;
static thread_local const ThreadPool *currentPool = nullptr;

/// The Callers that live on this thread, their pool, and the number kept from the last call of it
/// (-1: none).
static thread_local int callersHere = 0;
static thread_local const ThreadPool *callerPool = nullptr;
static thread_local int heldWorker = -1;

/// What this thread asks for while it waits.
static thread_local ReadAhead upcoming;

static void pauseBriefly() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// Asks for what comes next until all of it is, or `done`: 21 us at most.
template <class Done> static void readAhead(const Done &done) {
  while (!done() && upcoming.ask())
    pauseBriefly();
}

/// Waits until `done` or for `most`; says whether it is done. Whoever else can run on this core
/// goes first: the thread that posts and receives messages is not one of the pool's, and a rank
/// that spun for a message would keep it from sending the answer (two hosts on two cores, rows of 2
/// tokens there and back: 480 us, with the yield 260).
template <class Done, class Poll>
static bool spin(const Done &done, const Poll &poll, std::chrono::microseconds most) {
  const auto end = std::chrono::steady_clock::now() + most;
  do {
    sched_yield();
    if (poll())
      return true;
    for (int i = 0; i < 32; ++i) {
      if (done())
        return true;
      pauseBriefly();
    }
  } while (std::chrono::steady_clock::now() < end);
  return done();
}

/// Gives the core to other threads until `poll`, or until this thread itself has taken `left` of it
/// (a look counts as 2 us at most), and for ten times that in all; says whether it is done.
template <class Poll> static bool giveWay(const Poll &poll, std::chrono::nanoseconds left) {
  constexpr std::chrono::microseconds alone(2); // an exchange with another thread takes longer
  auto last = std::chrono::steady_clock::now();
  const auto end = last + 10 * left;
  while (left.count() > 0 && last < end) {
    if (poll())
      return true;
    sched_yield();
    const auto now = std::chrono::steady_clock::now();
    left -= std::min<std::chrono::nanoseconds>(now - last, alone);
    last = now;
  }
  return poll();
}

//===----------------------------------------------------------------------===//
// Start and end
//===----------------------------------------------------------------------===//

ThreadPool &ThreadPool::process() {
  // Never destroyed: a rank that hangs in the model's code may outlive everything else.
  static ThreadPool *const pool = [] {
    Env env;
    // A wrong value is an error where a model is opened; here it means the default.
    const int threads = Env::read(env).ok() ? env.threads : 0;
    return new ThreadPool(threads > 0 ? threads : CpuShare::read(env.launch.local).threads());
  }();
  return *pool;
}

ThreadPool::ThreadPool(int threads) : bound(std::max(1, threads)), placement(bound) {
  for (int worker = bound; worker-- > 0;)
    idle.push_back(worker);
  for (int i = 1; i < bound; ++i)
    pool.emplace_back([this] { workerMain(); });
}

ThreadPool::~ThreadPool() {
  {
    std::lock_guard<std::mutex> lock(mutex);
    stopping = true;
    ++published;
  }
  work.notify_all();
  for (std::thread &thread : pool)
    thread.join();
}

//===----------------------------------------------------------------------===//
// The list of calls; the mutex is held
//===----------------------------------------------------------------------===//

ThreadPool::Job *ThreadPool::openJob() const {
  Job *job = first;
  while (job && !job->open())
    job = job->link;
  return job;
}

void ThreadPool::unlink(Job &job) {
  Job **place = &first;
  while (*place != &job)
    place = &(*place)->link;
  *place = job.link;
}

ThreadPool::Caller::Caller(ThreadPool &pool) : pool(pool) {
  ++pool.callers;
  if (++callersHere == 1)
    callerPool = &pool;
}

ThreadPool::Caller::~Caller() {
  if (--callersHere == 0) {
    pool.releaseHeld();
    callerPool = nullptr;
  }
  --pool.callers;
}

void ThreadPool::releaseHeld() {
  if (callerPool != this || heldWorker < 0)
    return;
  std::lock_guard<std::mutex> lock(mutex);
  releaseWorker(heldWorker);
  heldWorker = -1;
}

bool ThreadPool::isNumberWanted() const {
  for (const Job *job = first; job; job = job->link)
    if (job->waiting && job->worker < 0)
      return true;
  return false;
}

/// Callers that wait for a number come before pool threads.
void ThreadPool::releaseWorker(int worker) {
  placement.leave(worker);
  for (Job *job = first; job; job = job->link)
    if (job->waiting && job->worker < 0) {
      job->worker = worker;
      job->changed.notify_one();
      return;
    }
  idle.push_back(worker);
  if (openJob()) { // of another caller, who found all numbers taken
    ++published;
    // With a rank for every core, whoever gave the number back comes to assist before it sleeps.
    if (sleepers > 0 && spinners.load() == 0 && callers.load() < bound)
      work.notify_one();
  }
}

/// With more ranks than cores another one may want this core, and to go to sleep and be woken would
/// take longer than most waits.
template <class Done, class Poll>
bool ThreadPool::linger(const Done &done, const Poll &poll, std::chrono::microseconds most) const {
  if (callers.load() > bound)
    return giveWay(poll, kShared);
  if (most == kNear) // else the network wants to be looked at
    readAhead(done);
  return spin(done, poll, most);
}

//===----------------------------------------------------------------------===//
// Calls
//===----------------------------------------------------------------------===//

int64_t ThreadPool::firstTask(int64_t tasks, int worker) const {
  const int shares = Job::sharesOf(tasks, bound);
  return shares == 0 ? 0 : Job::beginOf(std::min(worker, shares), tasks, shares);
}

void ThreadPool::run(Job &job, int worker) {
  if (job.ahead)
    upcoming = job.ahead(worker);
  for (int64_t task; (task = job.claim(worker)) >= 0;)
    job.fn(task, worker);
}

void ThreadPool::parallelFor(int64_t tasks, TaskFunction fn, AheadFunction ahead) {
  if (tasks <= 0)
    return;
  if (currentPool == this) {
    for (int64_t task = 0; task < tasks; ++task)
      fn(task, currentWorker);
    return;
  }
  Job job(fn, ahead, tasks, bound);
  int wake = 0;
  std::unique_lock<std::mutex> lock(mutex);
  Job **end = &first;
  while (*end)
    end = &(*end)->link;
  *end = &job;
  const bool isCaller = callerPool == this;
  if (isCaller && heldWorker >= 0) {
    job.worker = heldWorker;
    heldWorker = -1;
  } else if (!idle.empty()) {
    job.worker = idle.back();
    idle.pop_back();
  }
  if (const int64_t help = std::min<int64_t>(tasks - 1, static_cast<int64_t>(idle.size()))) {
    ++published;
    wake = static_cast<int>(std::min<int64_t>(help - spinners.load(), sleepers));
  }
  job.waiting = true;
  // Others may finish a call before its caller gets a number.
  const auto goesOn = [&] {
    return job.worker.load() >= 0 || (!job.open() && job.inside.load() == 0);
  };
  if (!goesOn() && callers.load() > bound) {
    lock.unlock();
    linger(goesOn, goesOn, kNear);
    lock.lock();
  }
  job.changed.wait(lock, goesOn);
  job.waiting = false;
  if (job.worker >= 0) {
    lock.unlock();
    for (; wake > 0; --wake)
      work.notify_one();
    const ThreadPool *outer = currentPool;
    const int outerWorker = currentWorker;
    currentPool = this;
    currentWorker = job.worker;
    if (isCaller)
      placement.settle(job.worker);
    run(job, job.worker);
    currentPool = outer;
    currentWorker = outerWorker;
    lock.lock();
    if (isCaller && (job.inside.load() == 0 || !isNumberWanted()))
      heldWorker = job.worker;
    else
      releaseWorker(job.worker);
  }
  awaitHelpers(job, lock);
  unlink(job);
}

void ThreadPool::help(Job &job, int worker, const Condition &done,
                      std::unique_lock<std::mutex> &lock) {
  ++job.inside;
  lock.unlock();
  const ThreadPool *outer = currentPool;
  const int outerWorker = currentWorker;
  currentPool = this;
  currentWorker = worker;
  if (job.ahead)
    upcoming = job.ahead(worker);
  placement.settle(worker);
  while (!done()) {
    const int64_t task = job.claim(worker);
    if (task < 0)
      break;
    job.fn(task, worker);
  }
  currentPool = outer;
  currentWorker = outerWorker;
  lock.lock();
  if (--job.inside == 0)
    job.changed.notify_one();
}

bool ThreadPool::coreFree() const {
  return spinners.load() < static_cast<int>(idle.size()) &&
         callers.load() - waiting.load() + spinners.load() < bound;
}

bool ThreadPool::assist(const Condition &done, const Condition &poll,
                        std::chrono::microseconds most) {
  if (currentPool == this)
    return done();
  std::unique_lock<std::mutex> lock(mutex);
  bool ready = done();
  while (!ready) {
    if (Job *job = idle.empty() ? nullptr : openJob()) {
      const int worker = idle.back();
      idle.pop_back();
      help(*job, worker, done, lock);
      releaseWorker(worker);
      ready = done();
      continue;
    }
    if (callers.load() <= bound && !coreFree())
      break;
    const uint64_t seen = published.load();
    const auto isPublished = [&] { return published.load(std::memory_order_acquire) != seen; };
    ++spinners;
    lock.unlock();
    const bool changed = linger([&] { return done() || isPublished(); },
                                [&] { return poll() || isPublished(); }, most);
    lock.lock();
    --spinners;
    ready = done();
    if (!changed)
      break;
  }
  return ready;
}

void ThreadPool::awaitHelpers(Job &job, std::unique_lock<std::mutex> &lock) {
  if (job.inside.load() == 0)
    return;
  if (heldWorker >= 0 ||
      spinners.load() < static_cast<int>(idle.size())) { // its core is still its own
    lock.unlock(); // not counted as a spinner: those come to help
    const auto alone = [&] { return job.inside.load(std::memory_order_acquire) == 0; };
    linger(alone, alone, kNear);
    lock.lock(); // the last helper may still hold it: only now is the job nobody else's
  }
  job.changed.wait(lock, [&] { return job.inside.load() == 0; });
}

void ThreadPool::awaitWork(std::unique_lock<std::mutex> &lock) {
  const uint64_t seen = published.load();
  if (std::max(1, callers.load()) + spinners.load() < bound) {
    ++spinners;
    lock.unlock();
    const auto isPublished = [&] { return published.load(std::memory_order_acquire) != seen; };
    readAhead(isPublished);
    spin(isPublished, isPublished, kNear);
    lock.lock();
    --spinners;
  }
  if (published.load() == seen) {
    ++sleepers;
    work.wait(lock);
    --sleepers;
  }
}

void ThreadPool::workerMain() {
  std::unique_lock<std::mutex> lock(mutex);
  currentPool = this;
  while (!stopping) {
    Job *job = idle.empty() ? nullptr : openJob();
    if (!job) {
      awaitWork(lock);
      continue;
    }
    const int worker = currentWorker = idle.back();
    idle.pop_back();
    // Keep the number from job to job: a waiting caller's tasks are done by whoever has one.
    for (; job; job = openJob()) {
      ++job->inside;
      lock.unlock();
      placement.settle(worker);
      run(*job, worker);
      lock.lock();
      if (--job->inside == 0)
        job->changed.notify_one();
    }
    currentWorker = -1;
    releaseWorker(worker);
  }
}
