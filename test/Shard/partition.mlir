// DEFINE: %{mesh} = "node"=2, "device"=2
// DEFINE: %{layout} = attn_tp = 2, attn_dp = 2, moe_tp = 2, moe_ep = 2, pp = 1
// DEFINE: %{table} = #plan.entry<max_tokens = 64, method = allgather, chunks = 1>
// DEFINE: %{tiny} = sed -e 's/MESH/%{mesh}/;s/LAYOUT/%{layout}/;s/TABLE/%{table}/' %S/Inputs/tiny.mlir

// REDEFINE: %{table} = #plan.entry<max_tokens = 64, method = allgather, chunks = 1>
// RUN: %{tiny} | mixserve-opt -mixserve-phase-shard | FileCheck %s --check-prefix=ALLGATHER
// ALLGATHER: func.func @step_allgather(%[[BATCH:.*]]: !nn.batch) -> tensor<?x160xf32, #plan.sharding<[{"node"}, {"device"}], rows = asked>>
// ALLGATHER: %[[TOKENS:.*]] = nn.tokens %[[BATCH]] {{.*}} : tensor<?xi32, #plan.sharding<[{"node"}], rows = group>>
// ALLGATHER: %[[SUMMANDS:.*]] = nn.embedding %[[TOKENS]], {{.*}} -> tensor<?x64xf32, #plan.sharding<[{"node"}, {}], rows = group, partial = {"device"}>>
// ALLGATHER: %[[X:.*]] = coll.reduce_scatter %[[SUMMANDS]] over <{"device"}> site embed_rs {plan.chosen_by = "layout attn_tp"} {{.*}} -> tensor<?x64xf32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
// ALLGATHER: %[[N:.*]] = nn.rms_norm %[[X]], {{.*}} {nn.layer = 0 : i64, plan.chosen_by = "propagated"}
// ALLGATHER-NEXT: %[[G:.*]] = coll.all_gather %[[N]] over <{"device"}> site attn_ag {nn.layer = 0 : i64, plan.chosen_by = "layout attn_tp"} {{.*}} -> tensor<?x64xf32, #plan.sharding<[{"node"}, {}], rows = group>>
// ALLGATHER-NEXT: nn.linear %[[G]], {{.*}} tensor<32x64xf32> -> tensor<?x32xf32, #plan.sharding<[{"node"}, {"device"}], rows = group>>
// ALLGATHER-NEXT: nn.linear %[[G]], {{.*}} tensor<16x64xf32> -> tensor<?x16xf32
// ALLGATHER-NEXT: nn.linear %[[G]], {{.*}} tensor<16x64xf32> -> tensor<?x16xf32
// ALLGATHER: %[[A:.*]] = nn.attention {{.*}} heads = 2 : i64, kv_heads = 1 : i64
// ALLGATHER-NEXT: %[[O:.*]] = nn.linear %[[A]], {{.*}} tensor<64x32xf32> -> tensor<?x64xf32, #plan.sharding<[{"node"}, {}], rows = group, partial = {"device"}>>
// ALLGATHER-NEXT: %[[R:.*]] = coll.reduce_scatter %[[O]] over <{"device"}> site attn_rs {nn.layer = 0 : i64
// ALLGATHER-NEXT: %[[X1:.*]] = arith.addf %[[X]], %[[R]]
// ALLGATHER-NEXT: %[[H2:.*]] = nn.rms_norm %[[X1]]
// ALLGATHER-NEXT: nn.linear %[[H2]], {{.*}} -> tensor<?x8xf32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
// ALLGATHER-NEXT: %[[W:.*]], %[[I:.*]] = moe.route
// ALLGATHER-NEXT: %[[GR:.*]]:3 = coll.all_gather %[[H2]], %[[W]], %[[I]] over <{"node", "device"}> site dispatch_ag {nn.layer = 0 : i64, plan.chosen_by = "method allgather"}
// ALLGATHER-NEXT: %[[P:.*]] = moe.expert_ffn %[[GR]]#0, %[[GR]]#1, %[[GR]]#2 {{.*}}(tensor<4x24x64xf32>, tensor<4x24x64xf32>, tensor<4x64x24xf32>) -> tensor<?x64xf32, #plan.sharding<[{}, {}], rows = received, partial = {"node", "device"}>>
// ALLGATHER-NEXT: %[[Y:.*]] = coll.reduce_scatter %[[P]] over <{"node", "device"}> site combine_rs
// ALLGATHER-NEXT: %[[X2:.*]] = arith.addf %[[X1]], %[[Y]] {nn.layer = 0 : i64
// ALLGATHER: nn.rms_norm %[[X2]], {{.*}} {nn.layer = 1 : i64
// ALLGATHER: %[[S:.*]] = nn.select_rows {{.*}} -> tensor<?x64xf32, #plan.sharding<[{"node", "device"}, {}], rows = asked_owned>>
// ALLGATHER-NEXT: %[[SG:.*]] = coll.all_gather %[[S]] over <{"device"}> site lm_head_ag {plan.chosen_by = "layout attn_tp"} {{.*}} rows = asked>>
// ALLGATHER-NEXT: %[[L:.*]] = nn.linear %[[SG]]
// ALLGATHER-NEXT: return %[[L]]
// ALLGATHER-NOT: func.func

