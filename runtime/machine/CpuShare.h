//===- CpuShare.h - How many threads this process should compute with ---------------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_MACHINE_CPUSHARE_H
#define MIXSERVE_RUNTIME_MACHINE_CPUSHARE_H

namespace mxs {

struct CpuShare {
  int mask = 1;       ///< CPUs of the affinity mask
  int host = 1;       ///< CPUs that all processes of this host's launch may use together
  double cpuTime = 0; ///< ControlGroup::cpuTime; 0: no limit
  int processes = 1;  ///< of the launch on this host

  /// Of this process, one of so many that were launched on this host.
  static CpuShare read(int processes);

  /// The mask's CPUs, but no more than a fair share of the host's, which processes that the
  /// launcher has not bound (`mpirun --bind-to none`) would all claim, nor than the time that the
  /// control group grants: threads beyond it would be stopped in the middle of a step, and all
  /// others wait for them. At least 1; fractions count down.
  int threads() const;
};

} // namespace mxs

#endif // MIXSERVE_RUNTIME_MACHINE_CPUSHARE_H
