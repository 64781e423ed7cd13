// One function per op that has a lowering: its call with sizes, row sets and flags, or its loops.
// RUN: mixserve-opt %s -mixserve-assign-buffers -mixserve-lower-to-runtime -canonicalize | FileCheck %s

#owned = #plan.sharding<[{"device"}, {}], rows = owned>
#group = #plan.sharding<[{}, {}], rows = group>
#part = #plan.sharding<[{}, {}], rows = group, partial = {"device"}>
#lane = #plan.sharding<[{"device"}, {}], rows = lane>
#lane_part = #plan.sharding<[{"device"}, {}], rows = lane, partial = {"node"}>
#received = #plan.sharding<[{}, {}], rows = received>
#received_part = #plan.sharding<[{}, {}], rows = received, partial = {"node", "device"}>
#asked = #plan.sharding<[{}, {}], rows = asked>
!own = tensor<?x8xf32, #owned>
!ownk = tensor<?x2xf32, #owned>
!owni = tensor<?x2xi32, #owned>
!grp = tensor<?x8xf32, #group>
!lan = tensor<?x8xf32, #lane>
!lank = tensor<?x2xf32, #lane>
!lani = tensor<?x2xi32, #lane>
!rec = tensor<?x8xf32, #received>
!reck = tensor<?x2xf32, #received>
!reci = tensor<?x2xi32, #received>

// T = 10 tokens, attn_tp = 2: 5 owned rows, 10 of all others.
module attributes {plan.mesh = #plan.mesh<["node"=2, "device"=2]>,
                   plan.limits = #plan.limits<max_batch_tokens = 10, max_seqs = 1, max_context = 16>,
                   plan.layout = #plan.layout<attn_tp = 2, attn_dp = 2, moe_tp = 2, moe_ep = 2, pp = 1>} {
  nn.param @table : tensor<32x8xf32> from [#nn.box<"w", offset = 0, type = f32, at = [0, 0], shape = [32, 8], strides = [8, 1]>]
  func.func @step(%b: !nn.batch) -> tensor<?x8xf32, #asked> attributes {plan.method = #plan.method<allgather>} {
    %table = nn.param_ref @table : tensor<32x8xf32>
    %ids = nn.tokens %b : tensor<?xi32, #plan.sharding<[{}], rows = asked>>
    %e = nn.embedding %ids, %table : tensor<?xi32, #plan.sharding<[{}], rows = asked>>, tensor<32x8xf32> -> tensor<?x8xf32, #asked>
    return %e : tensor<?x8xf32, #asked>
  }

  // Row loops become a row function, called by the runtime's threads; its frame holds the arena, the
  // inputs and the caller's buffer. y = x / sqrt(mean + eps) * w per block of 4 columns.
  // CHECK-LABEL: func.func private @rms_norm(
  // CHECK-SAME: %[[CTX:.*]]: !llvm.ptr, %[[ARENA:.*]]: !llvm.ptr, %[[X:.*]]: !llvm.ptr, %[[W:.*]]: !llvm.ptr, %[[OUT:.*]]: !llvm.ptr)
  // CHECK: %[[FRAME:.*]] = llvm.alloca
  // CHECK: llvm.store %[[ARENA]], %[[FRAME]]
  // CHECK: llvm.store %[[X]],
  // CHECK: llvm.store %[[W]],
  // CHECK: llvm.store %[[OUT]],
  // CHECK: %[[ROWS:.*]] = call @mxs_rows(%[[CTX]], %c0_i32)
  // CHECK: call @mxs_for_rows(%[[CTX]], %{{.*}}, %[[FRAME]], %[[ROWS]])
  // CHECK-LABEL: func.func private @rms_norm_rows_0(
  // CHECK-SAME: %{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %[[FIRST:.*]]: i64, %[[COUNT:.*]]: i64) attributes {llvm.linkage = #llvm.linkage<internal>
  // CHECK: %[[END:.*]] = arith.index_cast %[[COUNT]]
  // CHECK: scf.for %[[T:.*]] = %c0 to %[[END]]
  // CHECK-NEXT: scf.for %{{.*}} = %c0 to %c2
  // CHECK: scf.for {{.*}} to %c4 {{.*}} iter_args
  // CHECK: math.sqrt
  // CHECK: scf.for
  // CHECK: memref.store
  func.func private @rms_norm(%x: !own, %w: tensor<4xf32>) -> !own {
    %y = nn.rms_norm %x, %w eps 1.0e-6 : !own, tensor<4xf32>
    return %y : !own
  }

