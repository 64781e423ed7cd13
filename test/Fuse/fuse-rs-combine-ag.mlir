// RUN: mixserve-opt %s -mixserve-fuse-rs-combine-ag -o %t.once.mlir
// RUN: FileCheck %s --input-file=%t.once.mlir
// A second run changes nothing.
// RUN: mixserve-opt %t.once.mlir -mixserve-fuse-rs-combine-ag | diff %t.once.mlir -

#owned = #plan.sharding<[{"node", "device"}, {}], rows = owned>
#group = #plan.sharding<[{"node"}, {}], rows = group>
#group_all = #plan.sharding<[{}, {}], rows = group>
#received_part = #plan.sharding<[{}, {}], rows = received, partial = {"node", "device"}>
!own = tensor<?x64xf32, #owned>
!grp = tensor<?x64xf32, #group>
!rec = tensor<?x64xf32, #received_part>

module attributes {plan.mesh = #plan.mesh<["node"=2, "device"=2]>,
                   plan.table = [#plan.entry<max_tokens = 64, method = hybrid_fused, chunks = 4>]} {
  nn.param @norm : tensor<64xf32> from [#nn.box<"w", offset = 0, type = f32, at = [0], shape = [64], strides = [1]>]

  // Residual and norm go in; the residual is kept for later.
  // CHECK-LABEL: func.func @residual_and_norm
  // CHECK-SAME: (%[[P:.*]]: tensor{{.*}}, %[[R:.*]]: tensor
  // CHECK: %[[F:.*]]:2 = coll.rs_combine_ag(%[[P]], %[[R]]) reduce_over <{"device"}> lanes <{"node"}> gather <{"device"}> chunks [4] attributes {nn.layer = 3 : i64, plan.bytes = #plan.bytes<tokens = 64, intra = 12, inter = 5>, plan.chosen_by = "method hybrid-fused"} {
  // CHECK-NEXT: ^bb0(%[[S:.*]]: tensor{{.*}}, %[[RES:.*]]: tensor
  // CHECK-NEXT: %[[X:.*]] = arith.addf %[[RES]], %[[S]]
  // CHECK-NEXT: %[[N:.*]] = nn.rms_norm %[[X]]
  // CHECK-NEXT: coll.yield %[[N]], %[[X]]
  // CHECK: return %[[F]]#0, %[[F]]#1
  func.func @residual_and_norm(%p: !rec, %r: !own) -> (!grp, !own) attributes {plan.method = #plan.method<hybrid_fused>} {
    %w = nn.param_ref @norm : tensor<64xf32>
    %s = coll.rs_combine %p reduce_over <{"device"}> lanes <{"node"}> chunks [4] {nn.layer = 3 : i64, plan.bytes = #plan.bytes<tokens = 64, intra = 8, inter = 5>} : !rec -> !own
    %x = arith.addf %r, %s {nn.layer = 3 : i64} : !own
    %n = nn.rms_norm %x, %w eps 1.0e-6 {nn.layer = 4 : i64} : !own, tensor<64xf32>
    %g = coll.all_gather %n over <{"device"}> site attn_ag {nn.layer = 4 : i64, plan.bytes = #plan.bytes<tokens = 64, intra = 4, inter = 0>} : !own -> !grp
    return %g, %x : !grp, !own
  }

  // The first layer gathers what the embedding gave; the last one is not gathered.
  // CHECK-LABEL: func.func @first_and_last
  // CHECK: coll.all_gather
  // CHECK: coll.rs_combine %
  func.func @first_and_last(%p: !rec, %r: !own) -> (!grp, !own) attributes {plan.method = #plan.method<hybrid_fused>} {
    %n = arith.negf %r : !own
    %g = coll.all_gather %n over <{"device"}> site attn_ag {nn.layer = 0 : i64} : !own -> !grp
    %s = coll.rs_combine %p reduce_over <{"device"}> lanes <{"node"}> chunks [4] {nn.layer = 3 : i64} : !rec -> !own
    %x = arith.addf %r, %s : !own
    return %g, %x : !grp, !own
  }

  // Where the plan says hybrid, nothing changes.
  // CHECK-LABEL: func.func @not_asked
  // CHECK: coll.all_gather
  func.func @not_asked(%r: !own) -> !grp attributes {plan.method = #plan.method<hybrid>} {
    %n = arith.negf %r : !own
    %g = coll.all_gather %n over <{"device"}> site attn_ag {nn.layer = 4 : i64} : !own -> !grp
    return %g : !grp
  }
}
