//===- MpiThread.h - The one thread that calls MPI -----------------------------------*- C++
//-*-===//
//
// MPI moves bytes only while it is called. This thread calls it and sleeps in between: 20 us while
// things happen, longer the longer nothing does, never on a busy core. Who hands it work wakes it.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_RUNTIME_COMM_MPITHREAD_H
#define MIXSERVE_RUNTIME_COMM_MPITHREAD_H

#include "comm/MpiEngine.h"

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace mxs {

class MpiTransport;

class MpiThread {
public:
  explicit MpiThread(const MpiOptions &options) : options(options) {}

  const MpiOptions options;
  int node = 0, nodes = 0; ///< set by MPI_Init

  /// Runs `work` on the thread and returns what it gave. `work` bounds itself by the deadline; if
  /// it hangs inside MPI all the same: MXS_TIMEOUT, and `work` may still run.
  Status run(const char *what, std::function<Status()> work);
  /// There is something to do. From any thread.
  void wake();

  // The rest on the thread only.
  /// Polls `transport` between works; null: none.
  void serve(MpiTransport *transport) { served = transport; }
  /// After a failure MPI is not ended.
  void markFailed(bool value = true) { failed = value; }
  bool hasFailed() const { return failed; }
  void main();

private:
  struct Work {
    std::function<Status()> action;
    Status status;
    bool done = false;
  };
  int64_t sleepNs(int64_t quietNs) const;

  std::mutex mutex;
  std::condition_variable changed, finished;
  std::shared_ptr<Work> next;
  bool poked = false, stop = false;
  bool working = false; ///< a work runs

  MpiTransport *served = nullptr;
  bool failed = false;

  friend class MpiProcessImpl;
};

} // namespace mxs

#endif // MIXSERVE_RUNTIME_COMM_MPITHREAD_H
