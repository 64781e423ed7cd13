// RUN: mixserve-opt %s -verify-roundtrip | mixserve-opt | FileCheck %s
// RUN: mixserve-opt %s -mlir-print-op-generic | mixserve-opt | FileCheck %s

// CHECK: axes = #plan.axes<{"node", "device":(1)2}>
// CHECK-SAME: axis = #plan.axis<"device">
// CHECK-SAME: bytes = #plan.bytes<tokens = 1024, intra = 262144, inter = 131072>
// CHECK-SAME: cost = #plan.cost<ttft_us = 1.200000e+03 : f64, itl_us = 5.000000e+01 : f64, tokens_per_s = 3.200000e+05 : f64, source = "formula">
// CHECK-SAME: entry = #plan.entry<max_tokens = 64, method = hybrid_fused, chunks = 4>
// CHECK-SAME: halves = #plan.entry<max_tokens = 64, method = hybrid, chunks = 1, micro_batches = 2>
// CHECK-SAME: hardware = #plan.hardware<[<"node", count = 2, bw_gb_s = 5.000000e+01 : f64, latency_ns = 5.000000e+03 : f64, per_node = true>], memory = 1024, memory_bw_gb_s = 3.350000e+03 : f64, flops = 9.890000e+14 : f64, source = "2x2.yaml">
// CHECK-SAME: layout = #plan.layout<attn_tp = 2, attn_dp = 2, moe_tp = 2, moe_ep = 2, pp = 1>
// CHECK-SAME: limits = #plan.limits<max_batch_tokens = 256, max_seqs = 16, max_context = 512>
// CHECK-SAME: mesh = #plan.mesh<["node"=2, "device"=4]>
// CHECK-SAME: method = #plan.method<flat_ep>
// CHECK-SAME: nothing = #plan.axes<{}>
// CHECK-SAME: part = #plan.axis<"device":(2)4>
// CHECK-SAME: sharding = #plan.sharding<[{"node"}, {}], rows = group, partial = {"device"}>
// CHECK-SAME: times = #plan.times<tokens = 64, method = hybrid_fused, chunks = 4, embed_rs = 9000, ag_dispatch = 410000>
// CHECK-SAME: whole = #plan.sharding<[]>
// CHECK-SAME: wire = #plan.wire<bf16>
// CHECK-SAME: workload = #plan.workload<prompt = 1024, output = 256, concurrency = 16, rate = 0.000000e+00 : f64>
func.func private @attributes() attributes {
  axes = #plan.axes<{"node", "device":(1)2}>,
  axis = #plan.axis<"device">,
  bytes = #plan.bytes<tokens = 1024, intra = 262144, inter = 131072>,
  wire = #plan.wire<bf16>,
  cost = #plan.cost<ttft_us = 1.2e+03 : f64, itl_us = 50.0 : f64, tokens_per_s = 3.2e+05 : f64, source = "formula">,
  entry = #plan.entry<max_tokens = 64, method = hybrid_fused, chunks = 4>,
  halves = #plan.entry<max_tokens = 64, method = hybrid, chunks = 1, micro_batches = 2>,
  hardware = #plan.hardware<[#plan.level<"node", count = 2, bw_gb_s = 50.0 : f64, latency_ns = 5000.0 : f64, per_node = true>],
                            memory = 1024, memory_bw_gb_s = 3.35e3 : f64, flops = 9.89e14 : f64, source = "2x2.yaml">,
  layout = #plan.layout<attn_tp = 2, attn_dp = 2, moe_tp = 2, moe_ep = 2, pp = 1>,
  limits = #plan.limits<max_batch_tokens = 256, max_seqs = 16, max_context = 512>,
  mesh = #plan.mesh<["node" = 2, "device" = 4]>,
  method = #plan.method<flat_ep>,
  nothing = #plan.axes<{}>,
  part = #plan.axis<"device":(2)4>,
  sharding = #plan.sharding<[{"node"}, {}], rows = group, partial = {"device"}>,
  times = #plan.times<tokens = 64, method = hybrid_fused, chunks = 4, embed_rs = 9000, combine = 0, ag_dispatch = 410000>,
  whole = #plan.sharding<[]>,
  workload = #plan.workload<prompt = 1024, output = 256, concurrency = 16, rate = 0.0 : f64>}

// Every row set.
// CHECK: func.func private @row_sets(tensor<?xf32, #plan.sharding<[{}], rows = owned>>, tensor<?xf32, #plan.sharding<[{}], rows = group>>, tensor<?xf32, #plan.sharding<[{}], rows = lane>>, tensor<?xf32, #plan.sharding<[{}], rows = received>>, tensor<?xf32, #plan.sharding<[{}], rows = asked_owned>>, tensor<?xf32, #plan.sharding<[{}], rows = asked>>)
func.func private @row_sets(tensor<?xf32, #plan.sharding<[{}], rows = owned>>, tensor<?xf32, #plan.sharding<[{}], rows = group>>, tensor<?xf32, #plan.sharding<[{}], rows = lane>>, tensor<?xf32, #plan.sharding<[{}], rows = received>>, tensor<?xf32, #plan.sharding<[{}], rows = asked_owned>>, tensor<?xf32, #plan.sharding<[{}], rows = asked>>)