// REDEFINE: %{table} = #plan.entry<max_tokens = 64, method = flat_ep, chunks = 1>
// RUN: %{tiny} | mixserve-opt -mixserve-phase-shard | FileCheck %s --check-prefix=FLAT-EP
// FLAT-EP: func.func @step_flat_ep(%[[BATCH:.*]]: !nn.batch) -> tensor<?x160xf32, #plan.sharding<[{"node"}, {"device"}], rows = asked>>
// FLAT-EP: %[[TOKENS:.*]] = nn.tokens %[[BATCH]] {{.*}} : tensor<?xi32, #plan.sharding<[{"node"}], rows = group>>
// FLAT-EP: %[[SUMMANDS:.*]] = nn.embedding %[[TOKENS]], {{.*}} -> tensor<?x64xf32, #plan.sharding<[{"node"}, {}], rows = group, partial = {"device"}>>
// FLAT-EP: %[[X:.*]] = coll.reduce_scatter %[[SUMMANDS]] over <{"device"}> site embed_rs {plan.chosen_by = "layout attn_tp"} {{.*}} -> tensor<?x64xf32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
// FLAT-EP: %[[N:.*]] = nn.rms_norm %[[X]], {{.*}} {nn.layer = 0 : i64, plan.chosen_by = "propagated"}
// FLAT-EP-NEXT: %[[G:.*]] = coll.all_gather %[[N]] over <{"device"}> site attn_ag {nn.layer = 0 : i64, plan.chosen_by = "layout attn_tp"} {{.*}} -> tensor<?x64xf32, #plan.sharding<[{"node"}, {}], rows = group>>
// FLAT-EP-NEXT: nn.linear %[[G]], {{.*}} tensor<32x64xf32> -> tensor<?x32xf32, #plan.sharding<[{"node"}, {"device"}], rows = group>>
// FLAT-EP-NEXT: nn.linear %[[G]], {{.*}} tensor<16x64xf32> -> tensor<?x16xf32
// FLAT-EP-NEXT: nn.linear %[[G]], {{.*}} tensor<16x64xf32> -> tensor<?x16xf32
// FLAT-EP: %[[A:.*]] = nn.attention {{.*}} heads = 2 : i64, kv_heads = 1 : i64
// FLAT-EP-NEXT: %[[O:.*]] = nn.linear %[[A]], {{.*}} tensor<64x32xf32> -> tensor<?x64xf32, #plan.sharding<[{"node"}, {}], rows = group, partial = {"device"}>>
// FLAT-EP-NEXT: %[[R:.*]] = coll.reduce_scatter %[[O]] over <{"device"}> site attn_rs {nn.layer = 0 : i64
// FLAT-EP-NEXT: %[[X1:.*]] = arith.addf %[[X]], %[[R]]
// FLAT-EP-NEXT: %[[H2:.*]] = nn.rms_norm %[[X1]]
// FLAT-EP-NEXT: nn.linear %[[H2]], {{.*}} -> tensor<?x8xf32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
// FLAT-EP-NEXT: %[[W:.*]], %[[I:.*]] = moe.route
// FLAT-EP-NEXT: %[[GR:.*]], %[[GW:.*]], %[[GI:.*]] = coll.dispatch %[[H2]], %[[W]], %[[I]] method <flat_ep> over <{"node", "device"}> site dispatch {nn.layer = 0 : i64, plan.chosen_by = "method flat-ep"}
// FLAT-EP-NEXT: %[[P:.*]] = moe.expert_ffn %[[GR]], %[[GW]], %[[GI]] {{.*}}(tensor<4x24x64xf32>, tensor<4x24x64xf32>, tensor<4x64x24xf32>) -> tensor<?x64xf32, #plan.sharding<[{}, {}], rows = received, partial = {"node", "device"}>>
// FLAT-EP-NEXT: %[[Y:.*]] = coll.combine %[[P]] method <flat_ep> over <{"node", "device"}> site combine
// FLAT-EP-NEXT: %[[X2:.*]] = arith.addf %[[X1]], %[[Y]] {nn.layer = 0 : i64
// FLAT-EP: nn.rms_norm %[[X2]], {{.*}} {nn.layer = 1 : i64
// FLAT-EP: %[[S:.*]] = nn.select_rows {{.*}} -> tensor<?x64xf32, #plan.sharding<[{"node", "device"}, {}], rows = asked_owned>>
// FLAT-EP-NEXT: %[[SG:.*]] = coll.all_gather %[[S]] over <{"device"}> site lm_head_ag {plan.chosen_by = "layout attn_tp"} {{.*}} rows = asked>>
// FLAT-EP-NEXT: %[[L:.*]] = nn.linear %[[SG]]
// FLAT-EP-NEXT: return %[[L]]
// FLAT-EP-NOT: func.func

