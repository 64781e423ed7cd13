//===- Workspace.cpp ------------------------------------------------------------------------===//
#include "kernels/cpu/Workspace.h"

#include <sys/mman.h>

void *mxs::cpu::allocateLarge(size_t bytes) {
  constexpr size_t cacheLine = 64, hugePage = 2 << 20;
  const size_t alignment = bytes >= hugePage ? hugePage : cacheLine;
  const size_t padded = (bytes + alignment) / alignment * alignment;
  void *memory = std::aligned_alloc(alignment, padded);
#ifdef MADV_HUGEPAGE
  if (memory && alignment == hugePage)
    ::madvise(memory, padded, MADV_HUGEPAGE); // a wish: without it pages are small
#endif
  return memory;
}
