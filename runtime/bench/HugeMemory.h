//===- HugeMemory.h - Memory that benchmarks read, filled by all threads ------------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_BENCH_HUGEMEMORY_H
#define MIXSERVE_RUNTIME_BENCH_HUGEMEMORY_H

#include "threads/ThreadPool.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <new>
#include <sys/mman.h>
#include <vector>

namespace mxs::bench {

/// Anonymous memory, in huge pages where allowed.
class HugeMemory {
public:
  explicit HugeMemory(int64_t bytes) : size(bytes) {
    void *start = ::mmap(nullptr, static_cast<size_t>(size), PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED)
      throw std::bad_alloc();
    ::madvise(start, static_cast<size_t>(size), MADV_HUGEPAGE);
    data = static_cast<uint8_t *>(start);
  }
  /// Full of copies of `part`.
  template <class T> HugeMemory(int64_t bytes, const std::vector<T> &part) : HugeMemory(bytes) {
    fill(size, static_cast<int64_t>(part.size() * sizeof(T)), [&](int64_t begin, int64_t end) {
      std::memcpy(data + begin, part.data(), static_cast<size_t>(end - begin));
    });
  }
  ~HugeMemory() { ::munmap(data, static_cast<size_t>(size)); }
  HugeMemory(const HugeMemory &) = delete;
  HugeMemory &operator=(const HugeMemory &) = delete;

  /// Calls write(begin, end) for pieces of `length` bytes of the first `bytes`, on all threads,
  /// whose NUMA nodes' the pages become.
  template <class Write> void fill(int64_t bytes, int64_t length, const Write &write) const {
    ThreadPool::process().parallelFor((bytes + length - 1) / length, [&](int64_t piece, int) {
      write(piece * length, std::min(bytes, (piece + 1) * length));
    });
  }

  uint8_t *data = nullptr;
  const int64_t size;
};

} // namespace mxs::bench

#endif // MIXSERVE_RUNTIME_BENCH_HUGEMEMORY_H
