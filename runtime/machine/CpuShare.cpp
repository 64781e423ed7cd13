//===- CpuShare.cpp -------------------------------------------------------------------------===//
#include "machine/CpuShare.h"

#include "machine/ControlGroup.h"

#include <algorithm>
#include <sched.h>
#include <thread>
#include <unistd.h>

using namespace mxs;

static int maskCpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) != 0) // more CPUs than cpu_set_t holds
    return static_cast<int>(std::thread::hardware_concurrency());
  return CPU_COUNT(&set);
}

CpuShare CpuShare::read(int processes, const std::string &root) {
  const ControlGroup group = ControlGroup::read(root);
  CpuShare share;
  share.mask = maskCpus();
  share.host = group.cpus > 0 ? group.cpus : static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN));
  share.cpuTime = group.cpuTime;
  share.processes = processes;
  return share;
}

int CpuShare::threads() const {
  int most = mask;
  if (processes > 1)
    most = std::min(most, host / processes);
  if (cpuTime > 0)
    most = static_cast<int>(std::min(double(most), cpuTime / processes));
  return std::max(1, most);
}
