// What was fused, and one case per label of why not; the IR of those stays (FileCheck).
// RUN: mixserve-opt %s -split-input-file -verify-diagnostics -mixserve-fuse-ag-dispatch --remarks-filter=fuse --remark-format=emitRemark --remark-policy=all
// RUN: mixserve-opt %s -split-input-file -mixserve-fuse-ag-dispatch | FileCheck %s

#owned = #plan.sharding<[{"node", "device"}, {}], rows = owned>
#part = #plan.sharding<[{"node"}, {}], rows = group, partial = {"device"}>
#part_all = #plan.sharding<[{}, {}], rows = group, partial = {"node", "device"}>
#lane = #plan.sharding<[{"device"}, {}], rows = lane>
#received = #plan.sharding<[{}, {}], rows = received>
!own = tensor<?x64xf32, #owned>
!ownk = tensor<?x2xf32, #owned>
!owni = tensor<?x2xi32, #owned>
!lan = tensor<?x64xf32, #lane>
!lank = tensor<?x2xf32, #lane>
!lani = tensor<?x2xi32, #lane>
!rec = tensor<?x64xf32, #received>
!reck = tensor<?x2xf32, #received>
!reci = tensor<?x2xi32, #received>

module attributes {plan.mesh = #plan.mesh<["node"=2, "device"=2]>,
                   plan.table = [#plan.entry<max_tokens = 64, method = hybrid_fused, chunks = 4>]} {
  // CHECK-LABEL: func.func @fires
  // CHECK: coll.ag_dispatch
  func.func @fires(%p: tensor<?x64xf32, #part>, %w: !ownk, %i: !owni) -> !rec attributes {plan.method = #plan.method<hybrid_fused>} {
    %s = coll.reduce_scatter %p over <{"device"}> site attn_rs : tensor<?x64xf32, #part> -> !own
    %n = arith.negf %s : !own
    // expected-remark @below {{reduce_scatter, 1 row-wise ops, dispatch and all_gather fused}}
    %d:3 = coll.dispatch %n, %w, %i method <hybrid> over <{"node"}> site dispatch : !own, !ownk, !owni -> !lan, !lank, !lani
    %g:3 = coll.all_gather %d#0, %d#1, %d#2 over <{"device"}> site dispatch_ag : !lan, !lank, !lani -> !rec, !reck, !reci
    return %g#0 : !rec
  }

  // CHECK-LABEL: func.func @f1_another_reader
  // CHECK: coll.dispatch
  func.func @f1_another_reader(%x: !own, %w: !ownk, %i: !owni) -> (!rec, !lan) attributes {plan.method = #plan.method<hybrid_fused>} {
    %n = arith.negf %x : !own
    // expected-remark @below {{(F1) the dispatched rows do not all go to one all_gather and nowhere else}}
    %d:3 = coll.dispatch %n, %w, %i method <hybrid> over <{"node"}> site dispatch : !own, !ownk, !owni -> !lan, !lank, !lani
    %g:3 = coll.all_gather %d#0, %d#1, %d#2 over <{"device"}> site dispatch_ag : !lan, !lank, !lani -> !rec, !reck, !reci
    return %g#0, %d#0 : !rec, !lan
  }

  // CHECK-LABEL: func.func @f1_unused_weights
  // CHECK: coll.dispatch
  func.func @f1_unused_weights(%x: !own, %w: !ownk, %i: !owni, %o: !lank) -> !rec attributes {plan.method = #plan.method<hybrid_fused>} {
    %n = arith.negf %x : !own
    // expected-remark @below {{(F1) the dispatched rows do not all go to one all_gather and nowhere else}}
    %d:3 = coll.dispatch %n, %w, %i method <hybrid> over <{"node"}> site dispatch : !own, !ownk, !owni -> !lan, !lank, !lani
    %g:3 = coll.all_gather %d#0, %o, %d#2 over <{"device"}> site dispatch_ag : !lan, !lank, !lani -> !rec, !reck, !reci
    return %g#0 : !rec
  }

  // CHECK-LABEL: func.func @f2_not_to_lanes
  // CHECK: coll.dispatch
  func.func @f2_not_to_lanes(%x: !own, %w: !ownk, %i: !owni) -> !rec attributes {plan.method = #plan.method<hybrid_fused>} {
    // expected-remark @below {{(F2) dispatch by hier_ep does not go to lanes}}
    %d:3 = coll.dispatch %x, %w, %i method <hier_ep> over <{"node", "device"}> site dispatch : !own, !ownk, !owni -> !rec, !reck, !reci
    return %d#0 : !rec
  }

  // Not a failure: the rest is fused without the sum.
  // CHECK-LABEL: func.func @f3_group_spans_nodes
  // CHECK: coll.reduce_scatter
  // CHECK-NEXT: coll.ag_dispatch
  func.func @f3_group_spans_nodes(%p: tensor<?x64xf32, #part_all>, %w: !ownk, %i: !owni) -> !rec attributes {plan.method = #plan.method<hybrid_fused>} {
    // expected-remark @below {{(F3) attention group spans nodes: its reduce_scatter stays outside}}
    %s = coll.reduce_scatter %p over <{"node", "device"}> site attn_rs : tensor<?x64xf32, #part_all> -> !own
    %n = arith.negf %s : !own
    // expected-remark @below {{1 row-wise ops, dispatch and all_gather fused}}
    %d:3 = coll.dispatch %n, %w, %i method <hybrid> over <{"node"}> site dispatch : !own, !ownk, !owni -> !lan, !lank, !lani
    %g:3 = coll.all_gather %d#0, %d#1, %d#2 over <{"device"}> site dispatch_ag : !lan, !lank, !lani -> !rec, !reck, !reci
    return %g#0 : !rec
  }

  // CHECK-LABEL: func.func @f4_used_too_early
  // CHECK: coll.dispatch
  func.func @f4_used_too_early(%x: !own, %w: !ownk, %i: !owni, %m: tensor<64x64xf32>) -> (!rec, !own) attributes {plan.method = #plan.method<hybrid_fused>} {
    %n = arith.negf %x : !own
    %u = nn.linear %n, %m : !own, tensor<64x64xf32> -> !own
    // expected-remark @below {{(F4) 'nn.linear' uses rows of the region before they have been dispatched}}
    %d:3 = coll.dispatch %n, %w, %i method <hybrid> over <{"node"}> site dispatch : !own, !ownk, !owni -> !lan, !lank, !lani
    %g:3 = coll.all_gather %d#0, %d#1, %d#2 over <{"device"}> site dispatch_ag : !lan, !lank, !lani -> !rec, !reck, !reci
    return %g#0, %u : !rec, !own
  }

  // CHECK-LABEL: func.func @f5_nothing_row_wise
  // CHECK: coll.dispatch
  func.func @f5_nothing_row_wise(%x: !own, %w: !ownk, %i: !owni) -> !rec attributes {plan.method = #plan.method<hybrid_fused>} {
    // expected-remark @below {{(F5) no row-wise op computes what is dispatched}}
    %d:3 = coll.dispatch %x, %w, %i method <hybrid> over <{"node"}> site dispatch : !own, !ownk, !owni -> !lan, !lank, !lani
    %g:3 = coll.all_gather %d#0, %d#1, %d#2 over <{"device"}> site dispatch_ag : !lan, !lank, !lani -> !rec, !reck, !reci
    return %g#0 : !rec
  }

  // CHECK-LABEL: func.func @f5_not_owned_rows
  // CHECK: coll.dispatch
  func.func @f5_not_owned_rows(%x: tensor<?x8xf32, #received>, %h: !own) -> !rec attributes {plan.method = #plan.method<hybrid_fused>} {
    %w, %i = moe.route %x router <score = softmax, normalize = true, scale = 1.0 : f64> top_k 2 : tensor<?x8xf32, #received> -> !ownk, !owni
    // expected-remark @below {{(F5) the region needs owned rows, one input has received rows}}
    %d:3 = coll.dispatch %h, %w, %i method <hybrid> over <{"node"}> site dispatch : !own, !ownk, !owni -> !lan, !lank, !lani
    %g:3 = coll.all_gather %d#0, %d#1, %d#2 over <{"device"}> site dispatch_ag : !lan, !lank, !lani -> !rec, !reck, !reci
    return %g#0 : !rec
  }
}

// -----

#owned = #plan.sharding<[{"node", "device"}, {}], rows = owned>
#lane = #plan.sharding<[{"device"}, {}], rows = lane>
#received = #plan.sharding<[{}, {}], rows = received>

module attributes {plan.mesh = #plan.mesh<["node"=2, "device"=2]>,
                   plan.table = [#plan.entry<max_tokens = 64, method = hybrid, chunks = 1>]} {
  // CHECK-LABEL: func.func @f6_not_in_the_table
  // CHECK: coll.dispatch
  func.func @f6_not_in_the_table(%x: tensor<?x64xf32, #owned>, %w: tensor<?x2xf32, #owned>, %i: tensor<?x2xi32, #owned>) attributes {plan.method = #plan.method<hybrid_fused>} {
    %n = arith.negf %x : tensor<?x64xf32, #owned>
    // expected-remark @below {{(F6) the plan's table has no hybrid_fused entry}}
    %d:3 = coll.dispatch %n, %w, %i method <hybrid> over <{"node"}> site dispatch : tensor<?x64xf32, #owned>, tensor<?x2xf32, #owned>, tensor<?x2xi32, #owned> -> tensor<?x64xf32, #lane>, tensor<?x2xf32, #lane>, tensor<?x2xi32, #lane>
    %g:3 = coll.all_gather %d#0, %d#1, %d#2 over <{"device"}> site dispatch_ag : tensor<?x64xf32, #lane>, tensor<?x2xf32, #lane>, tensor<?x2xi32, #lane> -> tensor<?x64xf32, #received>, tensor<?x2xf32, #received>, tensor<?x2xi32, #received>
    return
  }
}
