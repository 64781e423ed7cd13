//===- KvCache.h - Keys and values of one rank, by slot ---------------------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_CORE_KVCACHE_H
#define MIXSERVE_RUNTIME_CORE_KVCACHE_H

#include "core/Manifest.h"

#include <cstdint>
#include <vector>

namespace mxs {

/// For every cache, slot and local kv head: keys transposed [D][capacity] (attention scores are
/// vectorised over positions) and values [capacity][D], float32. The memory is reserved at once and
/// backed when first written, so unused context costs address space only.
class KvCache {
public:
  KvCache() = default;
  KvCache(const KvCache &) = delete;
  KvCache &operator=(const KvCache &) = delete;
  ~KvCache();

  /// `capacity`: positions of a slot. MXS_RESOURCE_EXHAUSTED: no address space.
  Status create(const std::vector<CacheEntry> &caches, int slots, int64_t capacity);

  int count() const { return static_cast<int>(shapes.size()); }
  int kvHeads(int cache) const { return shapes[static_cast<size_t>(cache)].kvHeads; }
  int headDim(int cache) const { return shapes[static_cast<size_t>(cache)].headDim; }
  int64_t capacity() const { return positions; }

  /// [D][capacity]
  float *keys(int cache, int slot, int head) const;
  /// [capacity][D]
  float *values(int cache, int slot, int head) const;

  /// Stores k, v [rows, kv_heads * D] at positions `first`, first + 1, ... of `slot`.
  void append(int cache, int slot, int64_t first, int64_t rows, const float *k, const float *v);

private:
  std::vector<CacheEntry> shapes;
  std::vector<int64_t> begins; // floats before each cache
  int slotCount = 0;
  int64_t positions = 0;
  float *memory = nullptr;
  size_t bytes = 0;
};

} // namespace mxs

#endif // MIXSERVE_RUNTIME_CORE_KVCACHE_H