// REDEFINE: %{table} = #plan.entry<max_tokens = 64, method = hier_ep, chunks = 1>
// RUN: %{tiny} | mixserve-opt -mixserve-phase-shard | FileCheck %s --check-prefix=HIER-EP
// HIER-EP: func.func @step_hier_ep(%[[BATCH:.*]]: !nn.batch) -> tensor<?x160xf32, #plan.sharding<[{"node"}, {"device"}], rows = asked>>
// HIER-EP: %[[TOKENS:.*]] = nn.tokens %[[BATCH]] {{.*}} : tensor<?xi32, #plan.sharding<[{"node"}], rows = group>>
// HIER-EP: %[[SUMMANDS:.*]] = nn.embedding %[[TOKENS]], {{.*}} -> tensor<?x64xf32, #plan.sharding<[{"node"}, {}], rows = group, partial = {"device"}>>
// HIER-EP: %[[X:.*]] = coll.reduce_scatter %[[SUMMANDS]] over <{"device"}> site embed_rs {plan.chosen_by = "layout attn_tp"} {{.*}} -> tensor<?x64xf32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
// HIER-EP: %[[N:.*]] = nn.rms_norm %[[X]], {{.*}} {nn.layer = 0 : i64, plan.chosen_by = "propagated"}
// HIER-EP-NEXT: %[[G:.*]] = coll.all_gather %[[N]] over <{"device"}> site attn_ag {nn.layer = 0 : i64, plan.chosen_by = "layout attn_tp"} {{.*}} -> tensor<?x64xf32, #plan.sharding<[{"node"}, {}], rows = group>>
// HIER-EP-NEXT: nn.linear %[[G]], {{.*}} tensor<32x64xf32> -> tensor<?x32xf32, #plan.sharding<[{"node"}, {"device"}], rows = group>>
// HIER-EP-NEXT: nn.linear %[[G]], {{.*}} tensor<16x64xf32> -> tensor<?x16xf32
// HIER-EP-NEXT: nn.linear %[[G]], {{.*}} tensor<16x64xf32> -> tensor<?x16xf32
// HIER-EP: %[[A:.*]] = nn.attention {{.*}} heads = 2 : i64, kv_heads = 1 : i64
// HIER-EP-NEXT: %[[O:.*]] = nn.linear %[[A]], {{.*}} tensor<64x32xf32> -> tensor<?x64xf32, #plan.sharding<[{"node"}, {}], rows = group, partial = {"device"}>>
// HIER-EP-NEXT: %[[R:.*]] = coll.reduce_scatter %[[O]] over <{"device"}> site attn_rs {nn.layer = 0 : i64
// HIER-EP-NEXT: %[[X1:.*]] = arith.addf %[[X]], %[[R]]
// HIER-EP-NEXT: %[[H2:.*]] = nn.rms_norm %[[X1]]
// HIER-EP-NEXT: nn.linear %[[H2]], {{.*}} -> tensor<?x8xf32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
// HIER-EP-NEXT: %[[W:.*]], %[[I:.*]] = moe.route
// HIER-EP-NEXT: %[[GR:.*]], %[[GW:.*]], %[[GI:.*]] = coll.dispatch %[[H2]], %[[W]], %[[I]] method <hier_ep> over <{"node", "device"}> site dispatch {nn.layer = 0 : i64, plan.chosen_by = "method hier-ep"}
// HIER-EP-NEXT: %[[P:.*]] = moe.expert_ffn %[[GR]], %[[GW]], %[[GI]] {{.*}}(tensor<4x24x64xf32>, tensor<4x24x64xf32>, tensor<4x64x24xf32>) -> tensor<?x64xf32, #plan.sharding<[{}, {}], rows = received, partial = {"node", "device"}>>
// HIER-EP-NEXT: %[[Y:.*]] = coll.combine %[[P]] method <hier_ep> over <{"node", "device"}> site combine
// HIER-EP-NEXT: %[[X2:.*]] = arith.addf %[[X1]], %[[Y]] {nn.layer = 0 : i64
// HIER-EP: nn.rms_norm %[[X2]], {{.*}} {nn.layer = 1 : i64
// HIER-EP: %[[S:.*]] = nn.select_rows {{.*}} -> tensor<?x64xf32, #plan.sharding<[{"node", "device"}, {}], rows = asked_owned>>
// HIER-EP-NEXT: %[[SG:.*]] = coll.all_gather %[[S]] over <{"device"}> site lm_head_ag {plan.chosen_by = "layout attn_tp"} {{.*}} rows = asked>>
// HIER-EP-NEXT: %[[L:.*]] = nn.linear %[[SG]]
// HIER-EP-NEXT: return %[[L]]
// HIER-EP-NOT: func.func