  // Blocks of whole vectors add lane by lane.
  // CHECK-LABEL: func.func private @rms_norm_lanes_rows_0(
  // CHECK: scf.for {{.*}} step %c16 iter_args(%{{.*}}) -> (vector<16xf32>)
  // CHECK: vector.load
  // CHECK: vector.reduction <add>
  func.func private @rms_norm_lanes(%x: tensor<?x32xf32, #owned>, %w: tensor<32xf32>) -> tensor<?x32xf32, #owned> {
    %y = nn.rms_norm %x, %w eps 1.0e-6 : tensor<?x32xf32, #owned>, tensor<32xf32>
    return %y : tensor<?x32xf32, #owned>
  }

  // One of the two pairs of each head of 4 turns; the last two elements pass. Positions begin at the
  // range's first row.
  // CHECK-LABEL: func.func private @rope_rows_0(
  // CHECK-SAME: %{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %[[FIRST:[^:]*]]: i64, %{{.*}}: i64)
  // CHECK: %[[P:.*]] = call @mxs_row_positions
  // CHECK: %[[SKIP:.*]] = arith.muli %[[FIRST]], %c4_i64
  // CHECK: %[[AT:.*]] = llvm.getelementptr %[[P]][%[[SKIP]]]
  // CHECK: builtin.unrealized_conversion_cast %[[AT]] : !llvm.ptr to memref<10xi32>
  // CHECK: memref.get_global @inv_freq_0 : memref<1xf64>
  // CHECK: math.cos %{{.*}} : f64
  // CHECK: math.sin %{{.*}} : f64
  func.func private @rope(%x: !grp, %b: !nn.batch) -> !grp {
    %y = nn.rope %x, %b {head_dim = 4 : i64, inv_freq = array<f64: 1.0>, scale = 1.0 : f64} : !grp
    return %y : !grp
  }

  // Neighbouring row loops share one call; another row set begins the next.
  // CHECK-LABEL: func.func private @runs(
  // CHECK: call @mxs_for_rows(
  // CHECK: call @mxs_all_gather(
  // CHECK: call @mxs_for_rows(
  // CHECK-NOT: mxs_for_rows
  // CHECK-LABEL: func.func private @runs_rows_1(
  // CHECK: arith.negf %{{.*}} : f32
  // CHECK-LABEL: func.func private @runs_rows_0(
  // CHECK: scf.for %{{.*}} = %c0 to %c8
  // CHECK: arith.addf %{{.*}}, %{{.*}} : f32
  // CHECK-NEXT: memref.store
  // CHECK: arith.mulf %{{.*}}, %{{.*}} : f32
  // CHECK-NEXT: memref.store
  func.func private @runs(%x: !own) -> !grp {
    %y = arith.addf %x, %x : !own
    %z = arith.mulf %y, %x : !own
    %g = coll.all_gather %z over <{"device"}> site attn_ag : !own -> !grp
    %n = arith.negf %g : !grp
    return %n : !grp
  }

