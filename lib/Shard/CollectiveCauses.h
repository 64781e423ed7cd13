//===- CollectiveCauses.h - Which value made which collective necessary -*- C++ -*-===//
#ifndef MIXSERVE_LIB_SHARD_COLLECTIVECAUSES_H
#define MIXSERVE_LIB_SHARD_COLLECTIVECAUSES_H

#include "LayoutAxes.h"
#include "dialects/coll/CollDialect.h"
#include "dialects/nn/NNDialect.h"
#include "llvm/ADT/SetVector.h"

namespace mixserve::shard {

/// True for ops that move bytes between ranks.
bool isCollective(mlir::Operation *op);

/// The mesh axes along which a collective's ranks differ.
plan::AxesAttr axesOf(mlir::Operation *collective, plan::MeshAttr mesh);

using Collectives = llvm::SetVector<mlir::Operation *>;

/// Collectives that take `activation`: its partial sum or its rows had to go elsewhere.
Collectives causedBy(mlir::Value activation);

/// Collectives that bring rows to, or sums from, the users of `ref` along axes that split its parameter.
Collectives causedBy(nn::ParamRefOp ref, plan::ShardingAttr sharding, plan::MeshAttr mesh);

} // namespace mixserve::shard

#endif // MIXSERVE_LIB_SHARD_COLLECTIVECAUSES_H
