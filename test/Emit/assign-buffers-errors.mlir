// RUN: mixserve-opt %s -split-input-file -verify-diagnostics -mixserve-assign-buffers

// expected-error @below {{buffers cannot be sized without 'plan.limits'; run the phases plan and shard first}}
module {}

// -----
// expected-error @below {{buffers cannot be sized without 'plan.layout'; run the phases plan and shard first}}
module attributes {plan.limits = #plan.limits<max_batch_tokens = 10, max_seqs = 1, max_context = 16>} {}

// -----
module attributes {plan.limits = #plan.limits<max_batch_tokens = 10, max_seqs = 1, max_context = 16>,
                   plan.layout = #plan.layout<attn_tp = 1, attn_dp = 1, moe_tp = 1, moe_ep = 1, pp = 1>} {
  func.func @no_row_set(%x: tensor<?x8xf32>) {
    // expected-error @below {{no buffer for 'tensor<?x8xf32>': expected a row set of the step, static columns, and f32 or i32 elements}}
    %y = arith.negf %x : tensor<?x8xf32>
    return
  }
}

// -----
#group = #plan.sharding<[{}, {}], rows = group>
module attributes {plan.limits = #plan.limits<max_batch_tokens = 10, max_seqs = 1, max_context = 16>,
                   plan.layout = #plan.layout<attn_tp = 1, attn_dp = 1, moe_tp = 1, moe_ep = 1, pp = 1>} {
  func.func @columns_unknown(%x: tensor<?x?xf32, #group>) {
    // expected-error @below {{no buffer for 'tensor<?x?xf32, #plan.sharding<[{}, {}], rows = group>>'}}
    %y = arith.negf %x : tensor<?x?xf32, #group>
    return
  }
}

// -----
#group = #plan.sharding<[{}, {}], rows = group>
module attributes {plan.limits = #plan.limits<max_batch_tokens = 10, max_seqs = 1, max_context = 16>,
                   plan.layout = #plan.layout<attn_tp = 1, attn_dp = 1, moe_tp = 1, moe_ep = 1, pp = 1>} {
  func.func @half(%x: tensor<?x8xf16, #group>) {
    // expected-error @below {{no buffer for 'tensor<?x8xf16, #plan.sharding<[{}, {}], rows = group>>'}}
    %y = arith.negf %x : tensor<?x8xf16, #group>
    return
  }
}

// -----
#group = #plan.sharding<[{}, {}], rows = group>
module attributes {plan.limits = #plan.limits<max_batch_tokens = 10, max_seqs = 1, max_context = 16>,
                   plan.layout = #plan.layout<attn_tp = 1, attn_dp = 1, moe_tp = 1, moe_ep = 1, pp = 1>} {
  func.func private @returns_its_argument(%x: tensor<?x8xf32, #group>) -> tensor<?x8xf32, #group> {
    // expected-error @below {{a layer must not return its argument}}
    return %x : tensor<?x8xf32, #group>
  }
}

// -----
#group = #plan.sharding<[{}, {}], rows = group>
module attributes {plan.limits = #plan.limits<max_batch_tokens = 10, max_seqs = 1, max_context = 16>,
                   plan.layout = #plan.layout<attn_tp = 1, attn_dp = 1, moe_tp = 1, moe_ep = 1, pp = 1>} {
  func.func private @returns_twice(%x: tensor<?x8xf32, #group>) -> (tensor<?x8xf32, #group>, tensor<?x8xf32, #group>) {
    %y = arith.negf %x : tensor<?x8xf32, #group>
    // expected-error @below {{a layer must not return a value twice}}
    return %y, %y : tensor<?x8xf32, #group>, tensor<?x8xf32, #group>
  }
}

// -----
#owned = #plan.sharding<[{"device"}, {}], rows = owned>
#received = #plan.sharding<[{}, {}], rows = received>
module attributes {plan.limits = #plan.limits<max_batch_tokens = 10, max_seqs = 1, max_context = 16>,
                   plan.layout = #plan.layout<attn_tp = 1, attn_dp = 1, moe_tp = 1, moe_ep = 1, pp = 1>} {
  func.func private @region_yields_its_argument(%x: tensor<?x8xf32, #owned>, %w: tensor<?x2xf32, #owned>, %i: tensor<?x2xi32, #owned>) {
    %f:3 = coll.ag_dispatch(%x, %w, %i) lanes <{"node"}> gather <{"device"}> chunks [1] {
    ^bb0(%a: tensor<?x8xf32, #owned>, %b: tensor<?x2xf32, #owned>, %c: tensor<?x2xi32, #owned>):
      %n = arith.negf %a : tensor<?x8xf32, #owned>
      // expected-error @below {{value 1 is not made in the region; yield what an op of it computes}}
      coll.yield %n, %b, %c : tensor<?x8xf32, #owned>, tensor<?x2xf32, #owned>, tensor<?x2xi32, #owned>
    } : (tensor<?x8xf32, #owned>, tensor<?x2xf32, #owned>, tensor<?x2xi32, #owned>) -> (tensor<?x8xf32, #received>, tensor<?x2xf32, #received>, tensor<?x2xi32, #received>)
    return
  }
}
