// DEFINE: %{mesh} = "node"=2, "device"=2
// DEFINE: %{layout} = attn_tp = 2, attn_dp = 2, moe_tp = 2, moe_ep = 2, pp = 1
// DEFINE: %{table} = #plan.entry<max_tokens = 64, method = allgather, chunks = 1>
// DEFINE: %{tiny} = sed -e 's/MESH/%{mesh}/;s/LAYOUT/%{layout}/;s/TABLE/%{table}/' %S/Inputs/tiny.mlir

// Two nodes of two devices, everything split in two; a second run changes nothing.
// RUN: %{tiny} | mixserve-opt -mixserve-assign-shardings | FileCheck %s
// RUN: %{tiny} | mixserve-opt -mixserve-assign-shardings -mixserve-assign-shardings | FileCheck %s
// CHECK: nn.param @embed {{.*}} {plan.chosen_by = "layout attn_tp", sharding = #plan.sharding<[{"device"}, {}]>}
// CHECK: @layers.0.attn_norm {{.*}} {plan.chosen_by = "replicated", sharding = #plan.sharding<[{}]>}
// CHECK: @layers.0.q : {{.*}} {plan.chosen_by = "layout attn_tp", sharding = #plan.sharding<[{"device"}, {}]>}
// CHECK: @layers.0.k : {{.*}} sharding = #plan.sharding<[{"device"}, {}]>
// CHECK: @layers.0.v : {{.*}} sharding = #plan.sharding<[{"device"}, {}]>
// CHECK: @layers.0.q_norm : {{.*}} sharding = #plan.sharding<[{}]>
// CHECK: @layers.0.k_norm : {{.*}} sharding = #plan.sharding<[{}]>
// CHECK: @layers.0.o : {{.*}} sharding = #plan.sharding<[{}, {"device"}]>
// CHECK: @layers.0.moe_norm : {{.*}} sharding = #plan.sharding<[{}]>
// CHECK: @layers.0.router : {{.*}} sharding = #plan.sharding<[{}, {}]>
// CHECK: @layers.0.experts.gate : {{.*}} {plan.chosen_by = "layout moe_ep, moe_tp", sharding = #plan.sharding<[{"node"}, {"device"}, {}]>}
// CHECK: @layers.0.experts.up : {{.*}} sharding = #plan.sharding<[{"node"}, {"device"}, {}]>
// CHECK: @layers.0.experts.down : {{.*}} sharding = #plan.sharding<[{"node"}, {}, {"device"}]>
// CHECK: @final_norm : {{.*}} sharding = #plan.sharding<[{}]>
// CHECK: @lm_head : {{.*}} sharding = #plan.sharding<[{"device"}, {}]>

// Degrees that end inside an axis split it; attention over more ranks than KV heads copies these.
// REDEFINE: %{mesh} = "node"=1, "device"=4
// REDEFINE: %{layout} = attn_tp = 4, attn_dp = 1, moe_tp = 2, moe_ep = 2, pp = 1
// RUN: %{tiny} | mixserve-opt -mixserve-assign-shardings | FileCheck %s --check-prefix=PART
// PART: @embed : {{.*}} sharding = #plan.sharding<[{"device"}, {}]>
// PART: @layers.0.q : {{.*}} sharding = #plan.sharding<[{"device"}, {}]>
// PART: @layers.0.k : {{.*}} sharding = #plan.sharding<[{"device":(1)2}, {}]>
// PART: @layers.0.experts.gate : {{.*}} sharding = #plan.sharding<[{"device":(1)2}, {"device":(2)2}, {}]>

// Attention over whole nodes: axes are ordered outer to inner.
// REDEFINE: %{mesh} = "node"=2, "device"=2
// REDEFINE: %{layout} = attn_tp = 4, attn_dp = 1, moe_tp = 1, moe_ep = 4, pp = 1
// RUN: %{tiny} | mixserve-opt -mixserve-assign-shardings | FileCheck %s --check-prefix=NODES
// NODES: @layers.0.q : {{.*}} sharding = #plan.sharding<[{"node", "device"}, {}]>
// NODES: @layers.0.k : {{.*}} sharding = #plan.sharding<[{"node"}, {}]>
// NODES: @layers.0.experts.down : {{.*}} sharding = #plan.sharding<[{"node", "device"}, {}, {}]>
