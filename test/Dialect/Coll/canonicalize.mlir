// RUN: mixserve-opt %s -canonicalize | FileCheck %s
// RUN: mixserve-opt %s -canonicalize -canonicalize | FileCheck %s

!own = tensor<?x64xf32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
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
