// RUN: mixserve-opt %s -verify-roundtrip | mixserve-opt | FileCheck %s
// RUN: mixserve-opt %s -mlir-print-op-generic | mixserve-opt | FileCheck %s

// CHECK: nn.param @w : tensor<64x64xf32> from [#nn.box<"w.data", offset = 16, type = bf16, at = [0, 0], shape = [64, 64], strides = [1, 64]>] {pack = #nn.pack<n64>, sharding = #plan.sharding<[{"device"}, {}]>}
nn.param @w : tensor<64x64xf32> from [#nn.box<"w.data", offset = 16, type = bf16, at = [0, 0], shape = [64, 64], strides = [1, 64]>] {sharding = #plan.sharding<[{"device"}, {}]>, pack = #nn.pack<n64>}
// CHECK: nn.param @experts {{.*}} {nn.element = "int4", nn.group = 32 : i64, pack = #nn.pack<n64>}
nn.param @experts : tensor<2x4x8xf32> from [#nn.box<"w.data", offset = 0, type = f32, at = [0, 0, 0], shape = [2, 4, 8], strides = [32, 8, 1]>] {pack = #nn.pack<n64>, nn.element = "int4", nn.group = 32 : i64}
// CHECK: nn.param @rows {{.*}} {nn.element = "bf16", pack = #nn.pack<plain>}
nn.param @rows : tensor<4x8xf32> from [#nn.box<"w.data", offset = 0, type = f32, at = [0, 0], shape = [4, 8], strides = [8, 1]>] {pack = #nn.pack<plain>, nn.element = "bf16"}
nn.param @table : tensor<320x64xf32> from [#nn.box<"w.data", offset = 0, type = f32, at = [0, 0], shape = [320, 64], strides = [64, 1]>]
nn.param @rope : tensor<16x64xf32> from [#nn.box<"w.data", offset = 0, type = f32, at = [0, 0], shape = [16, 64], strides = [64, 1]>]
nn.param @uk : tensor<128x8xf32> from [#nn.box<"w.data", offset = 0, type = f32, at = [0, 0], shape = [128, 8], strides = [8, 1]>]
nn.param @uv : tensor<64x32xf32> from [#nn.box<"w.data", offset = 0, type = f32, at = [0, 0], shape = [64, 32], strides = [32, 1]>]
nn.param @norm : tensor<16xf32> from [#nn.box<"w.data", offset = 0, type = f32, at = [0], shape = [16], strides = [1]>]

// CHECK-LABEL: func.func @every_op(
// CHECK-SAME: %[[B:.*]]: !nn.batch)
func.func @every_op(%b: !nn.batch) -> tensor<?x32xf32> {
  // CHECK: %[[IDS:.*]] = nn.tokens %[[B]] : tensor<?xi32>
  %ids = nn.tokens %b : tensor<?xi32>
  %table = nn.param_ref @table : tensor<320x64xf32>
  // CHECK: nn.embedding %[[IDS]], %{{.*}} : tensor<?xi32>, tensor<320x64xf32> -> tensor<?x64xf32>
  %x = nn.embedding %ids, %table : tensor<?xi32>, tensor<320x64xf32> -> tensor<?x64xf32>
  // CHECK: nn.param_ref @w : tensor<32x64xf32>
  %w = nn.param_ref @w : tensor<32x64xf32>
  // CHECK: nn.linear %{{.*}}, %{{.*}} {nn.layer = 0 : i64} : tensor<?x64xf32>, tensor<32x64xf32> -> tensor<?x32xf32>
  %k = nn.linear %x, %w {nn.layer = 0 : i64} : tensor<?x64xf32>, tensor<32x64xf32> -> tensor<?x32xf32>
  %n = nn.param_ref @norm : tensor<16xf32>
  // CHECK: nn.rms_norm %{{.*}}, %{{.*}} eps 9.9999999999999995E-7 : tensor<?x64xf32>, tensor<16xf32>
  %q = nn.rms_norm %x, %n eps 1.0e-6 : tensor<?x64xf32>, tensor<16xf32>
  // CHECK: nn.rope %{{.*}}, %[[B]] {head_dim = 16 : i64, inv_freq = array<f64: 1.000000e+00, 5.000000e-01>, scale = 1.000000e+00 : f64} : tensor<?x64xf32>
  %r = nn.rope %q, %b {head_dim = 16 : i64, inv_freq = array<f64: 1.0, 0.5>, scale = 1.0 : f64} : tensor<?x64xf32>
  // CHECK: nn.attention {{.*}} {cache = 3 : i64, head_dim = 16 : i64, heads = 4 : i64, kv_heads = 2 : i64, scale = 2.500000e-01 : f64} : tensor<?x64xf32>, tensor<?x32xf32> -> tensor<?x64xf32>
  %a = nn.attention %r, %k, %k, %b {cache = 3 : i64, head_dim = 16 : i64, heads = 4 : i64, kv_heads = 2 : i64, scale = 0.25 : f64} : tensor<?x64xf32>, tensor<?x32xf32> -> tensor<?x64xf32>
  %qn = nn.linear %x, %w : tensor<?x64xf32>, tensor<32x64xf32> -> tensor<?x32xf32>
  %qr = nn.rope %x, %b {head_dim = 16 : i64, inv_freq = array<f64: 1.0, 0.5>, scale = 1.0 : f64} : tensor<?x64xf32>
  %c = nn.linear %x, %w : tensor<?x64xf32>, tensor<32x64xf32> -> tensor<?x32xf32>
  %kr = nn.param_ref @rope : tensor<16x64xf32>
  %kp = nn.linear %x, %kr : tensor<?x64xf32>, tensor<16x64xf32> -> tensor<?x16xf32>
  %uk = nn.param_ref @uk : tensor<128x8xf32>
  %uv = nn.param_ref @uv : tensor<64x32xf32>
  // CHECK: nn.latent_attention {{.*}}, %[[B]] {cache = 4 : i64, heads = 4 : i64, scale = 2.500000e-01 : f64} : (tensor<?x32xf32>, tensor<?x64xf32>, tensor<?x32xf32>, tensor<?x16xf32>, tensor<128x8xf32>, tensor<64x32xf32>) -> tensor<?x64xf32>
  %l = nn.latent_attention %qn, %qr, %c, %kp, %uk, %uv, %b {cache = 4 : i64, heads = 4 : i64, scale = 0.25 : f64} : (tensor<?x32xf32>, tensor<?x64xf32>, tensor<?x32xf32>, tensor<?x16xf32>, tensor<128x8xf32>, tensor<64x32xf32>) -> tensor<?x64xf32>
  %y = nn.linear %a, %w : tensor<?x64xf32>, tensor<32x64xf32> -> tensor<?x32xf32>
  // CHECK: nn.select_rows %{{.*}}, %[[B]] : tensor<?x32xf32> -> tensor<?x32xf32>
  %s = nn.select_rows %y, %b : tensor<?x32xf32> -> tensor<?x32xf32>
  return %s : tensor<?x32xf32>
}
