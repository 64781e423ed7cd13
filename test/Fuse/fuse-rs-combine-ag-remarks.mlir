// What was fused, and one case per label of why not; the IR of those stays (FileCheck).
// RUN: mixserve-opt %s -split-input-file -verify-diagnostics -mixserve-fuse-rs-combine-ag --remarks-filter=fuse --remark-format=emitRemark --remark-policy=all
// RUN: mixserve-opt %s -split-input-file -mixserve-fuse-rs-combine-ag | FileCheck %s

#owned = #plan.sharding<[{"node", "device"}, {}], rows = owned>
#group = #plan.sharding<[{"node"}, {}], rows = group>
#group_all = #plan.sharding<[{}, {}], rows = group>
#received = #plan.sharding<[{}, {}], rows = received>
#received_part = #plan.sharding<[{}, {}], rows = received, partial = {"node", "device"}>
!own = tensor<?x64xf32, #owned>
!grp = tensor<?x64xf32, #group>
!own2 = tensor<?x2xf32, #owned>
!rec2 = tensor<?x2xf32, #received_part>
!rec = tensor<?x64xf32, #received_part>

module attributes {plan.mesh = #plan.mesh<["node"=2, "device"=2]>,
                   plan.table = [#plan.entry<max_tokens = 64, method = hybrid_fused, chunks = 4>]} {
  // CHECK-LABEL: func.func @fires
  // CHECK: coll.rs_combine_ag
  func.func @fires(%p: !rec) -> !grp attributes {plan.method = #plan.method<hybrid_fused>} {
    // expected-remark @below {{rs_combine, 1 row-wise ops and all_gather fused}}
    %s = coll.rs_combine %p reduce_over <{"device"}> lanes <{"node"}> chunks [4] {nn.layer = 3 : i64} : !rec -> !own
    %n = arith.negf %s : !own
    %g = coll.all_gather %n over <{"device"}> site attn_ag {nn.layer = 4 : i64} : !own -> !grp
    return %g : !grp
  }

  // CHECK-LABEL: func.func @f9_group_spans_nodes
  // CHECK: coll.rs_combine %
  // CHECK: coll.all_gather
  func.func @f9_group_spans_nodes(%p: !rec) -> tensor<?x64xf32, #group_all> attributes {plan.method = #plan.method<hybrid_fused>} {
    %s = coll.rs_combine %p reduce_over <{"device"}> lanes <{"node"}> chunks [4] {nn.layer = 3 : i64} : !rec -> !own
    %n = arith.negf %s : !own
    // expected-remark @below {{(F9) attention group spans nodes}}
    %g = coll.all_gather %n over <{"node", "device"}> site attn_ag {nn.layer = 4 : i64} : !own -> tensor<?x64xf32, #group_all>
    return %g : tensor<?x64xf32, #group_all>
  }

  // CHECK-LABEL: func.func @f10_another_layer
  // CHECK: coll.rs_combine %
  // CHECK: coll.all_gather
  func.func @f10_another_layer(%p: !rec) -> !grp attributes {plan.method = #plan.method<hybrid_fused>} {
    %s = coll.rs_combine %p reduce_over <{"device"}> lanes <{"node"}> chunks [4] {nn.layer = 3 : i64} : !rec -> !own
    %n = arith.negf %s : !own
    // expected-remark @below {{(F10) the gather is not that of the layer after the combine's}}
    %g = coll.all_gather %n over <{"device"}> site attn_ag {nn.layer = 5 : i64} : !own -> !grp
    return %g : !grp
  }

  // CHECK-LABEL: func.func @f11_another_user
  // CHECK: coll.rs_combine %
  // CHECK: coll.all_gather
  func.func @f11_another_user(%p: !rec) -> (!grp, !own) attributes {plan.method = #plan.method<hybrid_fused>} {
    %s = coll.rs_combine %p reduce_over <{"device"}> lanes <{"node"}> chunks [4] {nn.layer = 3 : i64} : !rec -> !own
    %n = arith.negf %s : !own
    // expected-remark @below {{(F11) the combined rows have another user}}
    %g = coll.all_gather %n over <{"device"}> site attn_ag {nn.layer = 4 : i64} : !own -> !grp
    return %g, %s : !grp, !own
  }

  // CHECK-LABEL: func.func @f12_other_rows
  // CHECK: coll.rs_combine %
  // CHECK: coll.all_gather
  func.func @f12_other_rows(%p: !rec2, %q: tensor<?x8xf32, #received>) -> tensor<?x2xf32, #group> attributes {plan.method = #plan.method<hybrid_fused>} {
    %s = coll.rs_combine %p reduce_over <{"device"}> lanes <{"node"}> chunks [4] {nn.layer = 3 : i64} : !rec2 -> !own2
    %w, %i = moe.route %q router <score = softmax, normalize = true, scale = 1.0 : f64> top_k 2 : tensor<?x8xf32, #received> -> !own2, tensor<?x2xi32, #owned>
    %n = arith.addf %s, %w : !own2
    // expected-remark @below {{(F12) the ops before the gather read other rows than owned ones}}
    %g = coll.all_gather %n over <{"device"}> site attn_ag {nn.layer = 4 : i64} : !own2 -> tensor<?x2xf32, #group>
    return %g : tensor<?x2xf32, #group>
  }

  // CHECK-LABEL: func.func @f13_used_too_early
  // CHECK: coll.rs_combine %
  // CHECK: coll.all_gather
  func.func @f13_used_too_early(%p: !rec, %m: tensor<64x64xf32>) -> (!grp, !own) attributes {plan.method = #plan.method<hybrid_fused>} {
    %s = coll.rs_combine %p reduce_over <{"device"}> lanes <{"node"}> chunks [4] {nn.layer = 3 : i64} : !rec -> !own
    %n = arith.negf %s : !own
    %u = nn.linear %n, %m : !own, tensor<64x64xf32> -> !own
    // expected-remark @below {{(F13) 'nn.linear' uses rows of the region before they are gathered}}
    %g = coll.all_gather %n over <{"device"}> site attn_ag {nn.layer = 4 : i64} : !own -> !grp
    return %g, %u : !grp, !own
  }
}
