//===- CpuShare.h - How many threads this process should compute with ---------------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_MACHINE_CPUSHARE_H
#define MIXSERVE_RUNTIME_MACHINE_CPUSHARE_H

#include <string>

namespace mxs {

struct CpuShare {
  int mask = 1;       ///< CPUs of the affinity mask
  int host = 1;       ///< CPUs that all processes of this host's launch may use together
  double cpuTime = 0; ///< ControlGroup::cpuTime; 0: no limit
  int processes = 1;  ///< of the launch on this host

  /// Of this process, one of so many that were launched on this host. `root`: where /proc and /sys
  /// are, for tests.
  static CpuShare read(int processes, const std::string &root = "");

  /// The mask's CPUs, but no more than a fair share of the host's, which processes that the
  /// launcher has not bound (`mpirun --bind-to none`) would all claim, nor than the time that the
  /// control group grants: threads beyond it would be stopped in the middle of a step, and all
  /// others wait for them. At least 1; fractions count down. Processes are taken to be alike and to
  /// share their control group; where they are not, MXS_THREADS says it better.
  int threads() const;
};

} // namespace mxs

#endif // MIXSERVE_RUNTIME_MACHINE_CPUSHARE_H
