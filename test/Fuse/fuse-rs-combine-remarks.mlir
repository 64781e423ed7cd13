// What was fused, and one case per label of why not; the IR of those stays (FileCheck).
// RUN: mixserve-opt %s -split-input-file -verify-diagnostics -mixserve-fuse-rs-combine --remarks-filter=fuse --remark-format=emitRemark --remark-policy=all
// RUN: mixserve-opt %s -split-input-file -mixserve-fuse-rs-combine | FileCheck %s

#owned = #plan.sharding<[{"node", "device"}, {}], rows = owned>
#received = #plan.sharding<[{}, {}], rows = received>
#received_part = #plan.sharding<[{}, {}], rows = received, partial = {"node", "device"}>
#lane_part = #plan.sharding<[{"device"}, {}], rows = lane, partial = {"node"}>

module attributes {plan.table = [#plan.entry<max_tokens = 64, method = hybrid_fused, chunks = 4>]} {
  // CHECK-LABEL: func.func @fires
  // CHECK: coll.rs_combine
  func.func @fires(%p: tensor<?x64xf32, #received_part>) -> tensor<?x64xf32, #owned> attributes {plan.method = #plan.method<hybrid_fused>} {
    %s = coll.reduce_scatter %p over <{"device"}> site combine_rs : tensor<?x64xf32, #received_part> -> tensor<?x64xf32, #lane_part>
    // expected-remark @below {{reduce_scatter and combine fused}}
    %y = coll.combine %s method <hybrid> over <{"node"}> site combine : tensor<?x64xf32, #lane_part> -> tensor<?x64xf32, #owned>
    return %y : tensor<?x64xf32, #owned>
  }

  // CHECK-LABEL: func.func @f2_not_from_lanes
  // CHECK: coll.combine
  func.func @f2_not_from_lanes(%p: tensor<?x64xf32, #received>) attributes {plan.method = #plan.method<hybrid_fused>} {
    // expected-remark @below {{(F2) combine by flat_ep does not come from lanes}}
    %y = coll.combine %p method <flat_ep> over <{"node", "device"}> site combine : tensor<?x64xf32, #received> -> tensor<?x64xf32, #owned>
    return
  }

  // CHECK-LABEL: func.func @f7_no_reduce_scatter
  // CHECK: coll.combine
  func.func @f7_no_reduce_scatter(%s: tensor<?x64xf32, #lane_part>) attributes {plan.method = #plan.method<hybrid_fused>} {
    // expected-remark @below {{(F7) the combined rows do not come from a reduce_scatter to lane rows}}
    %y = coll.combine %s method <hybrid> over <{"node"}> site combine : tensor<?x64xf32, #lane_part> -> tensor<?x64xf32, #owned>
    return
  }

  // CHECK-LABEL: func.func @f8_another_reader
  // CHECK: coll.combine
  func.func @f8_another_reader(%p: tensor<?x64xf32, #received_part>) -> tensor<?x64xf32, #lane_part> attributes {plan.method = #plan.method<hybrid_fused>} {
    %s = coll.reduce_scatter %p over <{"device"}> site combine_rs : tensor<?x64xf32, #received_part> -> tensor<?x64xf32, #lane_part>
    // expected-remark @below {{(F8) the node sums have another user}}
    %y = coll.combine %s method <hybrid> over <{"node"}> site combine : tensor<?x64xf32, #lane_part> -> tensor<?x64xf32, #owned>
    return %s : tensor<?x64xf32, #lane_part>
  }
}

// -----

#owned = #plan.sharding<[{"node", "device"}, {}], rows = owned>
#received_part = #plan.sharding<[{}, {}], rows = received, partial = {"node", "device"}>
#lane_part = #plan.sharding<[{"device"}, {}], rows = lane, partial = {"node"}>

// CHECK-LABEL: func.func @f6_no_table
// CHECK: coll.combine
func.func @f6_no_table(%p: tensor<?x64xf32, #received_part>) attributes {plan.method = #plan.method<hybrid_fused>} {
  %s = coll.reduce_scatter %p over <{"device"}> site combine_rs : tensor<?x64xf32, #received_part> -> tensor<?x64xf32, #lane_part>
  // expected-remark @below {{(F6) the plan's table has no hybrid_fused entry}}
  %y = coll.combine %s method <hybrid> over <{"node"}> site combine : tensor<?x64xf32, #lane_part> -> tensor<?x64xf32, #owned>
  return
}
