//===- ThreadPool.h - The compute threads that the ranks of a process share ---------*- C++ -*-===//
//
// One pool per process. A rank hands it a loop of tasks and takes part itself; pool threads help
// while fewer threads compute than the bound allows. The bound holds for ranks too: with more ranks
// than cores, a rank waits for its turn (and other threads may do its tasks meanwhile), so compute
// never oversubscribes the cores.
//
// A rank that waits for another one does that one's tasks meanwhile (assist), where a core is free.
// Waiting threads spin for at most 50 us (for another node 500) after what they read ahead, and
// only where they and what computes fit the bound. With more ranks than cores they offer their core
// to others at every look, until they have taken 500 us of it themselves. Then they sleep. A call
// allocates nothing. Tasks must not wait for other ranks: that is what bounds every wait here. A
// rank stuck in a task is found by who leads its node's step.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_RUNTIME_THREADS_THREADPOOL_H
#define MIXSERVE_RUNTIME_THREADS_THREADPOOL_H

#include "threads/Placement.h"
#include "threads/ReadAhead.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

namespace mxs {

/// Refers to a callable `void(int64_t task, int worker)` of the caller; owns nothing.
class TaskFunction {
public:
  template <class Body, class = std::enable_if_t<!std::is_same_v<std::decay_t<Body>, TaskFunction>>>
  TaskFunction(const Body &body)
      : object(&body), call([](const void *object, int64_t task, int worker) {
          (*static_cast<const Body *>(object))(task, worker);
        }) {}
  void operator()(int64_t task, int worker) const { call(object, task, worker); }

private:
  const void *object;
  void (*call)(const void *, int64_t, int);
};

/// Refers to a callable `ReadAhead(int worker)` of the caller, or to none; owns nothing. It must
/// not throw and may be called on any thread, while the call runs.
class AheadFunction {
public:
  AheadFunction() : object(nullptr), call(nullptr) {}
  template <class Body,
            class = std::enable_if_t<!std::is_same_v<std::decay_t<Body>, AheadFunction>>>
  AheadFunction(const Body &body)
      : object(&body), call([](const void *object, int worker) {
          return ReadAhead((*static_cast<const Body *>(object))(worker));
        }) {}
  explicit operator bool() const { return call != nullptr; }
  ReadAhead operator()(int worker) const { return call(object, worker); }

private:
  const void *object;
  ReadAhead (*call)(const void *, int);
};

/// Refers to a callable `bool()` of the caller; owns nothing.
class Condition {
public:
  template <class Body, class = std::enable_if_t<!std::is_same_v<std::decay_t<Body>, Condition>>>
  Condition(const Body &body)
      : object(&body),
        call([](const void *object) { return bool((*static_cast<const Body *>(object))()); }) {}
  bool operator()() const { return call(object); }

private:
  const void *object;
  bool (*call)(const void *);
};

class ThreadPool {
public:
  /// At most `threads` (>= 1) threads compute at once; starts `threads` - 1 of its own.
  explicit ThreadPool(int threads);
  /// No call may be running.
  ~ThreadPool();
  ThreadPool(const ThreadPool &) = delete;
  ThreadPool &operator=(const ThreadPool &) = delete;

  /// The pool of this process, started on first use with Env::threads (MXS_THREADS), or with its
  /// share of the CPUs (machine/CpuShare.h). It lives until the process ends.
  static ThreadPool &process();

  int threads() const { return bound; }

  /// Calls fn(task, worker) once for each task in [0, tasks), in any order, on any thread, and
  /// returns when all calls have returned; what they wrote is then visible to the caller. `worker`
  /// is in [0, threads()) and differs between all threads that compute at the same time, in all
  /// calls: index scratch memory with it. `fn` must not throw. A call from inside a task runs
  /// inline with the worker of that task.
  ///
  /// `ahead`: what the thread with a number is likely to read in the caller's next call, which it
  /// asks for while it waits. Without, threads go on with what the call before said.
  void parallelFor(int64_t tasks, TaskFunction fn, AheadFunction ahead = {});

  /// The first of the tasks that the thread with this number claims, of so many; tasks
  /// [firstTask(w), firstTask(w + 1)) are its own, as long as the other threads have theirs.
  int64_t firstTask(int64_t tasks, int worker) const;

