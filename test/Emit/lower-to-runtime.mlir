// RUN: mixserve-opt %s -mixserve-lower-to-runtime -o %t.once.mlir
// RUN: FileCheck %s --input-file=%t.once.mlir
// A second run changes nothing.
// RUN: mixserve-opt %t.once.mlir -mixserve-lower-to-runtime | diff %t.once.mlir -

#owned = #plan.sharding<[{"device"}, {}], rows = owned>
#group = #plan.sharding<[{}, {}], rows = group>
#part = #plan.sharding<[{}, {}], rows = group, partial = {"device"}>
#lane = #plan.sharding<[{"device"}, {}], rows = lane>
#received = #plan.sharding<[{}, {}], rows = received>
#received_part = #plan.sharding<[{}, {}], rows = received, partial = {"device"}>
#asked_owned = #plan.sharding<[{"device"}, {}], rows = asked_owned>
#asked = #plan.sharding<[{}, {}], rows = asked>
!own = tensor<?x8xf32, #owned>
!ownk = tensor<?x2xf32, #owned>
!owni = tensor<?x2xi32, #owned>
!grp = tensor<?x8xf32, #group>
!rec = tensor<?x8xf32, #received>
!reck = tensor<?x2xf32, #received>
!reci = tensor<?x2xi32, #received>

