//===- SlotTable.h - Cache slots of the attention groups --------------------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_SERVE_SLOTTABLE_H
#define MIXSERVE_RUNTIME_SERVE_SLOTTABLE_H

#include <cstdint>
#include <vector>

namespace mxs {

/// A sequence stays in its group for life, so the group is chosen once: the one with the fewest
/// sequences; of equal ones that whose node has the fewest, so that few sequences load the links
/// and processors of all nodes; then that with the fewest tokens promised to it, then the lowest.
class SlotTable {
public:
  /// Node n of `nodes` holds the groups [n groups / nodes, (n + 1) groups / nodes); a group that
  /// spans nodes counts for its first.
  SlotTable(int groups, int slotsPerGroup, int nodes);

  /// False: no group has a free slot. `tokens`: prompt and output that may come.
  bool take(int64_t tokens, int &group, int &slot);
  void giveBack(int group, int slot, int64_t tokens);
  int64_t taken() const { return takenSlots; }

private:
  struct Group {
    std::vector<int> free; ///< next one at the back
    int64_t promised = 0;
    int node = 0;
  };
  std::vector<Group> groups;
  std::vector<int> takenOfNode;
  int64_t takenSlots = 0;
};

} // namespace mxs

#endif // MIXSERVE_RUNTIME_SERVE_SLOTTABLE_H
