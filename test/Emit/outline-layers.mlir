// RUN: mixserve-opt %s -mixserve-outline-layers -o %t.once.mlir
// RUN: FileCheck %s --input-file=%t.once.mlir
// A second run changes nothing.
// RUN: mixserve-opt %t.once.mlir -mixserve-outline-layers | diff %t.once.mlir -
// RUN: mixserve-opt %s -mixserve-outline-layers --remarks-filter=emit --remark-format=emitRemark --remark-policy=all -verify-diagnostics -o /dev/null

#own = #plan.sharding<[{"device"}, {}], rows = owned>
!own = tensor<?x64xf32, #own>

nn.param @norm0 : tensor<64xf32> from [#nn.box<"w", offset = 0, type = f32, at = [0], shape = [64], strides = [1]>]
nn.param @norm1 : tensor<64xf32> from [#nn.box<"w", offset = 256, type = f32, at = [0], shape = [64], strides = [1]>]

// Layers that differ in number, parameters, chooser and bytes are one kind; what they read and what is read
// of them is passed. References of parameters and ops outside layers stay.
// CHECK-LABEL: func.func @step_allgather
// CHECK-SAME: (%[[X:.*]]: tensor
// CHECK: %[[N0:.*]] = nn.param_ref @norm0
// CHECK: %[[A:.*]] = call @layer_kind_0(%[[X]], %[[N0]], %c0_i32)
// CHECK: %[[N1:.*]] = nn.param_ref @norm1
// CHECK: %[[B:.*]] = call @layer_kind_0(%[[A]], %[[N1]], %c1_i32)
// CHECK: %[[C:.*]] = call @layer_kind_1(%[[B]], %[[N1]], %c2_i32)
// CHECK: %[[Y:.*]] = arith.negf %[[C]]
// CHECK: return %[[Y]]
func.func @step_allgather(%x: !own) -> !own attributes {plan.method = #plan.method<allgather>} {
  %n0 = nn.param_ref @norm0 {nn.layer = 0 : i64} : tensor<64xf32>
  // expected-remark @below {{layer 0 is the first of layer_kind_0}}
  %h0 = nn.rms_norm %x, %n0 eps 1.0e-6 {nn.layer = 0 : i64, plan.chosen_by = "replicated"} : !own, tensor<64xf32>
  %a = arith.addf %x, %h0 {nn.layer = 0 : i64} : !own
  %n1 = nn.param_ref @norm1 {nn.layer = 1 : i64} : tensor<64xf32>
  %h1 = nn.rms_norm %a, %n1 eps 1.0e-6 {nn.layer = 1 : i64, plan.chosen_by = "propagated"} : !own, tensor<64xf32>
  %b = arith.addf %a, %h1 {nn.layer = 1 : i64} : !own
  // Another eps, another kind.
  // expected-remark @below {{layer 2 is the first of layer_kind_1}}
  %h2 = nn.rms_norm %b, %n1 eps 1.0e-5 {nn.layer = 2 : i64} : !own, tensor<64xf32>
  %c = arith.addf %b, %h2 {nn.layer = 2 : i64} : !own
  %y = arith.negf %c : !own
  return %y : !own
}

// Step functions of other methods share the kinds.
// CHECK-LABEL: func.func @step_hybrid
// CHECK: call @layer_kind_0
// CHECK-NOT: nn.rms_norm
// CHECK: return
func.func @step_hybrid(%x: !own) -> !own attributes {plan.method = #plan.method<hybrid>} {
  %n = nn.param_ref @norm1 : tensor<64xf32>
  %h = nn.rms_norm %x, %n eps 1.0e-6 {nn.layer = 7 : i64} : !own, tensor<64xf32>
  %a = arith.addf %x, %h {nn.layer = 7 : i64} : !own
  return %a : !own
}

// Caches are arguments too: layers with different ones are one kind.
// CHECK-LABEL: func.func @step_flat_ep
// CHECK: call @layer_kind_2({{.*}}, %c0_i32{{.*}}, %c4_i32{{.*}})
// CHECK: call @layer_kind_2({{.*}}, %c1_i32{{.*}}, %c5_i32{{.*}})
func.func @step_flat_ep(%q: !own, %b: !nn.batch) -> !own attributes {plan.method = #plan.method<flat_ep>} {
  // expected-remark @below {{layer 0 is the first of layer_kind_2}}
  %a = nn.attention %q, %q, %q, %b {cache = 4 : i64, head_dim = 16 : i64, heads = 4 : i64, kv_heads = 4 : i64, scale = 0.25 : f64, nn.layer = 0 : i64} : !own, !own -> !own
  %c = nn.attention %a, %a, %a, %b {cache = 5 : i64, head_dim = 16 : i64, heads = 4 : i64, kv_heads = 4 : i64, scale = 0.25 : f64, nn.layer = 1 : i64} : !own, !own -> !own
  return %c : !own
}

// Only step functions have layers.
// CHECK-LABEL: func.func @no_method
// CHECK: nn.rms_norm
func.func @no_method(%x: !own, %n: tensor<64xf32>) -> !own {
  %h = nn.rms_norm %x, %n eps 1.0e-6 {nn.layer = 0 : i64} : !own, tensor<64xf32>
  return %h : !own
}

// CHECK: func.func private @layer_kind_0(%[[X:.*]]: tensor<{{.*}}, %[[N:.*]]: tensor<64xf32>, %{{.*}}: i32 {emit.layer})
// CHECK-NEXT: %[[H:.*]] = nn.rms_norm %[[X]], %[[N]]
// CHECK-NOT: nn.layer
// CHECK: return
// CHECK: func.func private @layer_kind_1
// CHECK: func.func private @layer_kind_2({{.*}}i32 {emit.layer}, %{{.*}}: i32 {emit.cache})
// CHECK: nn.attention {{.*}}cache = 0
// CHECK-NOT: func.func
