//===- NumaSpread.cpp -----------------------------------------------------------------------===//
#include "machine/NumaSpread.h"

#include "machine/IdList.h"

#include <algorithm>
#include <fstream>
#include <linux/mempolicy.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

using namespace mxs;

static std::vector<int> idsIn(const std::string &path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  return parseIdList(line);
}

std::vector<int> mxs::numaNodesOfThread(const std::string &root) {
  const std::string folder = root + "/sys/devices/system/node/";
  cpu_set_t mask;
  CPU_ZERO(&mask);
  if (::sched_getaffinity(0, sizeof mask, &mask) != 0) // more CPUs than cpu_set_t holds
    return {};
  std::vector<int> nodes = idsIn(folder + "has_memory");
  const auto isFar = [&](int node) {
    const std::vector<int> cpus = idsIn(folder + "node" + std::to_string(node) + "/cpulist");
    return std::none_of(cpus.begin(), cpus.end(),
                        [&](int cpu) { return cpu < CPU_SETSIZE && CPU_ISSET(cpu, &mask); });
  };
  nodes.erase(std::remove_if(nodes.begin(), nodes.end(), isFar), nodes.end());
  return nodes;
}

NumaSpread::NumaSpread(const std::vector<int> &nodes) {
  constexpr int kBits = 8 * sizeof(unsigned long), kMost = 1024;
  int mode = MPOL_DEFAULT;
  if (nodes.size() < 2 || ::syscall(SYS_get_mempolicy, &mode, nullptr, 0, nullptr, 0) != 0 ||
      mode != MPOL_DEFAULT)
    return;
  unsigned long mask[kMost / kBits] = {};
  for (int node : nodes)
    if (node < kMost)
      mask[node / kBits] |= 1ul << (node % kBits);
  // The kernel takes one bit less than it is told.
  isSet = ::syscall(SYS_set_mempolicy, MPOL_INTERLEAVE, mask, kMost + 1ul) == 0;
}

NumaSpread::~NumaSpread() {
  if (isSet)
    ::syscall(SYS_set_mempolicy, MPOL_DEFAULT, nullptr, 0);
}
