// DEFINE: %{mesh} = "node"=2, "device"=2
// DEFINE: %{layout} = attn_tp = 2, attn_dp = 2, moe_tp = 2, moe_ep = 2, pp = 1
// DEFINE: %{table} = #plan.entry<max_tokens = 64, method = allgather, chunks = 1>
// DEFINE: %{tiny} = sed -e 's/MESH/%{mesh}/;s/LAYOUT/%{layout}/;s/TABLE/%{table}/' %S/Inputs/tiny.mlir
// One case per (Sn); what is not about the tiny model follows below the runs.
// RUN: mixserve-opt %s -split-input-file -verify-diagnostics -mixserve-assign-shardings

// REDEFINE: %{mesh} = "node"=1, "device"=8
// REDEFINE: %{layout} = attn_tp = 8, attn_dp = 1, moe_tp = 1, moe_ep = 8, pp = 1
// RUN: %{tiny} | not mixserve-opt -mixserve-assign-shardings 2>&1 | FileCheck %s --check-prefix=S1
// S1: error: 'nn.attention' op (S1) 4 heads do not divide over attn_tp = 8; choose an attn_tp that divides 4

// REDEFINE: %{mesh} = "node"=1, "device"=3
// REDEFINE: %{layout} = attn_tp = 1, attn_dp = 3, moe_tp = 3, moe_ep = 1, pp = 1
// REDEFINE: %{tiny} = sed -e 's/MESH/%{mesh}/;s/LAYOUT/%{layout}/;s/TABLE/%{table}/;s/48/50/g' %S/Inputs/tiny.mlir
// RUN: %{tiny} | not mixserve-opt -mixserve-assign-shardings 2>&1 | FileCheck %s --check-prefix=S3
// S3: error: 'moe.experts' op (S3) F = 50 does not divide over moe_tp = 3; choose a moe_tp that divides 50

// REDEFINE: %{tiny} = sed -e 's/MESH/%{mesh}/;s/LAYOUT/%{layout}/;s/TABLE/%{table}/;s/320/321/g;s/offset = [0-9]*/offset = 0/' %S/Inputs/tiny.mlir
// REDEFINE: %{mesh} = "node"=1, "device"=2
// REDEFINE: %{layout} = attn_tp = 2, attn_dp = 1, moe_tp = 1, moe_ep = 2, pp = 1
// RUN: %{tiny} | not mixserve-opt -mixserve-assign-shardings 2>&1 | FileCheck %s --check-prefix=S4
// S4: error: 'nn.embedding' op (S4) V = 321 does not divide over attn_tp = 2; choose an attn_tp that divides 321

// REDEFINE: %{tiny} = sed -e 's/MESH/%{mesh}/;s/LAYOUT/%{layout}/;s/TABLE/%{table}/' %S/Inputs/tiny.mlir
// REDEFINE: %{mesh} = "node"=1, "device"=9
// REDEFINE: %{layout} = attn_tp = 1, attn_dp = 9, moe_tp = 1, moe_ep = 9, pp = 1
// RUN: %{tiny} | not mixserve-opt -mixserve-assign-shardings 2>&1 | FileCheck %s --check-prefix=S5
// S5: error: 'moe.experts' op (S5) 8 experts are fewer than moe_ep = 9: a rank would hold none; choose a moe_ep of at most 8

// REDEFINE: %{mesh} = "node"=2, "device"=3
// REDEFINE: %{layout} = attn_tp = 2, attn_dp = 3, moe_tp = 1, moe_ep = 6, pp = 1
// RUN: %{tiny} | not mixserve-opt -mixserve-assign-shardings 2>&1 | FileCheck %s --check-prefix=S6
// S6: error: (S6) attn_tp = 2 neither divides the 3 ranks of a node nor is a number of whole nodes that divides 6 ranks; choose another attn_tp with --layout

// REDEFINE: %{mesh} = "node"=2, "device"=2
// REDEFINE: %{layout} = attn_tp = 2, attn_dp = 1, moe_tp = 1, moe_ep = 2, pp = 1
// RUN: %{tiny} | not mixserve-opt -mixserve-assign-shardings 2>&1 | FileCheck %s --check-prefix=S7
// S7: error: (S7) attn_tp * attn_dp = 2, but the mesh has 4 ranks; choose degrees whose product is 4 with --layout

