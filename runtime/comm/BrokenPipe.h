//===- BrokenPipe.h - Writes to a peer that is gone ---------------------------------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_COMM_BROKENPIPE_H
#define MIXSERVE_RUNTIME_COMM_BROKENPIPE_H

#include <cerrno>
#include <csignal>
#include <ctime>

namespace mxs {

inline sigset_t brokenPipe() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGPIPE);
  return set;
}

inline bool isBrokenPipeBlocked() {
  sigset_t now;
  pthread_sigmask(SIG_BLOCK, nullptr, &now);
  return sigismember(&now, SIGPIPE);
}

/// For the calling thread: a peer that is gone is an error of the write, not the end of this
/// process. A thread of ranks says so once, which spares it two system calls at every look at the
/// network.
inline void blockBrokenPipe() {
  const sigset_t set = brokenPipe();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

/// As it was. What came meanwhile has been seen as an error and is dropped.
inline void allowBrokenPipe() {
  const sigset_t set = brokenPipe();
  const timespec atOnce = {};
  while (sigtimedwait(&set, nullptr, &atOnce) < 0 && errno == EINTR) {
  }
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

} // namespace mxs

#endif // MIXSERVE_RUNTIME_COMM_BROKENPIPE_H
