//===- ParamTable.h - Number, packing and local part of parameters -*- C++ -*-===//
#ifndef MIXSERVE_LIB_EMIT_PARAMTABLE_H
#define MIXSERVE_LIB_EMIT_PARAMTABLE_H

#include "dialects/nn/WeightPacking.h"
#include "mlir/IR/BuiltinOps.h"

namespace mixserve {

/// A box of a parameter's (global) index space: [begin, begin + size) per dimension.
struct ParamSlice {
  llvm::SmallVector<int64_t> begin, size;
  bool operator==(const ParamSlice &other) const {
    return begin == other.begin && size == other.size;
  }
};

/// The part of `param` that `rank` holds: part c of P of n elements is
/// [floor(c*n/P), floor((c+1)*n/P)), c the rank's coordinate along the axes of the dimension.
ParamSlice sliceOf(nn::ParamOp param, plan::MeshAttr mesh, int64_t rank);

struct ParamEntry {
  nn::ParamOp param;
  nn::Packing packing;   ///< what the IR says, or f32 in the layout that its readers need
  bool isTable = false;  ///< rows of an embedding
  bool isShared = false; ///< every rank holds all of it
};

/// The parameters that the module uses, in module order: entry i is `mxs_param` index i. Weights of
/// nn.linear and moe.expert_ffn are packed n64, all others stay plain. Fails on a parameter that is
/// used both ways or packed in another one, that has no sharding, whose part on some rank does not
/// fit a reference's type, that splits unevenly in another dimension than the experts', or whose
/// groups of scales a split along K would cut.
llvm::FailureOr<llvm::SmallVector<ParamEntry>> collectParams(mlir::ModuleOp module);

} // namespace mixserve

#endif // MIXSERVE_LIB_EMIT_PARAMTABLE_H
