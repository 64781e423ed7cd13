//===- Arena.cpp - Offsets of buffers by lifetime ---------------------------===//
#include "Arena.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"
#include <cassert>

using namespace mixserve;

namespace {
struct Placed {
  int64_t offset, bytes, end;
};
} // namespace

ArenaLayout mixserve::layOutArena(llvm::ArrayRef<Lifetime> lifetimes) {
  assert(llvm::is_sorted(lifetimes, [](auto &a, auto &b) { return a.begin < b.begin; }));
  ArenaLayout layout;
  llvm::SmallVector<Placed> live; // ascending offset
  for (const Lifetime &lifetime : lifetimes) {
    llvm::erase_if(live, [&](const Placed &p) { return p.end < lifetime.begin; });
    const int64_t bytes = llvm::alignTo(lifetime.bytes, kBufferAlignment);
    int64_t offset = 0;
    auto next = live.begin();
    for (; next != live.end() && next->offset - offset < bytes; ++next)
      offset = next->offset + next->bytes;
    live.insert(next, Placed{offset, bytes, lifetime.end});
    layout.offsets.push_back(offset);
    layout.bytes = std::max(layout.bytes, offset + bytes);
  }
  return layout;
}
