//===- KvCache.cpp --------------------------------------------------------------------------===//
#include "core/KvCache.h"

#include <algorithm>
#include <sys/mman.h>

using namespace mxs;

KvCache::~KvCache() {
  if (memory)
    ::munmap(memory, bytes);
}

int64_t KvCache::slotBytes(const CacheEntry &cache) const {
  return cache.width() * positions * cpu::cacheElementBytes(typeOf(cache));
}

Status KvCache::create(const std::vector<CacheEntry> &caches, int slots, int64_t wanted) {
  shapes = caches;
  positions = (wanted + cpu::kKeyBlock - 1) / cpu::kKeyBlock * cpu::kKeyBlock;
  int64_t total = 0;
  for (const CacheEntry &cache : caches) {
    begins.push_back(total);
    int64_t size = cpu::cacheElementBytes(typeOf(cache));
    for (int64_t factor : {cache.width(), positions, int64_t(slots)})
      if (__builtin_mul_overflow(size, factor, &size))
        return resourceExhausted("the KV cache is larger than 64 bits of bytes");
    if (__builtin_add_overflow(total, size, &total))
      return resourceExhausted("the KV cache is larger than 64 bits of bytes");
  }
  if (total == 0)
    return okStatus();
  void *address = ::mmap(nullptr, static_cast<size_t>(total), PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (address == MAP_FAILED)
    return resourceExhausted("cannot reserve " + std::to_string(total) +
                             " bytes for the KV cache; compile with a smaller --max-seqs or "
                             "--max-context");
  memory = static_cast<char *>(address);
  bytes = static_cast<size_t>(total);
  askForHugePages();
  return okStatus();
}

// Where a head's part of a slot is smaller, a short sequence would be backed by many times what it
// holds.
void KvCache::askForHugePages() {
#ifdef MADV_HUGEPAGE
  constexpr int64_t hugePage = 2 << 20;
  const auto part = [&](const CacheEntry &cache) {
    return (cache.isLatent() ? cache.width() : cache.headDim) * positions *
           cpu::cacheElementBytes(typeOf(cache));
  };
  if (std::all_of(shapes.begin(), shapes.end(),
                  [&](const CacheEntry &cache) { return part(cache) >= hugePage; }))
    ::madvise(memory, bytes, MADV_HUGEPAGE); // a wish: without it pages are small
#endif
}

char *KvCache::slot(int cache, int slot) const {
  return memory + begins[static_cast<size_t>(cache)] +
         int64_t(slot) * slotBytes(shapes[static_cast<size_t>(cache)]);
}
