// RUN: mixserve-opt %s -mixserve-annotate-cost | FileCheck %s
// RUN: mixserve-opt %s -mixserve-annotate-cost -mixserve-annotate-cost | FileCheck %s
// RUN: sed 's/plan.layout =/plan.wire = #plan.wire<bf16>, plan.layout =/' %s | mixserve-opt -mixserve-annotate-cost | FileCheck %s --check-prefix=BF16

// Two sequences of 2 tokens on 2x2: one owned row per rank. S = 256, K = 2, so a routed row has 276 bytes, and it
// goes to a given node with probability 1 - C(4,2)/C(8,2) = 22/28. Bytes of all ranks together:
//   attn_ag, attn_rs, embed_rs 4 * 256 = 1024; lm_head_ag 2 asked rows * 256 = 512;
//   dispatch 4 * 22/28 * 276 = 867.4; dispatch_ag twice that; combine 4 * 22/28 * 256 = 804.6; combine_rs twice that.
// With bf16 between nodes S is 128 there, and nowhere else: dispatch 4 * 22/28 * 148 = 465.1, combine 402.3.
// BF16: coll.reduce_scatter {{.*}} site embed_rs {plan.bytes = #plan.bytes<tokens = 4, intra = 1024, inter = 0>}
// BF16: coll.dispatch {{.*}} site dispatch {plan.bytes = #plan.bytes<tokens = 4, intra = 0, inter = 465>}
// BF16: coll.all_gather {{.*}} site dispatch_ag {plan.bytes = #plan.bytes<tokens = 4, intra = 1735, inter = 0>}
// BF16: coll.combine {{.*}} site combine {plan.bytes = #plan.bytes<tokens = 4, intra = 0, inter = 402>}
// BF16: coll.ag_dispatch{{.*}} attributes {plan.bytes = #plan.bytes<tokens = 4, intra = 2759, inter = 465>}
// BF16: coll.rs_combine {{.*}} {plan.bytes = #plan.bytes<tokens = 4, intra = 1609, inter = 402>}
#owned = #plan.sharding<[{"node", "device"}, {}], rows = owned>
#group = #plan.sharding<[{"node"}, {}], rows = group>
#group_part = #plan.sharding<[{"node"}, {}], rows = group, partial = {"device"}>
#asked_owned = #plan.sharding<[{"node", "device"}, {}], rows = asked_owned>
#asked = #plan.sharding<[{"node"}, {}], rows = asked>
#lane = #plan.sharding<[{"device"}, {}], rows = lane>
#received = #plan.sharding<[{}, {}], rows = received>
#received_part = #plan.sharding<[{}, {}], rows = received, partial = {"device"}>
#lane_part = #plan.sharding<[{"device"}, {}], rows = lane>
module attributes {
  plan.layout = #plan.layout<attn_tp = 2, attn_dp = 2, moe_tp = 2, moe_ep = 2, pp = 1>,
  plan.limits = #plan.limits<max_batch_tokens = 256, max_seqs = 4, max_context = 64>,
  plan.mesh = #plan.mesh<["node" = 2, "device" = 2]>,
  plan.table = [#plan.entry<max_tokens = 256, method = hybrid, chunks = 1>],
  plan.workload = #plan.workload<prompt = 2, output = 1, concurrency = 2, rate = 0.0 : f64>} {
  nn.param @gate : tensor<8x32x64xf32> from [#nn.box<"none", offset = 0, type = f32, at = [0, 0, 0], shape = [8, 32, 64], strides = [2048, 64, 1]>]
  nn.param @down : tensor<8x64x32xf32> from [#nn.box<"none", offset = 0, type = f32, at = [0, 0, 0], shape = [8, 64, 32], strides = [2048, 32, 1]>]
  // CHECK-LABEL: func.func @step_hybrid
  func.func @step_hybrid(%part: tensor<?x64xf32, #group_part>, %x: tensor<?x64xf32, #owned>, %w: tensor<?x2xf32, #owned>,
                         %i: tensor<?x2xi32, #owned>, %s: tensor<?x64xf32, #asked_owned>) attributes {plan.method = #plan.method<hybrid>} {
    %gate = nn.param_ref @gate : tensor<4x16x64xf32>
    %down = nn.param_ref @down : tensor<4x64x16xf32>
    // CHECK: coll.reduce_scatter {{.*}} site embed_rs {plan.bytes = #plan.bytes<tokens = 4, intra = 1024, inter = 0>}
    %e = coll.reduce_scatter %part over <{"device"}> site embed_rs : tensor<?x64xf32, #group_part> -> tensor<?x64xf32, #owned>
    // CHECK: coll.all_gather {{.*}} site attn_ag {plan.bytes = #plan.bytes<tokens = 4, intra = 1024, inter = 0>}
    %h = coll.all_gather %x over <{"device"}> site attn_ag : tensor<?x64xf32, #owned> -> tensor<?x64xf32, #group>
    // CHECK: coll.dispatch {{.*}} site dispatch {plan.bytes = #plan.bytes<tokens = 4, intra = 0, inter = 867>}
    %l, %lw, %li = coll.dispatch %x, %w, %i method <hybrid> over <{"node"}> site dispatch : tensor<?x64xf32, #owned>, tensor<?x2xf32, #owned>, tensor<?x2xi32, #owned> -> tensor<?x64xf32, #lane>, tensor<?x2xf32, #lane>, tensor<?x2xi32, #lane>
    // CHECK: coll.all_gather {{.*}} site dispatch_ag {plan.bytes = #plan.bytes<tokens = 4, intra = 1735, inter = 0>}
    %g, %gw, %gi = coll.all_gather %l, %lw, %li over <{"device"}> site dispatch_ag : tensor<?x64xf32, #lane>, tensor<?x2xf32, #lane>, tensor<?x2xi32, #lane> -> tensor<?x64xf32, #received>, tensor<?x2xf32, #received>, tensor<?x2xi32, #received>
    %p = moe.expert_ffn %g, %gw, %gi experts(%gate, %gate, %down) swiglu : tensor<?x64xf32, #received>, tensor<?x2xf32, #received>, tensor<?x2xi32, #received> experts(tensor<4x16x64xf32>, tensor<4x16x64xf32>, tensor<4x64x16xf32>) -> tensor<?x64xf32, #received_part>
    // CHECK: coll.reduce_scatter {{.*}} site combine_rs {plan.bytes = #plan.bytes<tokens = 4, intra = 1609, inter = 0>}
    %r = coll.reduce_scatter %p over <{"device"}> site combine_rs : tensor<?x64xf32, #received_part> -> tensor<?x64xf32, #lane>
    // CHECK: coll.combine {{.*}} site combine {plan.bytes = #plan.bytes<tokens = 4, intra = 0, inter = 805>}
    %y = coll.combine %r method <hybrid> over <{"node"}> site combine : tensor<?x64xf32, #lane> -> tensor<?x64xf32, #owned>
    // CHECK: coll.all_gather {{.*}} site lm_head_ag {plan.bytes = #plan.bytes<tokens = 4, intra = 512, inter = 0>}
    %a = coll.all_gather %s over <{"device"}> site lm_head_ag : tensor<?x64xf32, #asked_owned> -> tensor<?x64xf32, #asked>
    // The fused ops count what they hold: with attention's 1024 in the first.
    // CHECK: coll.ag_dispatch{{.*}} attributes {plan.bytes = #plan.bytes<tokens = 4, intra = 2759, inter = 867>}
    %f:3 = coll.ag_dispatch(%part, %w, %i) reduce_over <{"device"}> lanes <{"node"}> gather <{"device"}> chunks [2] {
    ^bb0(%q: tensor<?x64xf32, #owned>, %qw: tensor<?x2xf32, #owned>, %qi: tensor<?x2xi32, #owned>):
      coll.yield %q, %qw, %qi : tensor<?x64xf32, #owned>, tensor<?x2xf32, #owned>, tensor<?x2xi32, #owned>
    } : (tensor<?x64xf32, #group_part>, tensor<?x2xf32, #owned>, tensor<?x2xi32, #owned>) -> (tensor<?x64xf32, #received>, tensor<?x2xf32, #received>, tensor<?x2xi32, #received>)
    // CHECK: coll.rs_combine {{.*}} {plan.bytes = #plan.bytes<tokens = 4, intra = 1609, inter = 805>}
    %z = coll.rs_combine %p reduce_over <{"device"}> lanes <{"node"}> chunks [2] : tensor<?x64xf32, #received_part> -> tensor<?x64xf32, #owned>
    return
  }
}
