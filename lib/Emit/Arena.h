//===- Arena.h - Offsets of buffers by lifetime -------------------*- C++ -*-===//
#ifndef MIXSERVE_LIB_EMIT_ARENA_H
#define MIXSERVE_LIB_EMIT_ARENA_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include <cstdint>

namespace mixserve {

/// Every buffer starts at a multiple of this [byte].
inline constexpr int64_t kBufferAlignment = 64;

/// A buffer that is needed from step `begin` to step `end`, both included.
struct Lifetime {
  int64_t bytes = 0;
  int64_t begin = 0, end = 0;
};

struct ArenaLayout {
  llvm::SmallVector<int64_t> offsets; ///< one per lifetime [byte]
  int64_t bytes = 0;                  ///< end of the highest buffer, aligned
};

/// Lays buffers out so that two that live at the same step never overlap. Linear scan in order of
/// `begin`; a buffer takes the lowest gap that fits. Lifetimes must be sorted by `begin`.
ArenaLayout layOutArena(llvm::ArrayRef<Lifetime> lifetimes);

} // namespace mixserve

#endif // MIXSERVE_LIB_EMIT_ARENA_H
