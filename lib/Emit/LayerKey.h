//===- LayerKey.h - When are two layers of the same kind? ---------*- C++ -*-===//
#ifndef MIXSERVE_LIB_EMIT_LAYERKEY_H
#define MIXSERVE_LIB_EMIT_LAYERKEY_H

#include "mlir/IR/Operation.h"
#include <vector>

namespace mixserve {

/// The ops of one layer in program order, with what they take from outside and what others take.
struct LayerGroup {
  int64_t layer = 0;
  llvm::SmallVector<mlir::Operation *> ops;
  llvm::SmallVector<mlir::Value> inputs;  ///< in order of first use
  llvm::SmallVector<mlir::Value> outputs; ///< results with users outside, in program order
  llvm::SmallVector<int64_t> caches;      ///< cache numbers, in program order
};

/// Fills inputs, outputs and caches from `ops`. An input is a value that no op of the group makes.
void findInterface(LayerGroup &group);

/// Equal keys: the same ops on the same types, wired alike; only parameters (they are inputs),
/// layer number and cache numbers may differ, and notes that change no result (who chose a
/// sharding). Linear in the ops of the group.
std::vector<const void *> layerKey(const LayerGroup &group);

} // namespace mixserve

#endif // MIXSERVE_LIB_EMIT_LAYERKEY_H
