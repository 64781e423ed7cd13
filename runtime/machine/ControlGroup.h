//===- ControlGroup.h - What a container or a job scheduler lets this process use ---*- C++ -*-===//
//
// An affinity mask says nothing of `docker --cpus 2` or `--memory 4g`: those are limits of control
// groups, of both versions (cgroups(7)). A limit of any group above the process's own holds, too.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_RUNTIME_MACHINE_CONTROLGROUP_H
#define MIXSERVE_RUNTIME_MACHINE_CONTROLGROUP_H

#include <cstdint>
#include <string>

namespace mxs {

struct ControlGroup {
  double cpuTime = 0; ///< CPUs' worth of time (cpu.max, cfs_quota_us); 0: no limit
  int cpus = 0;       ///< CPUs that may be used (cpuset); 0: not known
  int64_t memory = 0; ///< bytes (memory.max, limit_in_bytes); 0: no limit

  /// Of this process. Files that are missing or odd are no limits. `root`: where /proc and /sys
  /// are, for tests.
  static ControlGroup read(const std::string &root = "");
};

/// Memory that this process may use.
struct UsableMemory {
  double bytes = 0;
  bool ofGroup = false; ///< of its control group, which has less than the machine

  static UsableMemory read(const std::string &root = "");
  const char *owner() const { return ofGroup ? "its control group" : "this machine"; }
};

} // namespace mxs

#endif // MIXSERVE_RUNTIME_MACHINE_CONTROLGROUP_H
