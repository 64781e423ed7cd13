// RUN: mixserve-opt %s -canonicalize | FileCheck %s
// RUN: mixserve-opt %s -canonicalize -canonicalize | FileCheck %s

!own = tensor<?x64xf32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
!all = tensor<?x64xf32, #plan.sharding<[{}, {}], rows = group>>
!ownk = tensor<?x2xf32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
!owni = tensor<?x2xi32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
!rec = tensor<?x64xf32, #plan.sharding<[{}, {}], rows = received>>
!reck = tensor<?x2xf32, #plan.sharding<[{}, {}], rows = received>>
!reci = tensor<?x2xi32, #plan.sharding<[{}, {}], rows = received>>
!recp = tensor<?x64xf32, #plan.sharding<[{}, {}], rows = received, partial = {"device"}>>
!grp = tensor<?x64xf32, #plan.sharding<[{"node"}, {}], rows = group>>
!part = tensor<?x64xf32, #plan.sharding<[{"node"}, {}], rows = group, partial = {"device"}>>

// Nothing needs the owned rows: one op less, the same bytes.
// CHECK-LABEL: func.func @gather_of_scatter
// CHECK-NEXT: coll.all_reduce %{{.*}} over <{"device"}> site attn_rs
// CHECK-NEXT: return
func.func @gather_of_scatter(%x: !part) -> !grp {
  %0 = coll.reduce_scatter %x over <{"device"}> site attn_rs : !part -> !own
  %1 = coll.all_gather %0 over <{"device"}> site attn_ag : !own -> !grp
  return %1 : !grp
}

// The owned rows have another user: nothing folds.
// CHECK-LABEL: func.func @owned_rows_are_used
// CHECK: coll.reduce_scatter
// CHECK: coll.all_gather
func.func @owned_rows_are_used(%x: !part) -> (!grp, !own) {
  %0 = coll.reduce_scatter %x over <{"device"}> site attn_rs : !part -> !own
  %1 = coll.all_gather %0 over <{"device"}> site attn_ag : !own -> !grp
  return %1, %0 : !grp, !own
}

// The sum is over fewer axes than the gather.
// CHECK-LABEL: func.func @other_axes
// CHECK: coll.reduce_scatter
// CHECK: coll.all_gather
func.func @other_axes(%x: !part) -> !all {
  %0 = coll.reduce_scatter %x over <{"device"}> site attn_rs : !part -> !own
  %1 = coll.all_gather %0 over <{"node", "device"}> site attn_ag : !own -> !all
  return %1 : !all
}

// Received rows are summed, group rows come back.
// CHECK-LABEL: func.func @other_rows_come_back
// CHECK: coll.reduce_scatter
// CHECK: coll.all_gather
func.func @other_rows_come_back(%x: !recp) -> !grp {
  %0 = coll.reduce_scatter %x over <{"device"}> site combine_rs : !recp -> !own
  %1 = coll.all_gather %0 over <{"device"}> site attn_ag : !own -> !grp
  return %1 : !grp
}

// Rows that travel with their routing are not reduced.
// CHECK-LABEL: func.func @routed
// CHECK: coll.reduce_scatter
// CHECK: coll.all_gather
func.func @routed(%x: !part, %w: !ownk, %i: !owni) -> !rec {
  %0 = coll.reduce_scatter %x over <{"device"}> site attn_rs : !part -> !own
  %1:3 = coll.all_gather %0, %w, %i over <{"device"}> site dispatch_ag : !own, !ownk, !owni -> !rec, !reck, !reci
  return %1#0 : !rec
}

// CHECK-LABEL: func.func @full_sum_is_used
// CHECK: coll.all_reduce
// CHECK: coll.slice
func.func @full_sum_is_used(%x: !part) -> (!own, !grp) {
  %0 = coll.all_reduce %x over <{"device"}> site attn_rs : !part -> !grp
  %1 = coll.slice %0 over <{"device"}> : !grp -> !own
  return %1, %0 : !own, !grp
}

// CHECK-LABEL: func.func @slice_of_another_op
// CHECK: coll.slice
func.func @slice_of_another_op(%x: !grp) -> !own {
  %0 = coll.slice %x over <{"device"}> : !grp -> !own
  return %0 : !own
}

// CHECK-LABEL: func.func @slice_of_all_reduce
// CHECK-NEXT: coll.reduce_scatter %{{.*}} over <{"device"}> site attn_rs
// CHECK-NEXT: return
func.func @slice_of_all_reduce(%x: !part) -> !own {
  %0 = coll.all_reduce %x over <{"device"}> site attn_rs : !part -> !grp
  %1 = coll.slice %0 over <{"device"}> : !grp -> !own
  return %1 : !own
}

// Collectives are never dropped: every rank takes part, used or not.
// CHECK-LABEL: func.func @unused
// CHECK: coll.all_gather
func.func @unused(%x: !own) {
  %0 = coll.all_gather %x over <{"device"}> site attn_ag : !own -> !grp
  return
}