// REDEFINE: %{table} = #plan.entry<max_tokens = 64, method = hybrid, chunks = 1>
// RUN: %{tiny} | mixserve-opt -mixserve-phase-shard | FileCheck %s --check-prefix=HYBRID
// HYBRID: func.func @step_hybrid(%[[BATCH:.*]]: !nn.batch) -> tensor<?x160xf32, #plan.sharding<[{"node"}, {"device"}], rows = asked>>
// HYBRID: %[[TOKENS:.*]] = nn.tokens %[[BATCH]] {{.*}} : tensor<?xi32, #plan.sharding<[{"node"}], rows = group>>
// HYBRID: %[[SUMMANDS:.*]] = nn.embedding %[[TOKENS]], {{.*}} -> tensor<?x64xf32, #plan.sharding<[{"node"}, {}], rows = group, partial = {"device"}>>
// HYBRID: %[[X:.*]] = coll.reduce_scatter %[[SUMMANDS]] over <{"device"}> site embed_rs {plan.chosen_by = "layout attn_tp"} {{.*}} -> tensor<?x64xf32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
// HYBRID: %[[N:.*]] = nn.rms_norm %[[X]], {{.*}} {nn.layer = 0 : i64, plan.chosen_by = "propagated"}
// HYBRID-NEXT: %[[G:.*]] = coll.all_gather %[[N]] over <{"device"}> site attn_ag {nn.layer = 0 : i64, plan.chosen_by = "layout attn_tp"} {{.*}} -> tensor<?x64xf32, #plan.sharding<[{"node"}, {}], rows = group>>
// HYBRID-NEXT: nn.linear %[[G]], {{.*}} tensor<32x64xf32> -> tensor<?x32xf32, #plan.sharding<[{"node"}, {"device"}], rows = group>>
// HYBRID-NEXT: nn.linear %[[G]], {{.*}} tensor<16x64xf32> -> tensor<?x16xf32
// HYBRID-NEXT: nn.linear %[[G]], {{.*}} tensor<16x64xf32> -> tensor<?x16xf32
// HYBRID: %[[A:.*]] = nn.attention {{.*}} heads = 2 : i64, kv_heads = 1 : i64
// HYBRID-NEXT: %[[O:.*]] = nn.linear %[[A]], {{.*}} tensor<64x32xf32> -> tensor<?x64xf32, #plan.sharding<[{"node"}, {}], rows = group, partial = {"device"}>>
// HYBRID-NEXT: %[[R:.*]] = coll.reduce_scatter %[[O]] over <{"device"}> site attn_rs {nn.layer = 0 : i64
// HYBRID-NEXT: %[[X1:.*]] = arith.addf %[[X]], %[[R]]
// HYBRID-NEXT: %[[H2:.*]] = nn.rms_norm %[[X1]]
// HYBRID-NEXT: nn.linear %[[H2]], {{.*}} -> tensor<?x8xf32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
// HYBRID-NEXT: %[[W:.*]], %[[I:.*]] = moe.route
// HYBRID-NEXT: %[[LR:.*]], %[[LW:.*]], %[[LI:.*]] = coll.dispatch %[[H2]], %[[W]], %[[I]] method <hybrid> over <{"node"}> site dispatch {nn.layer = 0 : i64, plan.chosen_by = "method hybrid"} {{.*}} tensor<?x64xf32, #plan.sharding<[{"device"}, {}], rows = lane>>
// HYBRID-NEXT: %[[GR:.*]]:3 = coll.all_gather %[[LR]], %[[LW]], %[[LI]] over <{"device"}> site dispatch_ag
// HYBRID-NEXT: %[[P:.*]] = moe.expert_ffn %[[GR]]#0, %[[GR]]#1, %[[GR]]#2 {{.*}}(tensor<4x24x64xf32>, tensor<4x24x64xf32>, tensor<4x64x24xf32>) -> tensor<?x64xf32, #plan.sharding<[{}, {}], rows = received, partial = {"node", "device"}>>
// HYBRID-NEXT: %[[SUM:.*]] = coll.reduce_scatter %[[P]] over <{"device"}> site combine_rs {{.*}} -> tensor<?x64xf32, #plan.sharding<[{"device"}, {}], rows = lane, partial = {"node"}>>
// HYBRID-NEXT: %[[Y:.*]] = coll.combine %[[SUM]] method <hybrid> over <{"node"}> site combine
// HYBRID-NEXT: %[[X2:.*]] = arith.addf %[[X1]], %[[Y]] {nn.layer = 0 : i64
// HYBRID: nn.rms_norm %[[X2]], {{.*}} {nn.layer = 1 : i64
// HYBRID: %[[S:.*]] = nn.select_rows {{.*}} -> tensor<?x64xf32, #plan.sharding<[{"node", "device"}, {}], rows = asked_owned>>
// HYBRID-NEXT: %[[SG:.*]] = coll.all_gather %[[S]] over <{"device"}> site lm_head_ag {plan.chosen_by = "layout attn_tp"} {{.*}} rows = asked>>
// HYBRID-NEXT: %[[L:.*]] = nn.linear %[[SG]]
// HYBRID-NEXT: return %[[L]]
// HYBRID-NOT: func.func