// REDEFINE: %{mesh} = "node"=2, "device"=2
// REDEFINE: %{layout} = attn_tp = 2, attn_dp = 2, moe_tp = 2, moe_ep = 2, pp = 2
// RUN: %{tiny} | not mixserve-opt -mixserve-assign-shardings 2>&1 | FileCheck %s --check-prefix=S7P
// S7P: error: (S7) pp = 2 is planned only, it cannot be compiled; choose pp = 1 with --layout

// expected-error @below {{(S7) has no 'plan.mesh'; run the phase plan first}}
module {}

// -----

// (S2): three KV heads on two ranks.
module attributes {plan.mesh = #plan.mesh<["node"=1, "device"=2]>,
                   plan.layout = #plan.layout<attn_tp = 2, attn_dp = 1, moe_tp = 1, moe_ep = 2, pp = 1>} {
  nn.param @k : tensor<48x64xf32> from [#nn.box<"w", offset = 0, type = f32, at = [0, 0], shape = [48, 64], strides = [64, 1]>]
  func.func @step(%h: tensor<?x64xf32>, %q: tensor<?x96xf32>, %v: tensor<?x48xf32>, %batch: !nn.batch) -> tensor<?x96xf32> {
    %w = nn.param_ref @k : tensor<48x64xf32>
    %k = nn.linear %h, %w : tensor<?x64xf32>, tensor<48x64xf32> -> tensor<?x48xf32>
    // expected-error @below {{'nn.attention' op (S2) 3 KV heads neither divide over attn_tp = 2 nor are copied evenly by it; choose an attn_tp that divides, or is a multiple of, 3}}
    %a = nn.attention %q, %k, %v, %batch {cache = 0 : i64, head_dim = 16 : i64, heads = 6 : i64, kv_heads = 3 : i64, scale = 0.25 : f64} : tensor<?x96xf32>, tensor<?x48xf32> -> tensor<?x96xf32>
    return %a : tensor<?x96xf32>
  }
}

// -----

// (S8): a linear that feeds nothing we know.
module attributes {plan.mesh = #plan.mesh<["node"=1, "device"=2]>,
                   plan.layout = #plan.layout<attn_tp = 2, attn_dp = 1, moe_tp = 1, moe_ep = 2, pp = 1>} {
  // expected-note @below {{known are embedding, norms, attention's linears, router, experts and lm_head}}
  nn.param @w : tensor<64x64xf32> from [#nn.box<"w", offset = 0, type = f32, at = [0, 0], shape = [64, 64], strides = [64, 1]>]
  func.func @step(%h: tensor<?x64xf32>) -> tensor<?x64xf32> {
    %w = nn.param_ref @w : tensor<64x64xf32>
    // expected-error @below {{'nn.linear' op (S8) uses parameter @w in a way that no layout covers}}
    %x = nn.linear %h, %w : tensor<?x64xf32>, tensor<64x64xf32> -> tensor<?x64xf32>
    %y = arith.addf %x, %h : tensor<?x64xf32>
    return %y : tensor<?x64xf32>
  }
}

// -----

// (S8): one parameter, two wishes.
module attributes {plan.mesh = #plan.mesh<["node"=1, "device"=2]>,
                   plan.layout = #plan.layout<attn_tp = 2, attn_dp = 1, moe_tp = 1, moe_ep = 2, pp = 1>} {
  nn.param @w : tensor<8x64xf32> from [#nn.box<"w", offset = 0, type = f32, at = [0, 0], shape = [8, 64], strides = [64, 1]>]
  func.func @step(%h: tensor<?x64xf32>) -> (tensor<?x8xf32>, tensor<?x2xf32>) {
    %w = nn.param_ref @w : tensor<8x64xf32>
    // expected-error @below {{'nn.linear' op (S8) wants parameter @w as #plan.sharding<[{}, {}]>, another use as #plan.sharding<[{"device"}, {}]>}}
    %x = nn.linear %h, %w : tensor<?x64xf32>, tensor<8x64xf32> -> tensor<?x8xf32>
    %weights, %ids = moe.route %x router <score = softmax, normalize = true, scale = 1.0 : f64> top_k 2 : tensor<?x8xf32> -> tensor<?x2xf32>, tensor<?x2xi32>
    %l = nn.linear %h, %w : tensor<?x64xf32>, tensor<8x64xf32> -> tensor<?x8xf32>
    return %l, %weights : tensor<?x8xf32>, tensor<?x2xf32>
  }
}
