//===- NumaSpread.h - Weights on all memory controllers of the machine --------------*- C++ -*-===//
//
// A page of a file comes to the NUMA node of the thread that first touches it, and stays. Which
// expert's weights a thread reads changes with every step, so no placement is near for all of them;
// what matters is that every node's memory gives its part. Whoever has one process per node, bound
// to it (`mpirun --map-by numa --bind-to numa`), has near memory as well: its threads touch its
// ranks' files alone.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_RUNTIME_MACHINE_NUMASPREAD_H
#define MIXSERVE_RUNTIME_MACHINE_NUMASPREAD_H

#include <string>
#include <vector>

namespace mxs {

/// NUMA nodes that have memory and CPUs that the calling thread may run on, ascending; empty if the
/// system does not say. `root`: where /sys is, for tests.
std::vector<int> numaNodesOfThread(const std::string &root = "");

/// While it lives, new pages that its thread brings in go to these nodes in turn. Does nothing for
/// fewer than two nodes, where the system refuses (containers may), or where a policy is set
/// already: `numactl` knows better.
class NumaSpread {
public:
  explicit NumaSpread(const std::vector<int> &nodes);
  ~NumaSpread();
  NumaSpread(const NumaSpread &) = delete;
  NumaSpread &operator=(const NumaSpread &) = delete;

  bool active() const { return isSet; }

private:
  bool isSet = false;
};

} // namespace mxs

#endif // MIXSERVE_RUNTIME_MACHINE_NUMASPREAD_H