// T = 10 tokens, attn_tp = 2: 5 owned rows, 10 of all others.
module attributes {emit.arena_bytes = 4096 : i64, plan.mesh = #plan.mesh<["node"=1, "device"=2]>,
                   plan.limits = #plan.limits<max_batch_tokens = 10, max_seqs = 1, max_context = 16>,
                   plan.layout = #plan.layout<attn_tp = 2, attn_dp = 1, moe_tp = 1, moe_ep = 2, pp = 1>} {
  // A parameter that nobody refers to has no number.
  nn.param @unused : tensor<8xf32> from [#nn.box<"w", offset = 0, type = f32, at = [0], shape = [8], strides = [1]>]
  nn.param @table : tensor<32x8xf32> from [#nn.box<"w", offset = 0, type = f32, at = [0, 0], shape = [32, 8], strides = [8, 1]>] {sharding = #plan.sharding<[{"device"}, {}]>}
  nn.param @head : tensor<32x8xf32> from [#nn.box<"w", offset = 0, type = f32, at = [0, 0], shape = [32, 8], strides = [8, 1]>] {sharding = #plan.sharding<[{"device"}, {}]>}
  nn.param @out : tensor<8x8xf32> from [#nn.box<"w", offset = 0, type = f32, at = [0, 0], shape = [8, 8], strides = [8, 1]>] {sharding = #plan.sharding<[{}, {}]>}
  // CHECK-NOT: nn.param

  // A step is (ctx, arena) -> (): rows are the runtime's, logits are handed over.
  // CHECK-LABEL: func.func private @step
  // CHECK-SAME: (%[[CTX:.*]]: !llvm.ptr, %[[ARENA:.*]]: !llvm.ptr) attributes {llvm.linkage = #llvm.linkage<internal>, passthrough = ["noinline"]}
  // CHECK: %[[I0:.*]] = arith.constant 0 : i32
  // CHECK: %[[TABLE:.*]] = call @mxs_weight(%[[CTX]], %[[I0]])
  // CHECK: call @mxs_embedding(%[[CTX]], %[[TABLE]], %[[ARENA]])
  // CHECK: %[[AT:.*]] = llvm.getelementptr %[[ARENA]][%c320_i64]
  // CHECK: call @mxs_reduce_scatter(%[[CTX]], %c-1_i32, {{.*}}, %[[ARENA]], %[[AT]],
  // CHECK: %[[W:.*]] = call @mxs_weight(%[[CTX]], %c2_i32
  // CHECK: call @layer(%[[CTX]], %[[ARENA]], %[[AT]], %[[W]], %c3_i32{{.*}}, %c4_i32{{.*}}, %[[ARENA]])
  // CHECK: call @mxs_select_rows
  // CHECK: call @mxs_all_gather
  // CHECK: call @mxs_weight
  // CHECK: call @mxs_linear
  // CHECK: call @mxs_logits(%[[CTX]], %{{.*}}, %c16_i64
  // CHECK-NEXT: return
  func.func @step(%b: !nn.batch) -> tensor<?x16xf32, #asked> attributes {plan.method = #plan.method<allgather>} {
    %table = nn.param_ref @table : tensor<16x8xf32>
    %ids = nn.tokens %b : tensor<?xi32, #plan.sharding<[{}], rows = group>>
    %e = nn.embedding %ids, %table {emit.offsets = array<i64: 0>} : tensor<?xi32, #plan.sharding<[{}], rows = group>>, tensor<16x8xf32> -> tensor<?x8xf32, #part>
    %x = coll.reduce_scatter %e over <{"device"}> site embed_rs {emit.offsets = array<i64: 320>} : tensor<?x8xf32, #part> -> !own
    %o = nn.param_ref @out : tensor<8x8xf32>
    %layer = arith.constant 3 : i32
    %cache = arith.constant 4 : i32
    %y = call @layer(%x, %b, %o, %layer, %cache) {emit.offsets = array<i64: 0>} : (!own, !nn.batch, tensor<8x8xf32>, i32, i32) -> !own
    %s = nn.select_rows %y, %b {emit.offsets = array<i64: 512>} : !own -> tensor<?x8xf32, #asked_owned>
    %g = coll.all_gather %s over <{"device"}> site lm_head_ag {emit.offsets = array<i64: 1024>} : tensor<?x8xf32, #asked_owned> -> tensor<?x8xf32, #asked>
    %head = nn.param_ref @head : tensor<16x8xf32>
    %l = nn.linear %g, %head {emit.offsets = array<i64: 2048>} : tensor<?x8xf32, #asked>, tensor<16x8xf32> -> tensor<?x16xf32, #asked>
    return %l : tensor<?x16xf32, #asked>
  }

  // A layer's number and cache are arguments; its result is written to the caller's buffer.
  // CHECK-LABEL: func.func private @layer
  // CHECK-SAME: (%[[CTX:.*]]: !llvm.ptr, %[[ARENA:.*]]: !llvm.ptr, %[[X:.*]]: !llvm.ptr, %[[W:.*]]: !llvm.ptr, %[[LAYER:.*]]: i32, %[[CACHE:.*]]: i32, %[[OUT:.*]]: !llvm.ptr) attributes {llvm.linkage = #llvm.linkage<internal>
  // CHECK: call @mxs_all_gather(%[[CTX]], %[[LAYER]],
  // CHECK: call @mxs_attention(%[[CTX]], %[[CACHE]],
  // CHECK: call @mxs_reduce_scatter(%[[CTX]], %[[LAYER]], {{.*}}, %[[OUT]],
  func.func private @layer(%x: !own, %b: !nn.batch, %w: tensor<8x8xf32>, %layer: i32 {emit.layer}, %cache: i32 {emit.cache}) -> !own {
    %g = coll.all_gather %x over <{"device"}> site attn_ag {emit.offsets = array<i64: 640>} : !own -> !grp
    %a = nn.attention %g, %g, %g, %b {cache = 0 : i64, head_dim = 8 : i64, heads = 1 : i64, kv_heads = 1 : i64, scale = 0.25 : f64, emit.offsets = array<i64: 960>} : !grp, !grp -> !grp
    %p = nn.linear %a, %w {emit.offsets = array<i64: 1280>} : !grp, tensor<8x8xf32> -> tensor<?x8xf32, #part>
    %s = coll.reduce_scatter %p over <{"device"}> site attn_rs {emit.offsets = array<i64: -1>} : tensor<?x8xf32, #part> -> !own
    return %s : !own
  }
}
