//===- KvCache.cpp --------------------------------------------------------------------------===//
#include "core/KvCache.h"

#include <cstring>
#include <sys/mman.h>

using namespace mxs;

KvCache::~KvCache() {
  if (memory)
    ::munmap(memory, bytes);
}

Status KvCache::create(const std::vector<CacheEntry> &caches, int slots, int64_t capacity) {
  int64_t total = 0; // floats; the manifest's bounds keep every product but the last sum in 64 bits
  std::vector<int64_t> firsts;
  for (const CacheEntry &cache : caches) {
    int64_t floats = 2 * int64_t(cache.kvHeads) * cache.headDim;
    firsts.push_back(total);
    if (__builtin_mul_overflow(floats, int64_t(slots), &floats) ||
        __builtin_mul_overflow(floats, capacity, &floats) ||
        __builtin_add_overflow(total, floats, &total))
      return resourceExhausted("the KV cache is larger than 64 bits of bytes");
  }
  const size_t size = static_cast<size_t>(total) * sizeof(float);
  if (size > 0) {
    void *address = ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (address == MAP_FAILED)
      return resourceExhausted("cannot reserve " + std::to_string(size) +
                               " bytes for the KV cache; compile with a smaller --max-seqs or "
                               "--max-context");
    memory = static_cast<float *>(address);
    bytes = size;
  }
  shapes = caches;
  begins = std::move(firsts);
  slotCount = slots;
  positions = capacity;
  return okStatus();
}

float *KvCache::keys(int cache, int slot, int head) const {
  const CacheEntry &shape = shapes[static_cast<size_t>(cache)];
  const int64_t headFloats = 2 * positions * shape.headDim; // keys, then values
  return memory + begins[static_cast<size_t>(cache)] +
         (int64_t(slot) * shape.kvHeads + head) * headFloats;
}

float *KvCache::values(int cache, int slot, int head) const {
  return keys(cache, slot, head) + positions * headDim(cache);
}

void KvCache::append(int cache, int slot, int64_t first, int64_t rows, const float *k,
                     const float *v) {
  const int64_t dim = headDim(cache), heads = kvHeads(cache);
  for (int head = 0; head < heads; ++head) {
    float *transposed = keys(cache, slot, head) + first;
    float *stored = values(cache, slot, head) + first * dim;
    for (int64_t row = 0; row < rows; ++row) {
      const float *key = k + (row * heads + head) * dim;
      for (int64_t d = 0; d < dim; ++d)
        transposed[d * positions + row] = key[d];
      std::memcpy(stored + row * dim, v + (row * heads + head) * dim,
                  static_cast<size_t>(dim) * sizeof(float));
    }
  }
}
