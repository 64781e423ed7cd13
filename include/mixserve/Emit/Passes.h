//===- Passes.h - Emit: local IR to runtime calls and LLVM --------*- C++ -*-===//
#ifndef MIXSERVE_EMIT_PASSES_H
#define MIXSERVE_EMIT_PASSES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"

namespace mixserve {

#define GEN_PASS_DECL
#include "mixserve/Emit/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "mixserve/Emit/Passes.h.inc"

/// On an op: byte offsets in the arena of its tensor results, in order (i64 array); -1: the buffer
/// that the caller of the layer function passes.
inline constexpr llvm::StringLiteral kOffsetsAttr = "emit.offsets";
/// On an op: byte offsets in the arena of its working memory (i64 array); which is said at the
/// lowering.
inline constexpr llvm::StringLiteral kScratchAttr = "emit.scratch";
/// On the module: bytes of the arena that every rank needs (i64).
inline constexpr llvm::StringLiteral kArenaBytesAttr = "emit.arena_bytes";
/// On an i32 argument of a layer function: it is the layer's number, or a cache number.
inline constexpr llvm::StringLiteral kLayerArgAttr = "emit.layer";
inline constexpr llvm::StringLiteral kCacheArgAttr = "emit.cache";

/// Fused local IR (after phase fuse) to the LLVM dialect, ending in verify-emitted.
void buildEmitPipeline(mlir::OpPassManager &pm);
/// Registers it as `mixserve-phase-emit`.
void registerEmitPipeline();
/// The dialects that phase emit makes.
void registerEmitDialects(mlir::DialectRegistry &registry);

} // namespace mixserve

#endif // MIXSERVE_EMIT_PASSES_H
