//===- Passes.h - Fuse: neighbouring collectives become one -------*- C++ -*-===//
#ifndef MIXSERVE_FUSE_PASSES_H
#define MIXSERVE_FUSE_PASSES_H

#include "dialects/coll/CollDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"

namespace mixserve {

#define GEN_PASS_DECL
#include "mixserve/Fuse/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "mixserve/Fuse/Passes.h.inc"

/// Local IR (after phase shard) to local IR with fused collectives, ending in verify-fused.
void buildFusePipeline(mlir::OpPassManager &pm);
/// Registers it as `mixserve-phase-fuse`.
void registerFusePipeline();

} // namespace mixserve

#endif // MIXSERVE_FUSE_PASSES_H
