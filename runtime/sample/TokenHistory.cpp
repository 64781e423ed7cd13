//===- TokenHistory.cpp ---------------------------------------------------------------------===//
#include "sample/TokenHistory.h"

#include <algorithm>
#include <new>

using namespace mxs;

Status TokenHistory::create(int slots, int64_t capacity) {
  positions = capacity;
  ids.reset(new (std::nothrow) int32_t[static_cast<size_t>(slots) * static_cast<size_t>(capacity)]);
  return ids ? okStatus()
             : resourceExhausted("cannot allocate the token history of " + std::to_string(slots) +
                                 " sequences of " + std::to_string(capacity) +
                                 " tokens; compile with a smaller --max-seqs or --max-context");
}

void TokenHistory::record(int slot, int64_t first, const int32_t *tokens, int64_t count) {
  std::copy_n(tokens, count, ids.get() + int64_t(slot) * positions + first);
}