  // CHECK-LABEL: func.func private @linear
  // CHECK: %[[ROWS:.*]] = call @mxs_rows(%{{.*}}, %c1_i32)
  // CHECK: call @mxs_linear(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %[[ROWS]])
  func.func private @linear(%x: !grp, %w: tensor<4x8xf32>) -> tensor<?x4xf32, #group> {
    %y = nn.linear %x, %w : !grp, tensor<4x8xf32> -> tensor<?x4xf32, #group>
    return %y : tensor<?x4xf32, #group>
  }

  // CHECK-LABEL: func.func private @route
  // CHECK: call @mxs_route(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %c8_i64, %c2_i64, %c1_i32, %c0_i32, %cst)
  func.func private @route(%l: tensor<?x8xf32, #owned>) -> (!ownk, !owni) {
    %w, %i = moe.route %l router <score = sigmoid, normalize = false, scale = 2.5 : f64> top_k 2 : tensor<?x8xf32, #owned> -> !ownk, !owni
    return %w, %i : !ownk, !owni
  }

  // CHECK-LABEL: func.func private @latent_attention
  // CHECK: call @mxs_latent_attention(%{{.*}}, %c2_i32, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %c1_i32, %cst
  func.func private @latent_attention(%n: !grp, %r: tensor<?x16xf32, #group>, %uk: tensor<16x8xf32>, %uv: tensor<8x16xf32>, %b: !nn.batch) -> !grp {
    %a = nn.latent_attention %n, %r, %r, %r, %uk, %uv, %b {cache = 2 : i64, heads = 1 : i64, scale = 0.25 : f64} : (!grp, tensor<?x16xf32, #group>, tensor<?x16xf32, #group>, tensor<?x16xf32, #group>, tensor<16x8xf32>, tensor<8x16xf32>) -> !grp
    return %a : !grp
  }

  // CHECK-LABEL: func.func private @expert_ffn
  // CHECK: %[[ROWS:.*]] = call @mxs_rows(%{{.*}}, %c3_i32)
  // CHECK: call @mxs_expert_ffn(%{{.*}}, %c3_i32, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %c0_i32, %{{.*}}, %[[ROWS]], %c2_i64)
  func.func private @expert_ffn(%x: !rec, %w: !reck, %i: !reci, %g: tensor<2x4x8xf32>, %d: tensor<2x8x4xf32>) -> tensor<?x8xf32, #received_part> {
    %y = moe.expert_ffn %x, %w, %i experts(%g, %g, %d) swiglu {nn.layer = 3 : i64} : !rec, !reck, !reci experts(tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x8x4xf32>) -> tensor<?x8xf32, #received_part>
    return %y : tensor<?x8xf32, #received_part>
  }

  // CHECK-LABEL: func.func private @all_reduce
  // CHECK: call @mxs_all_reduce(%{{.*}}, %c7_i32, %c2_i32, %{{.*}}, %{{.*}}, %c8_i64)
  func.func private @all_reduce(%x: tensor<?x8xf32, #part>) -> !grp {
    %y = coll.all_reduce %x over <{"device"}> site attn_rs {nn.layer = 7 : i64} : tensor<?x8xf32, #part> -> !grp
    return %y : !grp
  }

  // Rows go received (3) -> lane (2).
  // CHECK-LABEL: func.func private @reduce_scatter
  // CHECK: call @mxs_reduce_scatter(%{{.*}}, %c-1_i32, %c5_i32, %{{.*}}, %{{.*}}, %c8_i64, %c3_i32, %c2_i32)
  func.func private @reduce_scatter(%x: tensor<?x8xf32, #received_part>) -> tensor<?x8xf32, #lane_part> {
    %y = coll.reduce_scatter %x over <{"device"}> site combine_rs : tensor<?x8xf32, #received_part> -> tensor<?x8xf32, #lane_part>
    return %y : tensor<?x8xf32, #lane_part>
  }

  // CHECK-LABEL: func.func private @all_gather_routed
  // CHECK: call @mxs_all_gather_routed(%{{.*}}, %c-1_i32, %c4_i32, {{.*}}, %c8_i64, %c2_i64, %c2_i32, %c3_i32)
  func.func private @all_gather_routed(%x: !lan, %w: !lank, %i: !lani) -> (!rec, !reck, !reci) {
    %g:3 = coll.all_gather %x, %w, %i over <{"device"}> site dispatch_ag : !lan, !lank, !lani -> !rec, !reck, !reci
    return %g#0, %g#1, %g#2 : !rec, !reck, !reci
  }

  // CHECK-LABEL: func.func private @dispatch
  // CHECK: call @mxs_dispatch(%{{.*}}, %c-1_i32, %c3_i32, %c2_i32, {{.*}}, %c8_i64, %c2_i64)
  func.func private @dispatch(%x: !own, %w: !ownk, %i: !owni) -> (!rec, !reck, !reci) {
    %d:3 = coll.dispatch %x, %w, %i method <hier_ep> over <{"node", "device"}> site dispatch : !own, !ownk, !owni -> !rec, !reck, !reci
    return %d#0, %d#1, %d#2 : !rec, !reck, !reci
  }

  // CHECK-LABEL: func.func private @combine
  // CHECK: call @mxs_combine(%{{.*}}, %c-1_i32, %c6_i32, %c3_i32, %{{.*}}, %{{.*}}, %c8_i64)
  func.func private @combine(%x: tensor<?x8xf32, #lane_part>) -> !own {
    %y = coll.combine %x method <hybrid> over <{"node"}> site combine : tensor<?x8xf32, #lane_part> -> !own
    return %y : !own
  }

  // CHECK-LABEL: func.func private @rs_combine
  // CHECK: call @mxs_rs_combine(%{{.*}}, %c-1_i32, %{{.*}}, %{{.*}}, %c8_i64)
  func.func private @rs_combine(%x: tensor<?x8xf32, #received_part>) -> !own {
    %y = coll.rs_combine %x reduce_over <{"device"}> lanes <{"node"}> chunks [1] : tensor<?x8xf32, #received_part> -> !own
    return %y : !own
  }

  // The region is a function over a range of rows; a kept row is written to the caller's buffer in it.
  // CHECK-LABEL: func.func private @ag_dispatch
  // CHECK-SAME: %[[KEPT:[^ ]*]]: !llvm.ptr) attributes
  // CHECK-DAG: llvm.store %[[KEPT]]
  // CHECK-DAG: constant @ag_dispatch_rows_0 : (!llvm.ptr, !llvm.ptr, i64, i64) -> ()
  // CHECK: call @mxs_ag_dispatch(%{{.*}}, %c-1_i32, %{{.*}})
  // CHECK: func.func private @ag_dispatch_rows_0(%[[CTX:.*]]: !llvm.ptr, %[[FRAME:.*]]: !llvm.ptr, %[[FIRST:.*]]: i64, %[[COUNT:.*]]: i64) attributes {llvm.linkage = #llvm.linkage<internal>
  // CHECK: arith.muli %[[FIRST]], %c32_i64
  // CHECK: %[[END:.*]] = arith.index_cast %[[COUNT]]
  // CHECK: scf.for %{{.*}} = %c0 to %[[END]]
  // CHECK-NOT: @mxs_rows
  // CHECK: return
  func.func private @ag_dispatch(%p: tensor<?x8xf32, #part>, %r: tensor<8x8xf32>) -> (!rec, !reck, !reci, !own) {
    %f:4 = coll.ag_dispatch(%p) reduce_over <{"device"}> lanes <{"node"}> gather <{"device"}> chunks [1] {
    ^bb0(%s: !own):
      %h = arith.negf %s : !own
      %l = nn.linear %h, %r : !own, tensor<8x8xf32> -> !own
      %w, %i = moe.route %l router <score = softmax, normalize = true, scale = 1.0 : f64> top_k 2 : !own -> !ownk, !owni
      %n = arith.negf %h : !own
      coll.yield %n, %w, %i, %h : !own, !ownk, !owni, !own
    } : (tensor<?x8xf32, #part>) -> (!rec, !reck, !reci, !own)
    return %f#0, %f#1, %f#2, %f#3 : !rec, !reck, !reci, !own
  }

  // The region's first argument is the sums, in the op's own buffer.
  // CHECK-LABEL: func.func private @rs_combine_ag
  // CHECK-SAME: %[[KEPT:[^ ]*]]: !llvm.ptr) attributes
  // CHECK-DAG: llvm.store %[[KEPT]]
  // CHECK-DAG: constant @rs_combine_ag_rows_0 : (!llvm.ptr, !llvm.ptr, i64, i64) -> ()
  // CHECK: call @mxs_rs_combine_ag(%{{.*}}, %c-1_i32, %{{.*}})
  // CHECK: func.func private @rs_combine_ag_rows_0(%{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %[[FIRST:.*]]: i64, %[[COUNT:.*]]: i64) attributes {llvm.linkage = #llvm.linkage<internal>
  // CHECK: arith.muli %[[FIRST]], %c32_i64
  // CHECK: %[[END:.*]] = arith.index_cast %[[COUNT]]
  // CHECK: scf.for %{{.*}} = %c0 to %[[END]]
  // CHECK: return
  func.func private @rs_combine_ag(%x: tensor<?x8xf32, #received_part>, %r: !own) -> (tensor<?x8xf32, #group>, !own) {
    %f:2 = coll.rs_combine_ag(%x, %r) reduce_over <{"device"}> lanes <{"node"}> gather <{"device"}> chunks [1] {
    ^bb0(%s: !own, %q: !own):
      %h = arith.addf %q, %s : !own
      %n = arith.negf %h : !own
      coll.yield %n, %h : !own, !own
    } : (tensor<?x8xf32, #received_part>, !own) -> (tensor<?x8xf32, #group>, !own)
    return %f#0, %f#1 : tensor<?x8xf32, #group>, !own
  }

  // The only function that leaves the library runs the step of a variant; -1 .. are invalid arguments.
  // CHECK-LABEL: func.func @mxs_model_main
  // CHECK-SAME: (%[[CTX:.*]]: !llvm.ptr, %[[VARIANT:.*]]: i32) -> i32
  // CHECK: %[[ARENA:.*]] = call @mxs_arena(%[[CTX]])
  // CHECK: call @step(%[[CTX]], %[[ARENA]])
  // CHECK-NEXT: call @mxs_ctx_status(%[[CTX]])
}
