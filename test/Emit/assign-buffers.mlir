// Offsets [byte] are multiples of 64; T = 10 tokens, attn_tp = 2: owned rows are 5, all others 10.
// RUN: mixserve-opt %s -mixserve-assign-buffers -o %t.once.mlir
// RUN: FileCheck %s --input-file=%t.once.mlir
// A second run changes nothing.
// RUN: mixserve-opt %t.once.mlir -mixserve-assign-buffers | diff %t.once.mlir -

#owned = #plan.sharding<[{"device"}, {}], rows = owned>
#group = #plan.sharding<[{}, {}], rows = group>
#received = #plan.sharding<[{}, {}], rows = received>
#part = #plan.sharding<[{}, {}], rows = group, partial = {"device"}>
#received_part = #plan.sharding<[{}, {}], rows = received, partial = {"device"}>
!own = tensor<?x8xf32, #owned>
!grp = tensor<?x8xf32, #group>

// Step functions lie before layer functions, and none runs at the same time as another of its kind: the
// arena holds the largest of each, 640 + 1280.
// CHECK: module attributes {emit.arena_bytes = 1920 : i64
module attributes {plan.limits = #plan.limits<max_batch_tokens = 10, max_seqs = 1, max_context = 16>,
                   plan.layout = #plan.layout<attn_tp = 2, attn_dp = 1, moe_tp = 1, moe_ep = 2, pp = 1>} {
  // 5 rows of 32 bytes take 192; the third takes the place of the first, which nobody reads any more.
  // CHECK-LABEL: func.func @step_reuse
  // CHECK-NEXT: nn.linear {{.*}}emit.offsets = array<i64: 0>
  // CHECK-NEXT: nn.linear {{.*}}emit.offsets = array<i64: 192>
  // CHECK-NEXT: nn.linear {{.*}}emit.offsets = array<i64: 0>
  func.func @step_reuse(%x: !own, %w: tensor<8x8xf32>) -> !own attributes {plan.method = #plan.method<allgather>} {
    %a = nn.linear %x, %w : !own, tensor<8x8xf32> -> !own
    %b = nn.linear %a, %w : !own, tensor<8x8xf32> -> !own
    %c = nn.linear %b, %w : !own, tensor<8x8xf32> -> !own
    return %c : !own
  }

  // Threads are at different ops of a run of row loops at the same time: none takes another's place.
  // CHECK-LABEL: func.func @step_run
  // CHECK-NEXT: arith.negf {{.*}}emit.offsets = array<i64: 0>
  // CHECK-NEXT: arith.negf {{.*}}emit.offsets = array<i64: 192>
  // CHECK-NEXT: arith.negf {{.*}}emit.offsets = array<i64: 384>
  func.func @step_run(%x: !own) -> !own attributes {plan.method = #plan.method<hybrid>} {
    %a = arith.negf %x : !own
    %b = arith.negf %a : !own
    %c = arith.negf %b : !own
    return %c : !own
  }

  // A row that is read later keeps its place.
  // CHECK-LABEL: func.func @step_residual
  // CHECK-NEXT: arith.negf {{.*}}emit.offsets = array<i64: 0>
  // CHECK-NEXT: arith.negf {{.*}}emit.offsets = array<i64: 192>
  // CHECK-NEXT: arith.addf {{.*}}emit.offsets = array<i64: 384>
  func.func @step_residual(%x: !own) -> !own attributes {plan.method = #plan.method<flat_ep>} {
    %a = arith.negf %x : !own
    %b = arith.negf %a : !own
    %c = arith.addf %a, %b : !own
    return %c : !own
  }

  // Tokens and parameters are the runtime's memory. Group rows are 10.
  // CHECK-LABEL: func.func @step_runtime_memory
  // CHECK-NEXT: nn.tokens %{{.*}} : tensor
  // CHECK-NEXT: coll.all_gather {{.*}}emit.offsets = array<i64: 0>
  // CHECK-NEXT: arith.negf {{.*}}emit.offsets = array<i64: 320>
  func.func @step_runtime_memory(%b: !nn.batch, %x: !own) -> !grp attributes {plan.method = #plan.method<hier_ep>} {
    %ids = nn.tokens %b : tensor<?xi32, #plan.sharding<[{}], rows = group>>
    %g = coll.all_gather %x over <{"device"}> site attn_ag : !own -> !grp
    %n = arith.negf %g : !grp
    return %n : !grp
  }

  // What a layer returns is its caller's buffer. Layers lie behind the steps' 640 bytes.
  // CHECK-LABEL: func.func private @layer
  // CHECK-NEXT: arith.negf {{.*}}emit.offsets = array<i64: 640>
  // CHECK-NEXT: arith.negf {{.*}}emit.offsets = array<i64: -1>
  func.func private @layer(%x: !own) -> !own {
    %a = arith.negf %x : !own
    %b = arith.negf %a : !own
    return %b : !own
  }

  // Chunks of a fused region are in all places at once: nothing of it shares memory. A kept row is the
  // buffer of the value that the region yields.
  // CHECK-LABEL: func.func private @fused
  // CHECK: coll.ag_dispatch{{.*}}emit.offsets = array<i64: 1344, 1664, 1792, 832>, emit.scratch = array<i64: 640>
  // CHECK: arith.negf {{.*}}emit.offsets = array<i64: 832>
  // CHECK: arith.negf {{.*}}emit.offsets = array<i64: 1024>
  // CHECK: arith.negf {{.*}}emit.offsets = array<i64: 1216>
  // CHECK: arith.addi {{.*}}emit.offsets = array<i64: 1280>
  func.func private @fused(%p: tensor<?x8xf32, #part>, %w: tensor<?x2xf32, #owned>, %i: tensor<?x2xi32, #owned>) -> !own {
    %f:4 = coll.ag_dispatch(%p, %w, %i) reduce_over <{"device"}> lanes <{"node"}> gather <{"device"}> chunks [1] {
    ^bb0(%s: !own, %rw: tensor<?x2xf32, #owned>, %ri: tensor<?x2xi32, #owned>):
      %h = arith.negf %s : !own
      %n = arith.negf %h : !own
      %v = arith.negf %rw : tensor<?x2xf32, #owned>
      %j = arith.addi %ri, %ri : tensor<?x2xi32, #owned>
      coll.yield %n, %v, %j, %h : !own, tensor<?x2xf32, #owned>, tensor<?x2xi32, #owned>, !own
    } : (tensor<?x8xf32, #part>, tensor<?x2xf32, #owned>, tensor<?x2xi32, #owned>) -> (tensor<?x8xf32, #received>, tensor<?x2xf32, #received>, tensor<?x2xi32, #received>, !own)
    %y = arith.negf %f#3 : !own
    return %y : !own
  }
}