// REDEFINE: %{table} = #plan.entry<max_tokens = 64, method = hybrid_fused, chunks = 1>
// RUN: %{tiny} | mixserve-opt -mixserve-phase-shard | FileCheck %s --check-prefix=HYBRID-FUSED
// HYBRID-FUSED: func.func @step_hybrid_fused(%[[BATCH:.*]]: !nn.batch) -> tensor<?x160xf32, #plan.sharding<[{"node"}, {"device"}], rows = asked>>
// HYBRID-FUSED: %[[TOKENS:.*]] = nn.tokens %[[BATCH]] {{.*}} : tensor<?xi32, #plan.sharding<[{"node"}], rows = group>>
// HYBRID-FUSED: %[[SUMMANDS:.*]] = nn.embedding %[[TOKENS]], {{.*}} -> tensor<?x64xf32, #plan.sharding<[{"node"}, {}], rows = group, partial = {"device"}>>
// HYBRID-FUSED: %[[X:.*]] = coll.reduce_scatter %[[SUMMANDS]] over <{"device"}> site embed_rs {plan.chosen_by = "layout attn_tp"} {{.*}} -> tensor<?x64xf32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
// HYBRID-FUSED: %[[N:.*]] = nn.rms_norm %[[X]], {{.*}} {nn.layer = 0 : i64, plan.chosen_by = "propagated"}
// HYBRID-FUSED-NEXT: %[[G:.*]] = coll.all_gather %[[N]] over <{"device"}> site attn_ag {nn.layer = 0 : i64, plan.chosen_by = "layout attn_tp"} {{.*}} -> tensor<?x64xf32, #plan.sharding<[{"node"}, {}], rows = group>>
// HYBRID-FUSED-NEXT: nn.linear %[[G]], {{.*}} tensor<32x64xf32> -> tensor<?x32xf32, #plan.sharding<[{"node"}, {"device"}], rows = group>>
// HYBRID-FUSED-NEXT: nn.linear %[[G]], {{.*}} tensor<16x64xf32> -> tensor<?x16xf32
// HYBRID-FUSED-NEXT: nn.linear %[[G]], {{.*}} tensor<16x64xf32> -> tensor<?x16xf32
// HYBRID-FUSED: %[[A:.*]] = nn.attention {{.*}} heads = 2 : i64, kv_heads = 1 : i64
// HYBRID-FUSED-NEXT: %[[O:.*]] = nn.linear %[[A]], {{.*}} tensor<64x32xf32> -> tensor<?x64xf32, #plan.sharding<[{"node"}, {}], rows = group, partial = {"device"}>>
// HYBRID-FUSED-NEXT: %[[R:.*]] = coll.reduce_scatter %[[O]] over <{"device"}> site attn_rs {nn.layer = 0 : i64
// HYBRID-FUSED-NEXT: %[[X1:.*]] = arith.addf %[[X]], %[[R]]
// HYBRID-FUSED-NEXT: %[[H2:.*]] = nn.rms_norm %[[X1]]
// HYBRID-FUSED-NEXT: nn.linear %[[H2]], {{.*}} -> tensor<?x8xf32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
// HYBRID-FUSED-NEXT: %[[W:.*]], %[[I:.*]] = moe.route
// HYBRID-FUSED-NEXT: %[[LR:.*]], %[[LW:.*]], %[[LI:.*]] = coll.dispatch %[[H2]], %[[W]], %[[I]] method <hybrid> over <{"node"}> site dispatch {nn.layer = 0 : i64, plan.chosen_by = "method hybrid-fused"} {{.*}} tensor<?x64xf32, #plan.sharding<[{"device"}, {}], rows = lane>>
// HYBRID-FUSED-NEXT: %[[GR:.*]]:3 = coll.all_gather %[[LR]], %[[LW]], %[[LI]] over <{"device"}> site dispatch_ag
// HYBRID-FUSED-NEXT: %[[P:.*]] = moe.expert_ffn %[[GR]]#0, %[[GR]]#1, %[[GR]]#2 {{.*}}(tensor<4x24x64xf32>, tensor<4x24x64xf32>, tensor<4x64x24xf32>) -> tensor<?x64xf32, #plan.sharding<[{}, {}], rows = received, partial = {"node", "device"}>>
// HYBRID-FUSED-NEXT: %[[SUM:.*]] = coll.reduce_scatter %[[P]] over <{"device"}> site combine_rs {{.*}} -> tensor<?x64xf32, #plan.sharding<[{"device"}, {}], rows = lane, partial = {"node"}>>
// HYBRID-FUSED-NEXT: %[[Y:.*]] = coll.combine %[[SUM]] method <hybrid> over <{"node"}> site combine
// HYBRID-FUSED-NEXT: %[[X2:.*]] = arith.addf %[[X1]], %[[Y]] {nn.layer = 0 : i64
// HYBRID-FUSED: nn.rms_norm %[[X2]], {{.*}} {nn.layer = 1 : i64
// HYBRID-FUSED: %[[S:.*]] = nn.select_rows {{.*}} -> tensor<?x64xf32, #plan.sharding<[{"node", "device"}, {}], rows = asked_owned>>
// HYBRID-FUSED-NEXT: %[[SG:.*]] = coll.all_gather %[[S]] over <{"device"}> site lm_head_ag {plan.chosen_by = "layout attn_tp"} {{.*}} rows = asked>>
// HYBRID-FUSED-NEXT: %[[L:.*]] = nn.linear %[[SG]]
// HYBRID-FUSED-NEXT: return %[[L]]
// HYBRID-FUSED-NOT: func.func

