//===- MpiThread.h - The thread that calls MPI when nobody else does ----------------*- C++ -*-===//
//
// MPI moves bytes only while it is called. This thread calls it and sleeps in between: 20 us while
// things happen, longer the longer nothing does, never on a busy core. Who hands it work wakes it.
// A rank that waits awake calls MPI itself, one thread at a time; this one then only keeps watch.
//
// MPI may keep a thread for ever, as Open MPI does when a peer's socket broke (MpiSettings.h). So a
// watch looks at whoever calls it, and whoever waits for that is told.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_RUNTIME_COMM_MPITHREAD_H
#define MIXSERVE_RUNTIME_COMM_MPITHREAD_H

#include "comm/CallWatch.h"
#include "comm/MpiEngine.h"

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace mxs {

class MpiTransport;

/// A rank or link was lost, as the exit codes of the tools have it.
inline constexpr int kHungExit = 5;

class MpiThread {
public:
  explicit MpiThread(const MpiOptions &options);

  const MpiOptions options;
  const int64_t lostAfterNs; ///< silence after which a node, or this thread, counts as lost
  int node = 0, nodes = 0;   ///< set by MPI_Init

  /// Runs `work` on the thread and returns what it gave. `work` bounds itself by the deadline; if
  /// the thread hangs inside MPI, before it or in it: MXS_TIMEOUT, and `work` may still run.
  Status run(const char *what, std::function<Status()> work);
  /// There is something to do. From any thread.
  void wake();

  /// The right to call MPI, for a thread that waits anyway; while it lives. A socket that breaks
  /// meanwhile is no signal to the thread.
  class Turn {
  public:
    explicit Turn(MpiThread &thread);
    ~Turn();
    Turn(const Turn &) = delete;
    Turn &operator=(const Turn &) = delete;
    /// False: another thread calls MPI or wants to for long, or one has hung inside it.
    explicit operator bool() const { return lock.owns_lock(); }

  private:
    MpiThread &thread;
    std::unique_lock<std::timed_mutex> lock;
    bool restores = false; ///< SIGPIPE was not blocked before
  };

  // The rest on the thread, or during a turn.
  /// Polls `transport` between works; null: none.
  void serve(MpiTransport *transport);
  /// What is called now, a literal: it returns soon, or hangs.
  void calls(const char *what) { watch.enter(what); }
  /// After a failure MPI is neither used nor ended. Empty: there was none.
  void markFailed(std::string why) { failure = std::move(why); }
  bool hasFailed() const { return !failure.empty(); }
  const std::string &whyFailed() const { return failure; }
  void main();

private:
  struct Work {
    std::function<Status()> action;
    Status status;
    bool done = false;
  };
  /// Polls what is served; returns how long to sleep.
  int64_t look();
  /// The thread's own turn. Ranks that poll leave it a gap only by chance; if that takes too long
  /// they stand back.
  std::unique_lock<std::timed_mutex> waitForTurn();
  /// On the watch's thread.
  void hangs(const char *call);

  std::mutex mutex;
  std::condition_variable changed, finished;
  std::shared_ptr<Work> next;
  bool poked = false, stop = false;
  bool working = false;         ///< a work runs
  const char *hungIn = nullptr; ///< the call that does not return

  std::timed_mutex engine;            ///< held by whoever calls MPI
  std::atomic<bool> wanted{false};    ///< the thread has waited too long for it
  std::atomic<bool> rankCalls{false}; ///< a rank does
  std::atomic<bool> hung{false};      ///< somebody did not come back from it
  int64_t lastNs = 0;                 ///< when something happened last; the thread's own

  std::mutex servedMutex; ///< held while `served` is changed, or told that the thread hangs
  MpiTransport *served = nullptr;
  std::string failure;
  CallWatch watch; ///< last: it looks at the others

  friend class MpiProcessImpl;
};

} // namespace mxs

#endif // MIXSERVE_RUNTIME_COMM_MPITHREAD_H
