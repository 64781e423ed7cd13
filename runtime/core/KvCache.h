//===- KvCache.h - Keys and values of one rank, by slot ---------------------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_CORE_KVCACHE_H
#define MIXSERVE_RUNTIME_CORE_KVCACHE_H

#include "core/Manifest.h"
#include "kernels/cpu/Attention.h"

#include <cstdint>
#include <vector>

namespace mxs {

/// For every cache and slot: of each local kv head, keys [capacity/64][D][64] (a block's scores are
/// one small GEMM) and values [capacity][D]; of a latent cache, rows [capacity][L + R]. The memory
/// is reserved at once and backed when first written, so unused context costs address space only,
/// and pages come to the NUMA node of the thread that first writes them. Long slots ask for huge
/// pages.
class KvCache {
public:
  KvCache() = default;
  KvCache(const KvCache &) = delete;
  KvCache &operator=(const KvCache &) = delete;
  ~KvCache();

  /// `positions` of a slot are rounded up to whole blocks. MXS_RESOURCE_EXHAUSTED: no address
  /// space.
  Status create(const std::vector<CacheEntry> &caches, int slots, int64_t positions);

  int count() const { return static_cast<int>(shapes.size()); }
  /// What the cache holds of a position.
  const CacheEntry &entry(int cache) const { return shapes[static_cast<size_t>(cache)]; }
  cpu::CacheType type(int cache) const { return typeOf(shapes[static_cast<size_t>(cache)]); }
  /// Positions of a slot, a multiple of cpu::kKeyBlock.
  int64_t capacity() const { return positions; }
  /// The slot's heads or rows, as cpu::AttentionSequence wants them.
  char *slot(int cache, int slot) const;

private:
  static cpu::CacheType typeOf(const CacheEntry &cache) {
    return cache.isBf16 ? cpu::CacheType::BF16 : cpu::CacheType::F32;
  }
  int64_t slotBytes(const CacheEntry &cache) const;
  void askForHugePages();

  std::vector<CacheEntry> shapes;
  std::vector<int64_t> begins; // bytes before each cache
  int64_t positions = 0;
  char *memory = nullptr;
  size_t bytes = 0;
};

} // namespace mxs

#endif // MIXSERVE_RUNTIME_CORE_KVCACHE_H
