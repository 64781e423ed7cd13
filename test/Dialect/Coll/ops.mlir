// RUN: mixserve-opt %s -verify-roundtrip | mixserve-opt | FileCheck %s
// RUN: mixserve-opt %s -mlir-print-op-generic | mixserve-opt | FileCheck %s

!own = tensor<?x64xf32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
!ownk = tensor<?x2xf32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
!owni = tensor<?x2xi32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
!grp = tensor<?x64xf32, #plan.sharding<[{"node"}, {}], rows = group>>
!part = tensor<?x64xf32, #plan.sharding<[{"node"}, {}], rows = group, partial = {"device"}>>
!lane = tensor<?x64xf32, #plan.sharding<[{"device"}, {}], rows = lane>>
!lanek = tensor<?x2xf32, #plan.sharding<[{"device"}, {}], rows = lane>>
!lanei = tensor<?x2xi32, #plan.sharding<[{"device"}, {}], rows = lane>>
!rec = tensor<?x64xf32, #plan.sharding<[{}, {}], rows = received>>
!reck = tensor<?x2xf32, #plan.sharding<[{}, {}], rows = received>>
!reci = tensor<?x2xi32, #plan.sharding<[{}, {}], rows = received>>
!recp = tensor<?x64xf32, #plan.sharding<[{}, {}], rows = received, partial = {"node", "device"}>>
!lanep = tensor<?x64xf32, #plan.sharding<[{"device"}, {}], rows = lane, partial = {"node"}>>

// CHECK-LABEL: func.func @sums_and_gathers
func.func @sums_and_gathers(%part: !part, %own: !own, %grp: !grp, %recp: !recp) {
  // CHECK: coll.all_reduce %{{.*}} over <{"device"}> site attn_rs
  %0 = coll.all_reduce %part over <{"device"}> site attn_rs : !part -> !grp
  // CHECK: coll.reduce_scatter %{{.*}} over <{"device"}> site attn_rs
  %1 = coll.reduce_scatter %part over <{"device"}> site attn_rs : !part -> !own
  // CHECK: coll.reduce_scatter %{{.*}} over <{"device"}> site combine_rs
  %2 = coll.reduce_scatter %recp over <{"device"}> site combine_rs : !recp -> !lanep
  // CHECK: coll.all_gather %{{.*}} over <{"device"}> site attn_ag
  %3 = coll.all_gather %own over <{"device"}> site attn_ag : !own -> !grp
  // CHECK: coll.slice %{{.*}} over <{"device"}>
  %4 = coll.slice %grp over <{"device"}> : !grp -> !own
  return
}

// CHECK-LABEL: func.func @tokens
func.func @tokens(%x: !own, %w: !ownk, %i: !owni, %lanep: !lanep, %rec: !rec) {
  // CHECK: coll.dispatch {{.*}} method <hybrid> over <{"node"}> site dispatch
  %l:3 = coll.dispatch %x, %w, %i method <hybrid> over <{"node"}> site dispatch : !own, !ownk, !owni -> !lane, !lanek, !lanei
  // CHECK: coll.all_gather {{.*}} over <{"device"}> site dispatch_ag
  %g:3 = coll.all_gather %l#0, %l#1, %l#2 over <{"device"}> site dispatch_ag : !lane, !lanek, !lanei -> !rec, !reck, !reci
  // CHECK: coll.dispatch {{.*}} method <flat_ep>
  %f:3 = coll.dispatch %x, %w, %i method <flat_ep> over <{"node", "device"}> site dispatch : !own, !ownk, !owni -> !rec, !reck, !reci
  // CHECK: coll.combine {{.*}} method <hybrid>
  %c = coll.combine %lanep method <hybrid> over <{"node"}> site combine : !lanep -> !own
  // CHECK: coll.combine {{.*}} method <hier_ep>
  %d = coll.combine %rec method <hier_ep> over <{"node", "device"}> site combine : !rec -> !own
  return
}

// CHECK-LABEL: func.func @fused
func.func @fused(%part: !part, %x: !own, %w: !ownk, %i: !owni, %recp: !recp) {
  // CHECK: coll.ag_dispatch({{.*}}) reduce_over <{"device"}> lanes <{"node"}> gather <{"device"}> chunks [1, 4] {
  // CHECK: coll.yield
  %0:4 = coll.ag_dispatch(%part, %x, %w, %i) reduce_over <{"device"}> lanes <{"node"}> gather <{"device"}> chunks [1, 4] {
  ^bb0(%sum: !own, %residual: !own, %rw: !ownk, %ri: !owni):
    %y = arith.addf %sum, %residual : !own
    coll.yield %y, %rw, %ri, %y : !own, !ownk, !owni, !own
  } : (!part, !own, !ownk, !owni) -> (!rec, !reck, !reci, !own)
  // Without attention TP there is nothing to reduce.
  // CHECK: coll.ag_dispatch({{.*}}) lanes <{"node"}> gather <{"device"}> chunks [2]
  %1:3 = coll.ag_dispatch(%x, %w, %i) lanes <{"node"}> gather <{"device"}> chunks [2] {
  ^bb0(%y: !own, %rw: !ownk, %ri: !owni):
    coll.yield %y, %rw, %ri : !own, !ownk, !owni
  } : (!own, !ownk, !owni) -> (!rec, !reck, !reci)
  // CHECK: coll.rs_combine %{{.*}} reduce_over <{"device"}> lanes <{"node"}> chunks [1, 4]
  %2 = coll.rs_combine %recp reduce_over <{"device"}> lanes <{"node"}> chunks [1, 4] : !recp -> !own
  // CHECK: coll.rs_combine_ag({{.*}}) reduce_over <{"device"}> lanes <{"node"}> gather <{"device"}> chunks [1, 4] {
  // CHECK: coll.yield
  %3:2 = coll.rs_combine_ag(%recp, %x) reduce_over <{"device"}> lanes <{"node"}> gather <{"device"}> chunks [1, 4] {
  ^bb0(%sum: !own, %residual: !own):
    %y = arith.addf %sum, %residual : !own
    %n = arith.negf %y : !own
    coll.yield %n, %y : !own, !own
  } : (!recp, !own) -> (!grp, !own)
  return
}