// One function per distinct method, in the table's order; a second run changes nothing.
// REDEFINE: %{table} = #plan.entry<max_tokens = 64, method = hybrid, chunks = 1>, #plan.entry<max_tokens = 128, method = allgather, chunks = 1>, #plan.entry<max_tokens = 192, method = hybrid, chunks = 4>
// RUN: %{tiny} | mixserve-opt -mixserve-phase-shard -o %t.once
// RUN: mixserve-opt %t.once -mixserve-phase-shard | diff %t.once -
// RUN: FileCheck %s --check-prefix=MANY < %t.once
// MANY-NOT: func.func @step(
// MANY: func.func @step_hybrid({{.*}} attributes {plan.method = #plan.method<hybrid>}
// MANY: func.func @step_allgather({{.*}} attributes {plan.method = #plan.method<allgather>}
// MANY-NOT: func.func

// One rank: the same ops without collectives.
// REDEFINE: %{mesh} = "node"=1, "device"=1
// REDEFINE: %{layout} = attn_tp = 1, attn_dp = 1, moe_tp = 1, moe_ep = 1, pp = 1
// REDEFINE: %{table} = #plan.entry<max_tokens = 64, method = allgather, chunks = 1>
// RUN: %{tiny} | mixserve-opt -mixserve-phase-shard | FileCheck %s --check-prefix=ONE --implicit-check-not=coll.
// ONE: func.func @step_allgather({{.*}} -> tensor<?x320xf32, #plan.sharding<[{}, {}], rows = asked>>
// ONE: moe.expert_ffn {{.*}} -> tensor<?x64xf32, #plan.sharding<[{}, {}], rows = owned>>

