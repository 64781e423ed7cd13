//===- OrderedTasks.h - Work on all cores, results in order -------*- C++ -*-===//
#ifndef MIXSERVE_LIB_EMIT_ORDEREDTASKS_H
#define MIXSERVE_LIB_EMIT_ORDEREDTASKS_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include <cstdint>

namespace mixserve {

/// Calls make(task, slot) for every task in [0, count) on several threads and use(task, slot) in
/// ascending order on the calling one. A slot is in [0, `slots`) and belongs to one task from its
/// `make` to the end of its `use`, so what slots hold bounds the memory. Neither may throw.
void runInOrder(int64_t count, int64_t slots, llvm::function_ref<void(int64_t, int64_t)> make,
                llvm::function_ref<void(int64_t, int64_t)> use);

/// Slots that keep all cores at work.
int64_t usefulSlots();

} // namespace mixserve

#endif // MIXSERVE_LIB_EMIT_ORDEREDTASKS_H
