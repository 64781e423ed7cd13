// RUN: mixserve-opt %s -mixserve-fuse-ag-dispatch -o %t.once.mlir
// RUN: FileCheck %s --input-file=%t.once.mlir
// A second run changes nothing.
// RUN: mixserve-opt %t.once.mlir -mixserve-fuse-ag-dispatch | diff %t.once.mlir -

#owned = #plan.sharding<[{"node", "device"}, {}], rows = owned>
#part = #plan.sharding<[{"node"}, {}], rows = group, partial = {"device"}>
#part_all = #plan.sharding<[{}, {}], rows = group, partial = {"node", "device"}>
#lane = #plan.sharding<[{"device"}, {}], rows = lane>
#received = #plan.sharding<[{}, {}], rows = received>
!own = tensor<?x64xf32, #owned>
!ownk = tensor<?x2xf32, #owned>
!owni = tensor<?x2xi32, #owned>
!rec = tensor<?x64xf32, #received>

module attributes {plan.mesh = #plan.mesh<["node"=2, "device"=2]>,
                   plan.table = [#plan.entry<max_tokens = 8, method = allgather, chunks = 1>,
                                 #plan.entry<max_tokens = 64, method = hybrid_fused, chunks = 4>,
                                 #plan.entry<max_tokens = 256, method = hybrid_fused, chunks = 2>,
                                 #plan.entry<max_tokens = 512, method = hybrid_fused, chunks = 4>]} {
  nn.param @norm : tensor<64xf32> from [#nn.box<"w", offset = 0, type = f32, at = [0], shape = [64], strides = [1]>]
  nn.param @router : tensor<8x64xf32> from [#nn.box<"w", offset = 256, type = f32, at = [0, 0], shape = [8, 64], strides = [64, 1]>]

  // Everything from attention's sum to the gathered rows is one op; the residual stream is kept.
  // CHECK-LABEL: func.func @attention_sum
  // CHECK-SAME: (%[[P:.*]]: tensor<?x64xf32, {{.*}}partial = {"device"}>>, %[[X:.*]]: tensor
  // CHECK: %[[F:.*]]:4 = coll.ag_dispatch(%[[P]], %[[X]]) reduce_over <{"device"}> lanes <{"node"}> gather <{"device"}> chunks [2, 4] attributes {nn.layer = 3 : i64, plan.chosen_by = "method hybrid-fused"} {
  // CHECK-NEXT: ^bb0(%[[SUM:.*]]: tensor<?x64xf32, {{.*}}rows = owned>>, %[[RES:.*]]: tensor
  // CHECK-NEXT: %[[H:.*]] = arith.addf %[[RES]], %[[SUM]]
  // CHECK-NEXT: %[[N:.*]] = nn.rms_norm %[[H]]
  // CHECK-NEXT: %[[L:.*]] = nn.linear %[[N]]
  // CHECK-NEXT: %[[W:.*]], %[[I:.*]] = moe.route %[[L]]
  // CHECK-NEXT: coll.yield %[[N]], %[[W]], %[[I]], %[[H]]
  // CHECK-NOT: coll.
  // CHECK: return %[[F]]#0, %[[F]]#3
  func.func @attention_sum(%p: tensor<?x64xf32, #part>, %x: !own) -> (!rec, !own) attributes {plan.method = #plan.method<hybrid_fused>} {
    %norm = nn.param_ref @norm : tensor<64xf32>
    %router = nn.param_ref @router : tensor<8x64xf32>
    %s = coll.reduce_scatter %p over <{"device"}> site attn_rs {nn.layer = 3 : i64} : tensor<?x64xf32, #part> -> !own
    %h = arith.addf %x, %s {nn.layer = 3 : i64} : !own
    %n = nn.rms_norm %h, %norm eps 1.0e-6 {nn.layer = 3 : i64} : !own, tensor<64xf32>
    %l = nn.linear %n, %router {nn.layer = 3 : i64} : !own, tensor<8x64xf32> -> tensor<?x8xf32, #owned>
    %w, %i = moe.route %l router <score = softmax, normalize = true, scale = 1.0 : f64> top_k 2 {nn.layer = 3 : i64} : tensor<?x8xf32, #owned> -> !ownk, !owni
    %d:3 = coll.dispatch %n, %w, %i method <hybrid> over <{"node"}> site dispatch {nn.layer = 3 : i64} : !own, !ownk, !owni -> tensor<?x64xf32, #lane>, tensor<?x2xf32, #lane>, tensor<?x2xi32, #lane>
    %g:3 = coll.all_gather %d#0, %d#1, %d#2 over <{"device"}> site dispatch_ag {nn.layer = 3 : i64} : tensor<?x64xf32, #lane>, tensor<?x2xf32, #lane>, tensor<?x2xi32, #lane> -> !rec, tensor<?x2xf32, #received>, tensor<?x2xi32, #received>
    return %g#0, %h : !rec, !own
  }

  // Without attention TP there is nothing to reduce.
  // CHECK-LABEL: func.func @owned_rows
  // CHECK: coll.ag_dispatch(%{{.*}}, %{{.*}}, %{{.*}}) lanes <{"node"}> gather <{"device"}> chunks [2, 4]
  // CHECK: arith.negf
  // CHECK-NOT: coll.dispatch
  // CHECK: return
  func.func @owned_rows(%x: !own, %w: !ownk, %i: !owni) -> !rec attributes {plan.method = #plan.method<hybrid_fused>} {
    %n = arith.negf %x : !own
    %d:3 = coll.dispatch %n, %w, %i method <hybrid> over <{"node"}> site dispatch : !own, !ownk, !owni -> tensor<?x64xf32, #lane>, tensor<?x2xf32, #lane>, tensor<?x2xi32, #lane>
    %g:3 = coll.all_gather %d#0, %d#1, %d#2 over <{"device"}> site dispatch_ag : tensor<?x64xf32, #lane>, tensor<?x2xf32, #lane>, tensor<?x2xi32, #lane> -> !rec, tensor<?x2xf32, #received>, tensor<?x2xi32, #received>
    return %g#0 : !rec
  }

  // (F3): a sum over several nodes stays outside, the rest is fused.
  // CHECK-LABEL: func.func @group_spans_nodes
  // CHECK: %[[S:.*]] = coll.reduce_scatter
  // CHECK-NEXT: coll.ag_dispatch(%[[S]], %{{.*}}, %{{.*}}) lanes
  func.func @group_spans_nodes(%p: tensor<?x64xf32, #part_all>, %w: !ownk, %i: !owni) -> !rec attributes {plan.method = #plan.method<hybrid_fused>} {
    %s = coll.reduce_scatter %p over <{"node", "device"}> site attn_rs : tensor<?x64xf32, #part_all> -> !own
    %n = arith.negf %s : !own
    %d:3 = coll.dispatch %n, %w, %i method <hybrid> over <{"node"}> site dispatch : !own, !ownk, !owni -> tensor<?x64xf32, #lane>, tensor<?x2xf32, #lane>, tensor<?x2xi32, #lane>
    %g:3 = coll.all_gather %d#0, %d#1, %d#2 over <{"device"}> site dispatch_ag : tensor<?x64xf32, #lane>, tensor<?x2xf32, #lane>, tensor<?x2xi32, #lane> -> !rec, tensor<?x2xf32, #received>, tensor<?x2xi32, #received>
    return %g#0 : !rec
  }

  // Linears other than the router's run once for the whole batch, outside.
  // CHECK-LABEL: func.func @other_linear
  // CHECK: %[[U:.*]] = nn.linear
  // CHECK: coll.ag_dispatch(%[[U]], %{{.*}}, %{{.*}}) lanes
  // CHECK-NOT: nn.linear
  // CHECK: return
  func.func @other_linear(%x: !own, %w: !ownk, %i: !owni, %up: tensor<64x64xf32>) -> !rec attributes {plan.method = #plan.method<hybrid_fused>} {
    %u = nn.linear %x, %up : !own, tensor<64x64xf32> -> !own
    %n = arith.negf %u : !own
    %d:3 = coll.dispatch %n, %w, %i method <hybrid> over <{"node"}> site dispatch : !own, !ownk, !owni -> tensor<?x64xf32, #lane>, tensor<?x2xf32, #lane>, tensor<?x2xi32, #lane>
    %g:3 = coll.all_gather %d#0, %d#1, %d#2 over <{"device"}> site dispatch_ag : tensor<?x64xf32, #lane>, tensor<?x2xf32, #lane>, tensor<?x2xi32, #lane> -> !rec, tensor<?x2xf32, #received>, tensor<?x2xi32, #received>
    return %g#0 : !rec
  }

  // Ops of the layer before stay there.
  // CHECK-LABEL: func.func @layer_before
  // CHECK: %[[U:.*]] = arith.negf
  // CHECK: coll.ag_dispatch(%[[U]], %{{.*}}, %{{.*}}) lanes
  // CHECK: arith.negf
  func.func @layer_before(%x: !own, %w: !ownk, %i: !owni) -> !rec attributes {plan.method = #plan.method<hybrid_fused>} {
    %u = arith.negf %x {nn.layer = 0 : i64} : !own
    %n = arith.negf %u {nn.layer = 1 : i64} : !own
    %d:3 = coll.dispatch %n, %w, %i method <hybrid> over <{"node"}> site dispatch {nn.layer = 1 : i64} : !own, !ownk, !owni -> tensor<?x64xf32, #lane>, tensor<?x2xf32, #lane>, tensor<?x2xi32, #lane>
    %g:3 = coll.all_gather %d#0, %d#1, %d#2 over <{"device"}> site dispatch_ag {nn.layer = 1 : i64} : tensor<?x64xf32, #lane>, tensor<?x2xf32, #lane>, tensor<?x2xi32, #lane> -> !rec, tensor<?x2xf32, #received>, tensor<?x2xi32, #received>
    return %g#0 : !rec
  }

  // The fused op costs what its parts cost.
  // CHECK-LABEL: func.func @bytes
  // CHECK: plan.bytes = #plan.bytes<tokens = 64, intra = 107, inter = 20>
  func.func @bytes(%p: tensor<?x64xf32, #part>, %w: !ownk, %i: !owni) -> !rec attributes {plan.method = #plan.method<hybrid_fused>} {
    %s = coll.reduce_scatter %p over <{"device"}> site attn_rs {plan.bytes = #plan.bytes<tokens = 64, intra = 100, inter = 0>} : tensor<?x64xf32, #part> -> !own
    %n = arith.negf %s : !own
    %d:3 = coll.dispatch %n, %w, %i method <hybrid> over <{"node"}> site dispatch {plan.bytes = #plan.bytes<tokens = 64, intra = 0, inter = 20>} : !own, !ownk, !owni -> tensor<?x64xf32, #lane>, tensor<?x2xf32, #lane>, tensor<?x2xi32, #lane>
    %g:3 = coll.all_gather %d#0, %d#1, %d#2 over <{"device"}> site dispatch_ag {plan.bytes = #plan.bytes<tokens = 64, intra = 7, inter = 0>} : tensor<?x64xf32, #lane>, tensor<?x2xf32, #lane>, tensor<?x2xi32, #lane> -> !rec, tensor<?x2xf32, #received>, tensor<?x2xi32, #received>
    return %g#0 : !rec
  }

  // Where the plan says hybrid, nothing changes.
  // CHECK-LABEL: func.func @not_asked
  // CHECK: coll.dispatch
  // CHECK-NEXT: coll.all_gather
  func.func @not_asked(%x: !own, %w: !ownk, %i: !owni) -> !rec attributes {plan.method = #plan.method<hybrid>} {
    %n = arith.negf %x : !own
    %d:3 = coll.dispatch %n, %w, %i method <hybrid> over <{"node"}> site dispatch : !own, !ownk, !owni -> tensor<?x64xf32, #lane>, tensor<?x2xf32, #lane>, tensor<?x2xi32, #lane>
    %g:3 = coll.all_gather %d#0, %d#1, %d#2 over <{"device"}> site dispatch_ag : tensor<?x64xf32, #lane>, tensor<?x2xf32, #lane>, tensor<?x2xi32, #lane> -> !rec, tensor<?x2xf32, #received>, tensor<?x2xi32, #received>
    return %g#0 : !rec
  }
}