// Attention groups of one rank: their rows are the rank's own, only the experts communicate.
// REDEFINE: %{mesh} = "node"=2, "device"=2
// REDEFINE: %{layout} = attn_tp = 1, attn_dp = 4, moe_tp = 2, moe_ep = 2, pp = 1
// REDEFINE: %{table} = #plan.entry<max_tokens = 64, method = flat_ep, chunks = 1>
// RUN: %{tiny} | mixserve-opt -mixserve-phase-shard | FileCheck %s --check-prefix=DP --implicit-check-not=coll.all_gather --implicit-check-not=coll.reduce_scatter
// DP: nn.tokens {{.*}} : tensor<?xi32, #plan.sharding<[{"node", "device"}], rows = owned>>
// DP: nn.attention {{.*}} heads = 4 : i64, kv_heads = 2 : i64
// DP: coll.dispatch
// DP: coll.combine

// KV heads are copied: each of four ranks has one of the two.
// REDEFINE: %{mesh} = "node"=1, "device"=4
// REDEFINE: %{layout} = attn_tp = 4, attn_dp = 1, moe_tp = 2, moe_ep = 2, pp = 1
// RUN: %{tiny} | mixserve-opt -mixserve-phase-shard | FileCheck %s --check-prefix=COPY
// COPY: nn.linear {{.*}} tensor<16x64xf32> -> tensor<?x16xf32, #plan.sharding<[{}, {"device"}], rows = group>>
// COPY: nn.linear {{.*}} tensor<16x64xf32> -> tensor<?x16xf32, #plan.sharding<[{}, {"device":(1)2}], rows = group>>
// COPY: nn.attention {{.*}} heads = 1 : i64, kv_heads = 1 : i64

// Uneven experts: the local number is not static.
// REDEFINE: %{mesh} = "node"=1, "device"=3
// REDEFINE: %{layout} = attn_tp = 1, attn_dp = 3, moe_tp = 1, moe_ep = 3, pp = 1
// RUN: %{tiny} | mixserve-opt -mixserve-phase-shard | FileCheck %s --check-prefix=UNEVEN
// UNEVEN: nn.param_ref @layers.0.experts.gate {{.*}} : tensor<?x48x64xf32>
// UNEVEN: moe.expert_ffn {{.*}} experts(tensor<?x48x64xf32>, tensor<?x48x64xf32>, tensor<?x64x48xf32>)
