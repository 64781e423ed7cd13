//===- Passes.h - Shard: from the whole model to one rank ---------*- C++ -*-===//
#ifndef MIXSERVE_SHARD_PASSES_H
#define MIXSERVE_SHARD_PASSES_H

#include "dialects/coll/CollDialect.h"
#include "dialects/moe/MoEDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"

namespace mixserve {

#define GEN_PASS_DECL
#include "mixserve/Shard/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "mixserve/Shard/Passes.h.inc"

/// Raised IR with a plan (after phase plan) to local IR with collectives, ending in verify-sharded.
void buildShardPipeline(mlir::OpPassManager &pm);
/// Registers it as `mixserve-phase-shard`.
void registerShardPipeline();

} // namespace mixserve

#endif // MIXSERVE_SHARD_PASSES_H
