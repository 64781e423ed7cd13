// What may be left: the LLVM dialect, and declarations of functions of mixserve_rt.h. Nothing changes.
// RUN: mixserve-opt %s -o %t.mlir
// RUN: mixserve-opt %s -mixserve-verify-emitted -mixserve-verify-emitted | diff %t.mlir -

llvm.func @mxs_arena(!llvm.ptr) -> !llvm.ptr
llvm.mlir.global private constant @inv_freq_0(dense<1.0> : tensor<2xf64>) : !llvm.array<2 x f64>
llvm.func internal @layer(%ctx: !llvm.ptr) {
  %arena = llvm.call @mxs_arena(%ctx) : (!llvm.ptr) -> !llvm.ptr
  llvm.return
}
