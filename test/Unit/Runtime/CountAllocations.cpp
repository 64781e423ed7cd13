//===- CountAllocations.cpp -----------------------------------------------------------------===//
#include "CountAllocations.h"

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <execinfo.h>

static std::atomic<bool> counting{false};
static std::atomic<int> counted{0};
static thread_local bool exempted = false;

static void count() {
  if (!counting.load(std::memory_order_relaxed) || exempted)
    return;
  ++counted;
  if (!std::getenv("HM_TRACE"))
    return;
  // Where from? For whoever has to mend it.
  exempted = true;
  void *frames[24];
  backtrace_symbols_fd(frames, backtrace(frames, 24), 2);
  std::fputs("--\n", stderr);
  exempted = false;
}

void allocations::begin() {
  counted = 0;
  counting = true;
}

int allocations::end() {
  counting = false;
  return counted;
}

void allocations::exempt(bool off) { exempted = off; }

// They must be seen by the libraries, though the rest of the program is hidden.
#pragma GCC visibility push(default)
extern "C" {
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

void *malloc(size_t size) {
  count();
  return __libc_malloc(size);
}
void *calloc(size_t n, size_t size) {
  count();
  return __libc_calloc(n, size);
}
void *realloc(void *memory, size_t size) {
  count();
  return __libc_realloc(memory, size);
}
void *aligned_alloc(size_t alignment, size_t size) {
  count();
  return __libc_memalign(alignment, size);
}
int posix_memalign(void **out, size_t alignment, size_t size) {
  count();
  *out = __libc_memalign(alignment, size);
  return *out ? 0 : ENOMEM;
}
}
#pragma GCC visibility pop
