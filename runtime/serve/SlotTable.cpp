//===- SlotTable.cpp ------------------------------------------------------------------------===//
#include "serve/SlotTable.h"

#include <cstddef>
#include <tuple>

using namespace mxs;

SlotTable::SlotTable(int groupCount, int slotsPerGroup, int nodes)
    : groups(static_cast<size_t>(groupCount)), takenOfNode(static_cast<size_t>(nodes)) {
  for (int g = 0; g < groupCount; ++g) {
    Group &group = groups[static_cast<size_t>(g)];
    group.node = static_cast<int>(int64_t(g) * nodes / groupCount);
    for (int slot = slotsPerGroup; slot-- > 0;)
      group.free.push_back(slot);
  }
}

bool SlotTable::take(int64_t tokens, int &group, int &slot) {
  // All groups have the same number of slots: more free ones are fewer sequences.
  const auto load = [&](const Group &of) {
    return std::make_tuple(-static_cast<int64_t>(of.free.size()),
                           takenOfNode[static_cast<size_t>(of.node)], of.promised);
  };
  Group *best = nullptr;
  for (Group &candidate : groups)
    if (!candidate.free.empty() && (!best || load(candidate) < load(*best)))
      best = &candidate;
  if (!best)
    return false;
  group = static_cast<int>(best - groups.data());
  slot = best->free.back();
  best->free.pop_back();
  best->promised += tokens;
  ++takenOfNode[static_cast<size_t>(best->node)];
  ++takenSlots;
  return true;
}

void SlotTable::giveBack(int group, int slot, int64_t tokens) {
  Group &from = groups[static_cast<size_t>(group)];
  from.free.push_back(slot);
  from.promised -= tokens;
  --takenOfNode[static_cast<size_t>(from.node)];
  --takenSlots;
}
