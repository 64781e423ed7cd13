//===- SlotTable.cpp ------------------------------------------------------------------------===//
#include "serve/SlotTable.h"

#include <cstddef>

using namespace mxs;

SlotTable::SlotTable(int groupCount, int slotsPerGroup) : groups(static_cast<size_t>(groupCount)) {
  for (Group &group : groups)
    for (int slot = slotsPerGroup; slot-- > 0;)
      group.free.push_back(slot);
}

bool SlotTable::take(int64_t tokens, int &group, int &slot) {
  Group *best = nullptr;
  for (Group &candidate : groups) {
    if (candidate.free.empty())
      continue;
    // More free slots are fewer sequences: all groups have the same number.
    if (!best || candidate.free.size() > best->free.size() ||
        (candidate.free.size() == best->free.size() && candidate.promised < best->promised))
      best = &candidate;
  }
  if (!best)
    return false;
  group = static_cast<int>(best - groups.data());
  slot = best->free.back();
  best->free.pop_back();
  best->promised += tokens;
  ++takenSlots;
  return true;
}

void SlotTable::giveBack(int group, int slot, int64_t tokens) {
  Group &from = groups[static_cast<size_t>(group)];
  from.free.push_back(slot);
  from.promised -= tokens;
  --takenSlots;
}
