//===- Passes.td - Emit: local IR to runtime calls and LLVM --*- tablegen -*-===//
#ifndef MIXSERVE_EMIT_PASSES
#define MIXSERVE_EMIT_PASSES

include "mlir/Pass/PassBase.td"

def OutlineLayers : Pass<"mixserve-outline-layers", "::mlir::ModuleOp"> {
  let summary = "One function per kind of layer, called once per layer";
  let description = [{
    In: step functions (`plan.method`) whose layer ops carry `nn.layer`. Out: the ops of a layer are a
    call of a private function `@layer_kind_<i>(rows..., batch, params..., layer, caches...)`; layers
    that differ only in parameters, layer number and cache number share it, also between step
    functions. Linear in the number of ops. Fails if the ops of a layer cannot stand together.
    Remarks every kind in category `emit`.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::func::FuncDialect"];
}

def AssignBuffers : Pass<"mixserve-assign-buffers", "::mlir::ModuleOp"> {
  let summary = "A static byte offset in the rank's arena for every activation";
  let description = [{
    In: step functions and layer functions with row sets on all activations, `plan.limits` and
    `plan.layout`. Out: `emit.offsets` (one per tensor result; -1: the caller's buffer) and
    `emit.scratch` (offsets of an op's own working memory) on ops, `emit.arena_bytes` on the module.
    Offsets are multiples of 64 and are reused once the last reader is past. Fails on a
    tensor whose number of rows has no bound.
  }];
}

def LowerToRuntime : Pass<"mixserve-lower-to-runtime", "::mlir::ModuleOp"> {
  let summary = "Tensors become arena pointers; ops become loops or mxs_* calls";
  let description = [{
    In: the module after assign-buffers. Out: no tensor is left. Norms, rotary embedding, activation
    and elementwise ops are `scf` loops over `memref`, runs of them one row
    function that `mxs_for_rows` shares out over threads; GEMMs, attention, routing, permutation and
    collectives are calls of mixserve_rt.h; the region of a fused dispatch is a function over a range of
    rows; `@mxs_model_main` runs the step function of a variant. Parameters are numbered in module
    order, as in the manifest. Fails, naming it, on an op that has no lowering. A module that has
    `@mxs_model_main` is done already and stays.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::func::FuncDialect",
                           "::mlir::LLVM::LLVMDialect", "::mlir::math::MathDialect",
                           "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect"];
}

def ExpandPointerCasts : Pass<"mixserve-expand-pointer-casts", "::mlir::ModuleOp"> {
  let summary = "Casts from !llvm.ptr to static memrefs become memref descriptors";
  let description = [{
    In: `builtin.unrealized_conversion_cast %p : !llvm.ptr to memref<AxBxf32>`. Out: the same memref, from
    a descriptor that the standard memref conversion folds away.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

def VerifyEmitted : Pass<"mixserve-verify-emitted", "::mlir::ModuleOp"> {
  let summary = "Fails on anything that is not LLVM dialect, and on calls nobody provides";
  let description = [{
    In: the module after all conversions. Fails on an op of another dialect, and on a declared
    function that is not in mixserve_rt.h, each named with its location. Changes nothing.
  }];
}
#endif
