//===- Interrupt.cpp - Ctrl-C leaves nothing half-written -------------------===//
#include "tools/mixserve-compile/Interrupt.h"
#include "mixserve/Emit/EmitArtifact.h"
#include "llvm/Support/Signals.h"

#include <csignal>
#include <thread>
#include <unistd.h>

void mixserve::tools::cleanUpOnInterrupt() {
  sigset_t signals;
  sigemptyset(&signals);
  for (int signal : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction action;
    if (sigaction(signal, nullptr, &action) == 0 && action.sa_handler != SIG_IGN)
      sigaddset(&signals, signal);
  }
  // A thread that waits may lock and remove folders; a signal handler may not.
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::thread([signals] {
    int signal = 0;
    if (sigwait(&signals, &signal) != 0)
      return;
    removeUnfinishedArtifacts();
    llvm::sys::RunInterruptHandlers(); // removes files that are open for output
    std::signal(signal, SIG_DFL);
    pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
    kill(getpid(), signal);
  }).detach();
}
