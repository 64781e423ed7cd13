//===- TokenHistory.h - The tokens of every cached sequence --------------------------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_SAMPLE_TOKENHISTORY_H
#define MIXSERVE_RUNTIME_SAMPLE_TOKENHISTORY_H

#include "core/Status.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace mxs {

/// Every token of a sequence enters through a batch descriptor, so each rank knows the sequences of
/// its group without being told again: the repetition penalty needs no further message.
class TokenHistory {
public:
  /// MXS_RESOURCE_EXHAUSTED: no memory.
  Status create(int slots, int64_t capacity);

  /// Tokens at positions `first`, first + 1, ... of `slot`. What followed them before is void.
  void record(int slot, int64_t first, const int32_t *tokens, int64_t count);
  /// Tokens of `slot` at positions [0, count) that were recorded.
  const int32_t *tokens(int slot) const { return ids.get() + int64_t(slot) * positions; }

private:
  int64_t positions = 0;
  std::unique_ptr<int32_t[]> ids; // not touched before it is written
};

} // namespace mxs

#endif // MIXSERVE_RUNTIME_SAMPLE_TOKENHISTORY_H
