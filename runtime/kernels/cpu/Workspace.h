//===- Workspace.h - Scratch memory that outlives a call ----------------------------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_KERNELS_CPU_WORKSPACE_H
#define MIXSERVE_RUNTIME_KERNELS_CPU_WORKSPACE_H

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>

namespace mxs::cpu {

/// Memory for activations, nullptr if there is none; free() releases it. 64-byte aligned. Where it
/// is large it lies on huge pages if the system allows them: it is gone through by columns and at
/// random. Pages come to the node of the thread that first writes them.
void *allocateLarge(size_t bytes);

/// Memory of one rank, handed out anew in every call. It grows only when a call asks for more than
/// every call before it: `reserve` for the largest one at start, and no step allocates.
class Workspace {
public:
  /// Room for what `take` gives until the next call of this. Throws std::bad_alloc.
  void reserve(int64_t bytes) {
    used = 0;
    if (bytes <= size)
      return;
    memory.reset();
    memory.reset(static_cast<uint8_t *>(allocateLarge(static_cast<size_t>(paddedBytes(bytes)))));
    size = memory ? paddedBytes(bytes) : 0;
    if (!memory)
      throw std::bad_alloc();
  }

  /// `count` elements, 64-byte aligned, not initialised.
  template <class T> T *take(int64_t count) {
    T *result = reinterpret_cast<T *>(memory.get() + used);
    used += paddedBytes(count * static_cast<int64_t>(sizeof(T)));
    return result;
  }

  /// Bytes that can be taken in a call.
  int64_t capacity() const { return size; }

  /// What `bytes` bytes take up.
  static constexpr int64_t paddedBytes(int64_t bytes) {
    return (bytes + kAlignment - 1) / kAlignment * kAlignment;
  }

private:
  static constexpr int64_t kAlignment = 64;
  struct Free {
    void operator()(uint8_t *start) const { std::free(start); }
  };
  std::unique_ptr<uint8_t, Free> memory;
  int64_t size = 0, used = 0;
};

} // namespace mxs::cpu

#endif // MIXSERVE_RUNTIME_KERNELS_CPU_WORKSPACE_H
