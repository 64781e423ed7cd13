//===- DispatchRegion.h - What goes into a fused dispatch ---------*- C++ -*-===//
#ifndef MIXSERVE_LIB_FUSE_DISPATCHREGION_H
#define MIXSERVE_LIB_FUSE_DISPATCHREGION_H

#include "dialects/coll/CollDialect.h"
#include "llvm/ADT/SetVector.h"

namespace mixserve::fuse {

/// The row-wise ops before a dispatch, what they read and what later ops need of them.
struct DispatchRegion {
  llvm::SmallVector<mlir::Operation *> ops;  ///< in program order
  llvm::SetVector<mlir::Value> inputs;       ///< owned rows from outside; the sum of `reduce` first
  llvm::SmallVector<mlir::Value> kept;       ///< owned rows that other ops need after the dispatch
  coll::ReduceScatterOp reduce;              ///< attention's reduce_scatter if it goes in, else null
  coll::ReduceScatterOp spanningReduce;      ///< one that stays outside: its ranks are not in one node

  /// Collects the region of `dispatch`, whose rows arrive with `gather`. Fails, and says why in `reason`
  /// with its label, if there is none (F5) or it cannot stand where the gather stands (F4).
  static mlir::FailureOr<DispatchRegion> of(coll::DispatchOp dispatch, coll::AllGatherOp gather,
                                            plan::MeshAttr mesh, std::string &reason);
};

} // namespace mixserve::fuse

#endif // MIXSERVE_LIB_FUSE_DISPATCHREGION_H
