// RUN: mixserve-opt %s -mixserve-expand-pointer-casts -o %t.once.mlir
// RUN: FileCheck %s --input-file=%t.once.mlir
// A second run changes nothing.
// RUN: mixserve-opt %t.once.mlir -mixserve-expand-pointer-casts | diff %t.once.mlir -

// CHECK-LABEL: func.func @pointer
// CHECK-SAME: (%[[P:.*]]: !llvm.ptr,
// CHECK-COUNT-2: llvm.insertvalue %[[P]]
// CHECK: %[[D:.*]] = llvm.insertvalue %{{.*}}[4, 1] : !llvm.struct<(ptr, ptr, i64, array<2 x i64>, array<2 x i64>)>
// CHECK-NEXT: builtin.unrealized_conversion_cast %[[D]] : !llvm.struct<{{.*}}> to memref<5x8xf32>
func.func @pointer(%p: !llvm.ptr, %i: index) -> f32 {
  %m = builtin.unrealized_conversion_cast %p : !llvm.ptr to memref<5x8xf32>
  %x = memref.load %m[%i, %i] : memref<5x8xf32>
  return %x : f32
}

// What is not a pointer to a memref of static shape stays.
// CHECK-LABEL: func.func @others
// CHECK-NEXT: builtin.unrealized_conversion_cast %{{.*}} : !llvm.ptr to memref<?xf32>
// CHECK-NEXT: builtin.unrealized_conversion_cast %{{.*}} : !llvm.ptr to i64
// CHECK-NEXT: builtin.unrealized_conversion_cast %{{.*}} : i64 to memref<4xf32>
func.func @others(%p: !llvm.ptr, %n: i64) {
  %a = builtin.unrealized_conversion_cast %p : !llvm.ptr to memref<?xf32>
  %b = builtin.unrealized_conversion_cast %p : !llvm.ptr to i64
  %c = builtin.unrealized_conversion_cast %n : i64 to memref<4xf32>
  return
}
