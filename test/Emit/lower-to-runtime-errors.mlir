// RUN: mixserve-opt %s -split-input-file -verify-diagnostics -mixserve-lower-to-runtime

// expected-error @below {{has no step function (with 'plan.method'); run the phase shard first}}
module attributes {plan.mesh = #plan.mesh<["node"=1, "device"=1]>,
                   plan.limits = #plan.limits<max_batch_tokens = 10, max_seqs = 1, max_context = 16>,
                   plan.layout = #plan.layout<attn_tp = 1, attn_dp = 1, moe_tp = 1, moe_ep = 1, pp = 1>} {}

// -----
// expected-error @below {{parameters cannot be placed without 'plan.mesh'; run the phase plan first}}
module attributes {plan.limits = #plan.limits<max_batch_tokens = 10, max_seqs = 1, max_context = 16>,
                   plan.layout = #plan.layout<attn_tp = 1, attn_dp = 1, moe_tp = 1, moe_ep = 1, pp = 1>} {
  func.func @step() attributes {plan.method = #plan.method<allgather>} { return }
}

// -----
// expected-error @below {{buffers cannot be sized without 'plan.limits'; run the phases plan and shard first}}
module attributes {plan.mesh = #plan.mesh<["node"=1, "device"=1]>} {
  func.func @step() attributes {plan.method = #plan.method<allgather>} { return }
}

// -----
module attributes {plan.mesh = #plan.mesh<["node"=1, "device"=1]>,
                   plan.limits = #plan.limits<max_batch_tokens = 10, max_seqs = 1, max_context = 16>,
                   plan.layout = #plan.layout<attn_tp = 1, attn_dp = 1, moe_tp = 1, moe_ep = 1, pp = 1>} {
  func.func @step() attributes {plan.method = #plan.method<allgather>} { return }
  // expected-error @below {{a second step function of method allgather}}
  func.func @again() attributes {plan.method = #plan.method<allgather>} { return }
}

// -----
// expected-error @below {{'plan.table' asks for method flat-ep, which has no step function}}
module attributes {plan.mesh = #plan.mesh<["node"=1, "device"=1]>,
                   plan.table = [#plan.entry<max_tokens = 64, method = flat_ep, chunks = 1>],
                   plan.limits = #plan.limits<max_batch_tokens = 10, max_seqs = 1, max_context = 16>,
                   plan.layout = #plan.layout<attn_tp = 1, attn_dp = 1, moe_tp = 1, moe_ep = 1, pp = 1>} {
  func.func @step() attributes {plan.method = #plan.method<allgather>} { return }
}

// -----
module attributes {plan.mesh = #plan.mesh<["node"=1, "device"=1]>,
                   plan.limits = #plan.limits<max_batch_tokens = 10, max_seqs = 1, max_context = 16>,
                   plan.layout = #plan.layout<attn_tp = 1, attn_dp = 1, moe_tp = 1, moe_ep = 1, pp = 1>} {
  // expected-error @below {{a step function must return the logits of the asked rows, got '() -> ()'}}
  func.func @step() attributes {plan.method = #plan.method<allgather>} { return }
}

// -----
#asked = #plan.sharding<[{}, {}], rows = asked>
module attributes {plan.mesh = #plan.mesh<["node"=1, "device"=1]>,
                   plan.limits = #plan.limits<max_batch_tokens = 10, max_seqs = 1, max_context = 16>,
                   plan.layout = #plan.layout<attn_tp = 1, attn_dp = 1, moe_tp = 1, moe_ep = 1, pp = 1>} {
  // expected-error @below {{a step function must take its batch alone, got 'tensor<?x8xf32}}
  func.func @step(%x: tensor<?x8xf32, #asked>) -> tensor<?x8xf32, #asked> attributes {plan.method = #plan.method<allgather>} {
    return %x : tensor<?x8xf32, #asked>
  }
}

// -----
#owned = #plan.sharding<[{"device"}, {}], rows = owned>
module attributes {plan.mesh = #plan.mesh<["node"=1, "device"=2]>,
                   plan.limits = #plan.limits<max_batch_tokens = 10, max_seqs = 1, max_context = 16>,
                   plan.layout = #plan.layout<attn_tp = 2, attn_dp = 1, moe_tp = 1, moe_ep = 2, pp = 1>} {
  func.func private @step() attributes {plan.method = #plan.method<allgather>}
  func.func private @no_buffer(%x: tensor<?x8xf32, #owned>) {
    // expected-error @below {{'arith.negf' op has no buffers; run mixserve-assign-buffers first}}
    %y = arith.negf %x : tensor<?x8xf32, #owned>
    return
  }
}

// -----
#received = #plan.sharding<[{}, {}], rows = received>
#part = #plan.sharding<[{}, {}], rows = received, partial = {"device"}>
module attributes {plan.mesh = #plan.mesh<["node"=1, "device"=2]>,
                   plan.limits = #plan.limits<max_batch_tokens = 10, max_seqs = 1, max_context = 16>,
                   plan.layout = #plan.layout<attn_tp = 2, attn_dp = 1, moe_tp = 1, moe_ep = 2, pp = 1>} {
  func.func private @step() attributes {plan.method = #plan.method<allgather>}
  func.func private @scratch_of_none(%x: tensor<?x8xf32, #received>, %w: tensor<?x2xf32, #received>, %i: tensor<?x2xi32, #received>, %g: tensor<2x4x8xf32>, %d: tensor<2x8x4xf32>) {
    // expected-error @below {{'moe.expert_ffn' op has no buffers; run mixserve-assign-buffers first}}
    %y = moe.expert_ffn %x, %w, %i experts(%g, %g, %d) swiglu {emit.offsets = array<i64: 0>, emit.scratch = array<i64: 0>} : tensor<?x8xf32, #received>, tensor<?x2xf32, #received>, tensor<?x2xi32, #received> experts(tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x8x4xf32>) -> tensor<?x8xf32, #part>
    return
  }
}

// -----
#owned = #plan.sharding<[{"device"}, {}], rows = owned>
module attributes {plan.mesh = #plan.mesh<["node"=1, "device"=2]>,
                   plan.limits = #plan.limits<max_batch_tokens = 10, max_seqs = 1, max_context = 16>,
                   plan.layout = #plan.layout<attn_tp = 2, attn_dp = 1, moe_tp = 1, moe_ep = 2, pp = 1>} {
  func.func private @step() attributes {plan.method = #plan.method<allgather>}
  func.func private @half(%x: tensor<?x8xf16, #owned>) {
    // expected-error @below {{'arith.negf' op has no lowering for 'f16', only f32 and i32 are computed}}
    %y = arith.negf %x {emit.offsets = array<i64: 0>} : tensor<?x8xf16, #owned>
    return
  }
}

// -----
module attributes {plan.mesh = #plan.mesh<["node"=1, "device"=2]>,
                   plan.limits = #plan.limits<max_batch_tokens = 10, max_seqs = 1, max_context = 16>,
                   plan.layout = #plan.layout<attn_tp = 2, attn_dp = 1, moe_tp = 1, moe_ep = 2, pp = 1>} {
  func.func private @step() attributes {plan.method = #plan.method<allgather>}
  func.func private @no_rows(%x: tensor<?x8xf32>, %w: tensor<8x8xf32>) {
    // expected-error @below {{'nn.linear' op has no lowering for 'tensor<?x8xf32>', which is not rows of a step}}
    %y = nn.linear %x, %w {emit.offsets = array<i64: 0>} : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
    return
  }
}

// -----
#owned = #plan.sharding<[{"device"}, {}], rows = owned>
#group = #plan.sharding<[{}, {}], rows = group>
module attributes {plan.mesh = #plan.mesh<["node"=1, "device"=2]>,
                   plan.limits = #plan.limits<max_batch_tokens = 10, max_seqs = 1, max_context = 16>,
                   plan.layout = #plan.layout<attn_tp = 2, attn_dp = 1, moe_tp = 1, moe_ep = 2, pp = 1>} {
  func.func private @step() attributes {plan.method = #plan.method<allgather>}
  func.func private @unknown_op(%x: tensor<?x8xf32, #group>) {
    // expected-error @below {{'coll.slice' op has no lowering to machine code or to a runtime call}}
    %y = coll.slice %x over <{"device"}> {emit.offsets = array<i64: 0>} : tensor<?x8xf32, #group> -> tensor<?x8xf32, #owned>
    return
  }
}

// -----
#group = #plan.sharding<[{}, {}], rows = group>
module attributes {plan.mesh = #plan.mesh<["node"=1, "device"=2]>,
                   plan.limits = #plan.limits<max_batch_tokens = 10, max_seqs = 1, max_context = 16>,
                   plan.layout = #plan.layout<attn_tp = 2, attn_dp = 1, moe_tp = 1, moe_ep = 2, pp = 1>} {
  func.func private @step() attributes {plan.method = #plan.method<allgather>}
  func.func private @computed_ids(%ids: tensor<?xi32, #plan.sharding<[{}], rows = group>>, %t: tensor<32x8xf32>) {
    // expected-error @below {{'nn.embedding' op has no lowering for computed ids: they must be nn.tokens of the step}}
    %y = nn.embedding %ids, %t {emit.offsets = array<i64: 0>} : tensor<?xi32, #plan.sharding<[{}], rows = group>>, tensor<32x8xf32> -> tensor<?x8xf32, #group>
    return
  }
}

// -----
#owned = #plan.sharding<[{"device"}, {}], rows = owned>
module attributes {plan.mesh = #plan.mesh<["node"=1, "device"=2]>,
                   plan.limits = #plan.limits<max_batch_tokens = 10, max_seqs = 1, max_context = 16>,
                   plan.layout = #plan.layout<attn_tp = 2, attn_dp = 1, moe_tp = 1, moe_ep = 2, pp = 1>} {
  func.func private @step() attributes {plan.method = #plan.method<allgather>}
  func.func private @positions(%x: tensor<?x8xf32, #owned>, %b: !nn.batch) {
    // expected-error @below {{'nn.rope' op has no lowering on owned rows: positions are known of group rows}}
    %y = nn.rope %x, %b {head_dim = 4 : i64, inv_freq = array<f64: 1.0>, scale = 1.0 : f64, emit.offsets = array<i64: 0>} : tensor<?x8xf32, #owned>
    return
  }
}

// -----
#received = #plan.sharding<[{}, {}], rows = received>
#part = #plan.sharding<[{}, {}], rows = received, partial = {"device"}>
module attributes {plan.mesh = #plan.mesh<["node"=1, "device"=2]>,
                   plan.limits = #plan.limits<max_batch_tokens = 10, max_seqs = 1, max_context = 16>,
                   plan.layout = #plan.layout<attn_tp = 2, attn_dp = 1, moe_tp = 1, moe_ep = 2, pp = 1>} {
  func.func private @step() attributes {plan.method = #plan.method<allgather>}
  func.func private @all_reduce(%x: tensor<?x8xf32, #part>) {
    // expected-error @below {{'coll.all_reduce' op has no lowering on rows other than the group's}}
    %y = coll.all_reduce %x over <{"device"}> site combine_rs {emit.offsets = array<i64: 0>} : tensor<?x8xf32, #part> -> tensor<?x8xf32, #received>
    return
  }
}

// -----
module attributes {plan.mesh = #plan.mesh<["node"=1, "device"=2]>,
                   plan.limits = #plan.limits<max_batch_tokens = 10, max_seqs = 1, max_context = 16>,
                   plan.layout = #plan.layout<attn_tp = 2, attn_dp = 1, moe_tp = 1, moe_ep = 2, pp = 1>} {
  func.func private @step() attributes {plan.method = #plan.method<allgather>}
  // expected-error @below {{argument 0 of type 'i64' has no lowering}}
  func.func private @argument(%n: i64) { return }
}

// -----
#owned = #plan.sharding<[{"device"}, {}], rows = owned>
module attributes {plan.mesh = #plan.mesh<["node"=1, "device"=2]>,
                   plan.limits = #plan.limits<max_batch_tokens = 10, max_seqs = 1, max_context = 16>,
                   plan.layout = #plan.layout<attn_tp = 2, attn_dp = 1, moe_tp = 1, moe_ep = 2, pp = 1>} {
  func.func private @step() attributes {plan.method = #plan.method<allgather>}
  func.func private @caller(%x: tensor<?x8xf32, #owned>, %n: i32 {emit.layer}) {
    // expected-error @below {{'func.call' op layer and cache numbers must be constants}}
    %y = call @layer(%x, %n) {emit.offsets = array<i64: 0>} : (tensor<?x8xf32, #owned>, i32) -> tensor<?x8xf32, #owned>
    return
  }
  func.func private @layer(%x: tensor<?x8xf32, #owned>, %n: i32 {emit.layer}) -> tensor<?x8xf32, #owned>
}

// -----
#group = #plan.sharding<[{}, {}], rows = group>
module attributes {plan.mesh = #plan.mesh<["node"=1, "device"=2]>,
                   plan.limits = #plan.limits<max_batch_tokens = 10, max_seqs = 1, max_context = 16>,
                   plan.layout = #plan.layout<attn_tp = 2, attn_dp = 1, moe_tp = 1, moe_ep = 2, pp = 1>} {
  func.func private @step() attributes {plan.method = #plan.method<allgather>}
  nn.param @w : tensor<8x8xf32> from [#nn.box<"w", offset = 0, type = f32, at = [0, 0], shape = [8, 8], strides = [8, 1]>]
  func.func private @read_both_ways(%x: tensor<?x8xf32, #group>) {
    // expected-error @below {{parameter 'w' is read both as plain and as n64; it can be packed one way only: give it two names}}
    %w = nn.param_ref @w : tensor<8x8xf32>
    %y = nn.linear %x, %w : tensor<?x8xf32, #group>, tensor<8x8xf32> -> tensor<?x8xf32, #group>
    %z = arith.negf %w : tensor<8x8xf32>
    return
  }
}

// -----
#group = #plan.sharding<[{}, {}], rows = group>
module attributes {plan.mesh = #plan.mesh<["node"=1, "device"=2]>,
                   plan.limits = #plan.limits<max_batch_tokens = 10, max_seqs = 1, max_context = 16>,
                   plan.layout = #plan.layout<attn_tp = 2, attn_dp = 1, moe_tp = 1, moe_ep = 2, pp = 1>} {
  func.func private @step() attributes {plan.method = #plan.method<allgather>}
  // expected-error @below {{is packed plain, its readers expect n64}}
  nn.param @w : tensor<8x8xf32> from [#nn.box<"w", offset = 0, type = f32, at = [0, 0], shape = [8, 8], strides = [8, 1]>] {pack = #nn.pack<plain>}
  func.func private @other_pack(%x: tensor<?x8xf32, #group>) {
    %w = nn.param_ref @w : tensor<8x8xf32>
    %y = nn.linear %x, %w : tensor<?x8xf32, #group>, tensor<8x8xf32> -> tensor<?x8xf32, #group>
    return
  }
}

// -----
module attributes {plan.mesh = #plan.mesh<["node"=1, "device"=2]>,
                   plan.limits = #plan.limits<max_batch_tokens = 10, max_seqs = 1, max_context = 16>,
                   plan.layout = #plan.layout<attn_tp = 2, attn_dp = 1, moe_tp = 1, moe_ep = 2, pp = 1>} {
  func.func private @step() attributes {plan.method = #plan.method<allgather>}
  // expected-error @below {{parameters are packed as f32, got 'tensor<8xf16>'}}
  nn.param @w : tensor<8xf16> from [#nn.box<"w", offset = 0, type = f16, at = [0], shape = [8], strides = [1]>]
  func.func private @half_param() {
    %w = nn.param_ref @w : tensor<8xf16>
    return
  }
}

// -----
module attributes {plan.mesh = #plan.mesh<["node"=1, "device"=2]>,
                   plan.limits = #plan.limits<max_batch_tokens = 10, max_seqs = 1, max_context = 16>,
                   plan.layout = #plan.layout<attn_tp = 2, attn_dp = 1, moe_tp = 1, moe_ep = 2, pp = 1>} {
  func.func private @step() attributes {plan.method = #plan.method<allgather>}
  // expected-error @below {{dimension 0 of size 7 does not divide over 2 ranks; only experts may be uneven}}
  nn.param @w : tensor<7x8xf32> from [#nn.box<"w", offset = 0, type = f32, at = [0, 0], shape = [7, 8], strides = [8, 1]>] {sharding = #plan.sharding<[{"device"}, {}]>}
  func.func private @uneven() {
    %w = nn.param_ref @w : tensor<?x8xf32>
    return
  }
}

// -----
module attributes {plan.mesh = #plan.mesh<["node"=1, "device"=2]>,
                   plan.limits = #plan.limits<max_batch_tokens = 10, max_seqs = 1, max_context = 16>,
                   plan.layout = #plan.layout<attn_tp = 2, attn_dp = 1, moe_tp = 1, moe_ep = 2, pp = 1>} {
  func.func private @step() attributes {plan.method = #plan.method<allgather>}
  // expected-error @below {{dimension 0 of size 1 leaves some of 2 ranks without a part; choose a smaller degree}}
  nn.param @w : tensor<1x8x8xf32> from [#nn.box<"w", offset = 0, type = f32, at = [0, 0, 0], shape = [1, 8, 8], strides = [64, 8, 1]>] {sharding = #plan.sharding<[{"device"}, {}, {}]>}
  func.func private @nothing_for_some() {
    %w = nn.param_ref @w : tensor<?x8x8xf32>
    return
  }
}

// -----
module attributes {plan.mesh = #plan.mesh<["node"=1, "device"=2]>,
                   plan.limits = #plan.limits<max_batch_tokens = 10, max_seqs = 1, max_context = 16>,
                   plan.layout = #plan.layout<attn_tp = 2, attn_dp = 1, moe_tp = 1, moe_ep = 2, pp = 1>} {
  func.func private @step() attributes {plan.method = #plan.method<allgather>}
  // expected-note @below {{parameter is here}}
  nn.param @w : tensor<3x8x8xf32> from [#nn.box<"w", offset = 0, type = f32, at = [0, 0, 0], shape = [3, 8, 8], strides = [64, 8, 1]>] {sharding = #plan.sharding<[{"device"}, {}, {}]>}
  func.func private @other_part() {
    // expected-error @below {{type 'tensor<2x8x8xf32>' is not what rank 0 holds: dimension 0 has 1 elements there}}
    %w = nn.param_ref @w : tensor<2x8x8xf32>
    return
  }
}
