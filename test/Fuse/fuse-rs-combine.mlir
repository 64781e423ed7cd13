// RUN: mixserve-opt %s -mixserve-fuse-rs-combine -o %t.once.mlir
// RUN: FileCheck %s --input-file=%t.once.mlir
// A second run changes nothing.
// RUN: mixserve-opt %t.once.mlir -mixserve-fuse-rs-combine | diff %t.once.mlir -

#owned = #plan.sharding<[{"node", "device"}, {}], rows = owned>
#received_part = #plan.sharding<[{}, {}], rows = received, partial = {"node", "device"}>
#lane_part = #plan.sharding<[{"device"}, {}], rows = lane, partial = {"node"}>

// plan.variants compiles the method in beside the table; a run that forces it says its own count.
module attributes {plan.table = [#plan.entry<max_tokens = 64, method = hybrid_fused, chunks = 4>],
                   plan.variants = [#plan.method<hybrid_fused>]} {
  // CHECK-LABEL: func.func @fires
  // CHECK-SAME: (%[[P:.*]]: tensor
  // CHECK-NEXT: %[[Y:.*]] = coll.rs_combine %[[P]] reduce_over <{"device"}> lanes <{"node"}> chunks [1, 4] {nn.layer = 3 : i64, plan.bytes = #plan.bytes<tokens = 64, intra = 8, inter = 5>, plan.chosen_by = "method hybrid-fused"}
  // CHECK-NEXT: return %[[Y]]
  func.func @fires(%p: tensor<?x64xf32, #received_part>) -> tensor<?x64xf32, #owned> attributes {plan.method = #plan.method<hybrid_fused>} {
    %s = coll.reduce_scatter %p over <{"device"}> site combine_rs {nn.layer = 3 : i64, plan.bytes = #plan.bytes<tokens = 64, intra = 8, inter = 0>} : tensor<?x64xf32, #received_part> -> tensor<?x64xf32, #lane_part>
    %y = coll.combine %s method <hybrid> over <{"node"}> site combine {nn.layer = 3 : i64, plan.bytes = #plan.bytes<tokens = 64, intra = 0, inter = 5>} : tensor<?x64xf32, #lane_part> -> tensor<?x64xf32, #owned>
    return %y : tensor<?x64xf32, #owned>
  }

  // Without the bytes of all parts the fused op has none.
  // CHECK-LABEL: func.func @bytes_of_one_part
  // CHECK-NOT: plan.bytes
  // CHECK: return
  func.func @bytes_of_one_part(%p: tensor<?x64xf32, #received_part>) -> tensor<?x64xf32, #owned> attributes {plan.method = #plan.method<hybrid_fused>} {
    %s = coll.reduce_scatter %p over <{"device"}> site combine_rs {plan.bytes = #plan.bytes<tokens = 64, intra = 8, inter = 0>} : tensor<?x64xf32, #received_part> -> tensor<?x64xf32, #lane_part>
    %y = coll.combine %s method <hybrid> over <{"node"}> site combine : tensor<?x64xf32, #lane_part> -> tensor<?x64xf32, #owned>
    return %y : tensor<?x64xf32, #owned>
  }

  // Where the plan says hybrid, nothing changes.
  // CHECK-LABEL: func.func @not_asked
  // CHECK-NEXT: coll.reduce_scatter
  // CHECK-NEXT: coll.combine
  func.func @not_asked(%p: tensor<?x64xf32, #received_part>) -> tensor<?x64xf32, #owned> attributes {plan.method = #plan.method<hybrid>} {
    %s = coll.reduce_scatter %p over <{"device"}> site combine_rs : tensor<?x64xf32, #received_part> -> tensor<?x64xf32, #lane_part>
    %y = coll.combine %s method <hybrid> over <{"node"}> site combine : tensor<?x64xf32, #lane_part> -> tensor<?x64xf32, #owned>
    return %y : tensor<?x64xf32, #owned>
  }
}
