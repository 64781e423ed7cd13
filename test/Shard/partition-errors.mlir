// DEFINE: %{mesh} = "node"=2, "device"=2
// DEFINE: %{layout} = attn_tp = 2, attn_dp = 2, moe_tp = 2, moe_ep = 2, pp = 1
// DEFINE: %{table} = #plan.entry<max_tokens = 64, method = hybrid, chunks = 1>
// DEFINE: %{tiny} = sed -e 's/MESH/%{mesh}/;s/LAYOUT/%{layout}/;s/TABLE/%{table}/' %S/Inputs/tiny.mlir
// One case per (Pn); what is not about the tiny model follows below the runs.
// RUN: mixserve-opt %s -split-input-file -verify-diagnostics -mixserve-partition

// REDEFINE: %{layout} = attn_tp = 2, attn_dp = 2, moe_tp = 4, moe_ep = 1, pp = 1
// RUN: %{tiny} | not mixserve-opt -mixserve-phase-shard 2>&1 | FileCheck %s --check-prefix=SPAN
// SPAN: error: (P3) method hybrid: MoE TP groups of 4 ranks span nodes; choose a moe_tp that fits a node, or another method with --moe-comm

// REDEFINE: %{mesh} = "node"=1, "device"=1
// REDEFINE: %{layout} = attn_tp = 1, attn_dp = 1, moe_tp = 1, moe_ep = 1, pp = 1
// RUN: %{tiny} | not mixserve-opt -mixserve-phase-shard 2>&1 | FileCheck %s --check-prefix=ALONE
// ALONE: error: (P3) method hybrid: one rank has nobody to send rows to; only allgather is legal

// (P4): nothing to partition.
// expected-error @below {{(P4) expected one function @step, got 0 functions; run the phase raise first}}
module attributes {plan.mesh = #plan.mesh<["node"=1, "device"=2]>,
                   plan.layout = #plan.layout<attn_tp = 2, attn_dp = 1, moe_tp = 1, moe_ep = 2, pp = 1>,
                   plan.table = [#plan.entry<max_tokens = 64, method = allgather, chunks = 1>]} {
}

// -----

// (P4): no table.
// expected-error @below {{(P4) has no 'plan.table'; run the phase plan first}}
module attributes {plan.mesh = #plan.mesh<["node"=1, "device"=2]>,
                   plan.layout = #plan.layout<attn_tp = 2, attn_dp = 1, moe_tp = 1, moe_ep = 2, pp = 1>} {
  func.func @step(%batch: !nn.batch) { return }
}

// -----

// (P4): tensors come in.
module attributes {plan.mesh = #plan.mesh<["node"=1, "device"=2]>,
                   plan.layout = #plan.layout<attn_tp = 2, attn_dp = 1, moe_tp = 1, moe_ep = 2, pp = 1>,
                   plan.table = [#plan.entry<max_tokens = 64, method = allgather, chunks = 1>]} {
  // expected-error @below {{(P4) a step takes a batch and no tensors, got 'tensor<?x64xf32>'}}
  func.func @step(%x: tensor<?x64xf32>) -> tensor<?x64xf32> { return %x : tensor<?x64xf32> }
}

// -----

// (P4): not the logits of the asked rows.
module attributes {plan.mesh = #plan.mesh<["node"=1, "device"=2]>,
                   plan.layout = #plan.layout<attn_tp = 2, attn_dp = 1, moe_tp = 1, moe_ep = 2, pp = 1>,
                   plan.table = [#plan.entry<max_tokens = 64, method = allgather, chunks = 1>]} {
  func.func @step(%batch: !nn.batch) -> tensor<?xi32> {
    %ids = nn.tokens %batch : tensor<?xi32>
    // expected-error @below {{'func.return' op (P4) a step returns the logits of the asked rows (nn.select_rows), got 'tensor<?xi32, #plan.sharding<[{}], rows = group>>'}}
    return %ids : tensor<?xi32>
  }
}

// -----

// (P4): not one result.
module attributes {plan.mesh = #plan.mesh<["node"=1, "device"=2]>,
                   plan.layout = #plan.layout<attn_tp = 2, attn_dp = 1, moe_tp = 1, moe_ep = 2, pp = 1>,
                   plan.table = [#plan.entry<max_tokens = 64, method = allgather, chunks = 1>]} {
  func.func @step(%batch: !nn.batch) {
    // expected-error @below {{'func.return' op (P4) a step returns its logits alone, got 0 values}}
    return
  }
}

// -----

// (P1): parameters have no place yet.
module attributes {plan.mesh = #plan.mesh<["node"=1, "device"=2]>,
                   plan.layout = #plan.layout<attn_tp = 2, attn_dp = 1, moe_tp = 1, moe_ep = 2, pp = 1>,
                   plan.table = [#plan.entry<max_tokens = 64, method = allgather, chunks = 1>]} {
  nn.param @w : tensor<8x64xf32> from [#nn.box<"w", offset = 0, type = f32, at = [0, 0], shape = [8, 64], strides = [64, 1]>]
  func.func @step(%batch: !nn.batch) {
    // expected-error @below {{'nn.param_ref' op (P1) parameter @w has no sharding; run mixserve-assign-shardings first}}
    %w = nn.param_ref @w : tensor<8x64xf32>
    return
  }
}

// -----

// (P1): the norm needs whole rows, a sharded table gives parts of them.
module attributes {plan.mesh = #plan.mesh<["node"=1, "device"=2]>,
                   plan.layout = #plan.layout<attn_tp = 2, attn_dp = 1, moe_tp = 1, moe_ep = 2, pp = 1>,
                   plan.table = [#plan.entry<max_tokens = 64, method = allgather, chunks = 1>]} {
  nn.param @table : tensor<8x64xf32> from [#nn.box<"w", offset = 0, type = f32, at = [0, 0], shape = [8, 64], strides = [64, 1]>] {sharding = #plan.sharding<[{}, {"device"}]>}
  func.func @step(%batch: !nn.batch) {
    %w = nn.param_ref @table : tensor<8x64xf32>
    %ids = nn.tokens %batch : tensor<?xi32>
    // expected-error @below {{'nn.embedding' op (P1) dimension H of operand 1 is split over #plan.axes<{"device"}> and must be whole}}
    %x = nn.embedding %ids, %w : tensor<?xi32>, tensor<8x64xf32> -> tensor<?x64xf32>
    return
  }
}

// -----

// (P2): an op without a rule.
module attributes {plan.mesh = #plan.mesh<["node"=1, "device"=2]>,
                   plan.layout = #plan.layout<attn_tp = 2, attn_dp = 1, moe_tp = 1, moe_ep = 2, pp = 1>,
                   plan.table = [#plan.entry<max_tokens = 64, method = allgather, chunks = 1>]} {
  func.func @step(%batch: !nn.batch) {
    %ids = nn.tokens %batch : tensor<?xi32>
    // expected-error @below {{'tensor.cast' op (P2) has no sharding rule and is not elementwise}}
    %x = tensor.cast %ids : tensor<?xi32> to tensor<7xi32>
    return
  }
}