  /// For a thread that is about to sleep until another one has made `done()` true. Where fewer
  /// threads compute than the bound allows it does tasks of running calls; where fewer ranks need a
  /// core than there are, it spins; until `done()` or until there was nothing to do for as long as
  /// waiting threads stay awake (above). Returns done(); if false, sleep. `done` is called often
  /// and on this thread only; a task that has begun is finished first.
  bool assist(Condition done) { return assist(done, done, kNear); }
  /// For something from another node. `poll()` gives what `done()` does, but may first do something
  /// about it: it looks at the network. Called while it spins, without locks. Spins for up to 500
  /// us (with more ranks than cores as above): nodes are not as even as the cores of one, and what
  /// wakes a sleeper takes 50 us or more.
  bool assistPolling(Condition done, Condition poll) { return assist(done, poll, kFar); }

  /// While it lives, its thread waits for another one: it needs no core of its own, and gives the
  /// number back that it holds. Around assist() and the sleep that follows.
  class Waiting {
  public:
    explicit Waiting(ThreadPool &pool) : pool(pool) {
      pool.releaseHeld();
      ++pool.waiting;
    }
    ~Waiting() { --pool.waiting; }
    Waiting(const Waiting &) = delete;
    Waiting &operator=(const Waiting &) = delete;

  private:
    ThreadPool &pool;
  };

  /// While it lives, its thread counts as one that needs a core of its own: hold one per rank, and
  /// end it on the thread that made it. The number of its first call stays with the thread until it
  /// waits (Waiting): between two calls it computes, too, and a number that went from rank to rank
  /// after every call would take a switch of threads each time.
  class Caller {
  public:
    explicit Caller(ThreadPool &pool = ThreadPool::process());
    ~Caller();
    Caller(const Caller &) = delete;
    Caller &operator=(const Caller &) = delete;

  private:
    ThreadPool &pool;
  };

private:
  /// How long a thread spins for others of its process, and for another node.
  static constexpr std::chrono::microseconds kNear{50}, kFar{500};
  /// With more callers than cores: how much time of its own a waiting thread spends on looks before
  /// it sleeps. Of 4 ranks on 2 cores one sleeps in every tenth step of decode, with 50 us two or
  /// three in each.
  static constexpr std::chrono::microseconds kShared{500};
  struct Job;
  friend class Caller;
  friend class Waiting;

  void workerMain();
  static void run(Job &job, int worker);
  /// Does tasks of `job` with the number `worker` until none is left or `done()`.
  void help(Job &job, int worker, const Condition &done, std::unique_lock<std::mutex> &lock);
  Job *openJob() const;
  void releaseWorker(int worker);
  /// Gives back the number that this thread kept from its last call.
  void releaseHeld();
  /// Whether a call waits for a number.
  bool isNumberWanted() const;
  void unlink(Job &job);
  /// Waits awake until `done` or for a moment; says whether it is done. Without the mutex.
  /// It asks for what comes next meanwhile.
  template <class Done, class Poll>
  bool linger(const Done &done, const Poll &poll, std::chrono::microseconds most) const;
  bool assist(const Condition &done, const Condition &poll, std::chrono::microseconds most);
  /// Whether a waiting thread may spin: a rank that has something to do would lack the core.
  bool coreFree() const;
  void awaitHelpers(Job &job, std::unique_lock<std::mutex> &lock);
  void awaitWork(std::unique_lock<std::mutex> &lock);

  const int bound;
  Placement placement;
  std::atomic<int> callers{0};
  std::atomic<int> waiting{0}; ///< callers that wait for each other
  std::atomic<int> spinners{0};
  std::atomic<uint64_t> published{0}; ///< grows with every job that wants help, and at the end

  std::mutex mutex;
  std::condition_variable work;
  Job *first = nullptr;  ///< running and waiting calls, oldest first
  std::vector<int> idle; ///< worker numbers that nobody computes with
  int sleepers = 0;
  bool stopping = false;
  std::vector<std::thread> pool;
};

} // namespace mxs

#endif // MIXSERVE_RUNTIME_THREADS_THREADPOOL_H
