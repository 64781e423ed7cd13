// DEFINE: %{mesh} = "node"=2, "device"=2
// DEFINE: %{layout} = attn_tp = 2, attn_dp = 2, moe_tp = 2, moe_ep = 2, pp = 1
// DEFINE: %{table} = #plan.entry<max_tokens = 64, method = hybrid, chunks = 1>
// DEFINE: %{tiny} = sed -e 's/MESH/%{mesh}/;s/LAYOUT/%{layout}/;s/TABLE/%{table}/' %S/Inputs/tiny.mlir
// What `mixserve-compile --compile-to=shard` prints is enough to explain every parameter and activation.
// RUN: %{tiny} | mixserve-opt -mixserve-phase-shard -o %t.mlir
// RUN: mixserve-opt %t.mlir -mixserve-print-shardings -o %t.after.mlir | FileCheck %s
// RUN: diff %t.mlir %t.after.mlir
// CHECK: mesh #plan.mesh<["node"=2, "device"=2]>, layout #plan.layout<attn_tp = 2, attn_dp = 2, moe_tp = 2, moe_ep = 2, pp = 1>
// CHECK-NEXT: parameters
// CHECK-NEXT: @embed: tensor<320x64xf32>, local tensor<160x64xf32>, #plan.sharding<[{"device"}, {}]>, by "layout attn_tp"
// CHECK-NEXT: causes @step_hybrid coll.reduce_scatter embed_rs over #plan.axes<{"device"}>, bytes: not annotated
// CHECK-NEXT: @layers.0.attn_norm: tensor<64xf32>, local tensor<64xf32>, #plan.sharding<[{}]>, by "replicated"
// CHECK-NEXT: @layers.0.q: tensor<64x64xf32>, local tensor<32x64xf32>, #plan.sharding<[{"device"}, {}]>, by "layout attn_tp"
// CHECK-NEXT: causes @step_hybrid coll.all_gather attn_ag over #plan.axes<{"device"}>
// CHECK: @layers.0.o: tensor<64x64xf32>, local tensor<64x32xf32>, #plan.sharding<[{}, {"device"}]>, by "layout attn_tp"
// CHECK-NEXT: causes @step_hybrid coll.reduce_scatter attn_rs over #plan.axes<{"device"}>
// CHECK-NEXT: @layers.0.moe_norm
// CHECK-NEXT: @layers.0.router: tensor<8x64xf32>, local tensor<8x64xf32>, #plan.sharding<[{}, {}]>, by "replicated"
// CHECK-NEXT: @layers.0.experts.gate: tensor<8x48x64xf32>, local tensor<4x24x64xf32>, #plan.sharding<[{"node"}, {"device"}, {}]>, by "layout moe_ep, moe_tp"
// CHECK-DAG: causes @step_hybrid coll.dispatch dispatch over #plan.axes<{"node"}>
// CHECK-DAG: causes @step_hybrid coll.all_gather dispatch_ag over #plan.axes<{"device"}>
// CHECK-DAG: causes @step_hybrid coll.reduce_scatter combine_rs over #plan.axes<{"device"}>
// CHECK-DAG: causes @step_hybrid coll.combine combine over #plan.axes<{"node"}>
// CHECK: @lm_head: tensor<320x64xf32>, local tensor<160x64xf32>
// CHECK-NEXT: causes @step_hybrid coll.all_gather lm_head_ag over #plan.axes<{"device"}>
// CHECK-NEXT: @step_hybrid
// CHECK-NEXT: nn.tokens: tensor<?xi32>, local tensor<?xi32>, #plan.sharding<[{"node"}], rows = group>, by "layout attn_tp"
// CHECK-NEXT: nn.embedding: tensor<?x64xf32>, local tensor<?x64xf32>, #plan.sharding<[{"node"}, {}], rows = group, partial = {"device"}>, by "propagated"
// CHECK-NEXT: causes coll.reduce_scatter embed_rs
// CHECK-NEXT: coll.reduce_scatter embed_rs: tensor<?x64xf32>, local tensor<?x64xf32>, #plan.sharding<[{"node", "device"}, {}], rows = owned>, by "layout attn_tp"
// CHECK-NEXT: layer 0 {{.*}} nn.rms_norm: {{.*}} by "propagated"
// CHECK-NEXT: causes coll.all_gather attn_ag over #plan.axes<{"device"}>, bytes: not annotated
// CHECK: layer 0 {{.*}} nn.linear: tensor<?x64xf32>, local tensor<?x32xf32>, #plan.sharding<[{"node"}, {"device"}], rows = group>, by "propagated"
// CHECK: layer 0 {{.*}} moe.expert_ffn: {{.*}} by "method hybrid"
// CHECK-NEXT: causes coll.reduce_scatter combine_rs
// CHECK-NEXT: layer 0 {{.*}} coll.reduce_scatter combine_rs: {{.*}} rows = lane, partial = {"node"}>, by "method hybrid"
// CHECK-NEXT: causes coll.combine combine over #plan.axes<{"node"}>

// With the planner's bytes on the collectives, each is printed with its own.
// RUN: sed -e '/attn_ag/s/nn.layer = 0 : i64/nn.layer = 0 : i64, plan.bytes = #plan.bytes<tokens = 1024, intra = 262144, inter = 131072>/' %t.mlir | mixserve-opt -mixserve-print-shardings -o /dev/null | FileCheck %s --check-prefix=BYTES
// BYTES: @layers.0.q:
// BYTES-NEXT: causes @step_hybrid coll.all_gather attn_ag over #plan.axes<{"device"}>, bytes: intra 262144, inter 131072 at 1024 tokens
// BYTES: layer 0 {{.*}} nn.rms_norm
// BYTES-NEXT: causes coll.all_gather attn_ag over #plan.axes<{"device"}>, bytes: intra 262144, inter 131072 at 1024 tokens

// After fuse the fused op stands for its parts; without a plan there is nothing to print.
// REDEFINE: %{table} = #plan.entry<max_tokens = 64, method = hybrid_fused, chunks = 4>
// RUN: %{tiny} | mixserve-opt -mixserve-phase-shard -mixserve-phase-fuse -mixserve-print-shardings -o /dev/null | FileCheck %s --check-prefix=FUSED
// FUSED: @layers.0.o:
// FUSED-NEXT: causes @step_hybrid_fused coll.ag_dispatch over #plan.axes<{"node", "device"}>
// FUSED: @step_hybrid_fused
// FUSED: layer 0 {{.*}} coll.ag_dispatch: {{.*}} by "method hybrid-fused"
// RUN: echo 'module {}' | not mixserve-opt -mixserve-print-shardings 2>&1 | FileCheck %s --check-prefix=NOPLAN
// NOPLAN: error: has no 'plan.mesh': nothing is placed yet
