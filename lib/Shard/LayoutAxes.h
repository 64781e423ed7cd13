//===- LayoutAxes.h - The mesh axes of each degree of a layout ----*- C++ -*-===//
#ifndef MIXSERVE_LIB_SHARD_LAYOUTAXES_H
#define MIXSERVE_LIB_SHARD_LAYOUTAXES_H

#include "dialects/plan/PlanDialect.h"
#include "mlir/IR/BuiltinOps.h"

namespace mixserve::shard {

/// The axes along which (rank / low) % (high / low) changes: `low` = 1, `high` = 4 are the axes of
/// groups of 4 consecutive ranks. An axis that is cut gives a sub-axis; axes of size 1 appear nowhere.
/// Fails if a cut does not fall on the mesh. `high` divides the number of ranks, `low` divides `high`.
mlir::FailureOr<plan::AxesAttr> axesBetween(plan::MeshAttr mesh, int64_t low, int64_t high);

/// Set arithmetic; the results are ordered outer to inner with neighbouring parts joined.
plan::AxesAttr unite(plan::MeshAttr mesh, plan::AxesAttr a, plan::AxesAttr b);
plan::AxesAttr subtract(plan::MeshAttr mesh, plan::AxesAttr from, plan::AxesAttr what);
bool overlap(plan::MeshAttr mesh, plan::AxesAttr a, plan::AxesAttr b);

/// Axes of every degree of the module's layout. Ranks of TP groups are consecutive.
struct LayoutAxes {
  plan::MeshAttr mesh;
  plan::LayoutAttr layout;
  plan::AxesAttr attnTp, attnDp, moeTp, moeEp;
  plan::AxesAttr world;    ///< all ranks
  plan::AxesAttr inNode;   ///< the innermost mesh axis: ranks of a node
  plan::AxesAttr betweenNodes; ///< the others: ranks of a lane

  /// Reads `plan.mesh` and `plan.layout`; fails with (S6) or (S7) if they do not fit each other.
  static mlir::FailureOr<LayoutAxes> of(mlir::ModuleOp module);
  /// The axes that split the token rows of a set: a rank's owned rows are its alone, group rows are
  /// shared by its attention group, lane rows by its node peers on other nodes.
  plan::AxesAttr rowAxes(plan::RowSet rows) const;
  /// Ranks that split KV heads: attn_tp, or fewer where heads are copied (the major part of its axes).
  mlir::FailureOr<plan::AxesAttr> kvAxes(int64_t kvHeads) const;
};

} // namespace mixserve::shard

#endif // MIXSERVE_LIB_SHARD_LAYOUTAXES_H
