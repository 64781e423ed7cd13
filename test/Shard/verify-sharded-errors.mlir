// One case per (Vn). What partition makes passes: every test of it ends in this pass.
// RUN: mixserve-opt %s -split-input-file -verify-diagnostics -mixserve-verify-sharded

// (V1): @step is left.
module attributes {plan.mesh = #plan.mesh<["node"=1, "device"=2]>,
                   plan.layout = #plan.layout<attn_tp = 2, attn_dp = 1, moe_tp = 1, moe_ep = 2, pp = 1>,
                   plan.table = [#plan.entry<max_tokens = 64, method = allgather, chunks = 1>]} {
  // expected-error @below {{(V1) function on global types is left: it has no 'plan.method'}}
  func.func @step(%batch: !nn.batch) { return }
}

// -----

// (V1): moe.experts is left.
module attributes {plan.mesh = #plan.mesh<["node"=1, "device"=2]>,
                   plan.layout = #plan.layout<attn_tp = 2, attn_dp = 1, moe_tp = 1, moe_ep = 2, pp = 1>,
                   plan.table = [#plan.entry<max_tokens = 64, method = allgather, chunks = 1>]} {
  func.func @step_allgather(%x: tensor<?x64xf32, #plan.sharding<[{"device"}, {}], rows = owned>>, %w: tensor<?x2xf32>, %i: tensor<?x2xi32>,
      %g: tensor<8x48x64xf32>, %d: tensor<8x64x48xf32>) attributes {plan.method = #plan.method<allgather>} {
    // expected-error @below {{'moe.experts' op (V1) is global, expected moe.expert_ffn and collectives}}
    %y = moe.experts %x, %w, %i experts(%g, %g, %d) swiglu : tensor<?x64xf32, #plan.sharding<[{"device"}, {}], rows = owned>>, tensor<?x2xf32>, tensor<?x2xi32> experts(tensor<8x48x64xf32>, tensor<8x48x64xf32>, tensor<8x64x48xf32>) -> tensor<?x64xf32, #plan.sharding<[{"device"}, {}], rows = owned>>
    return
  }
}

// -----

// (V2): an activation without sharding.
module attributes {plan.mesh = #plan.mesh<["node"=1, "device"=2]>,
                   plan.layout = #plan.layout<attn_tp = 2, attn_dp = 1, moe_tp = 1, moe_ep = 2, pp = 1>,
                   plan.table = [#plan.entry<max_tokens = 64, method = allgather, chunks = 1>]} {
  func.func @step_allgather(%batch: !nn.batch) attributes {plan.method = #plan.method<allgather>} {
    // expected-error @below {{'nn.tokens' op (V2) activation carries no sharding: 'tensor<?xi32>'}}
    %ids = nn.tokens %batch : tensor<?xi32>
    return
  }
}

// -----

// (V2): group rows that are split as if they were owned.
module attributes {plan.mesh = #plan.mesh<["node"=1, "device"=2]>,
                   plan.layout = #plan.layout<attn_tp = 2, attn_dp = 1, moe_tp = 1, moe_ep = 2, pp = 1>,
                   plan.table = [#plan.entry<max_tokens = 64, method = allgather, chunks = 1>]} {
  func.func @step_allgather(%batch: !nn.batch) attributes {plan.method = #plan.method<allgather>} {
    // expected-error @below {{'nn.tokens' op (V2) group rows lie over #plan.axes<{}>, got #plan.sharding<[{"device"}], rows = group>}}
    %ids = nn.tokens %batch : tensor<?xi32, #plan.sharding<[{"device"}], rows = group>>
    return
  }
}

// -----

// (V3): a partial sum is added to.
module attributes {plan.mesh = #plan.mesh<["node"=1, "device"=2]>,
                   plan.layout = #plan.layout<attn_tp = 2, attn_dp = 1, moe_tp = 1, moe_ep = 2, pp = 1>,
                   plan.table = [#plan.entry<max_tokens = 64, method = allgather, chunks = 1>]} {
  func.func @step_allgather(%x: tensor<?x64xf32, #plan.sharding<[{}, {}], rows = group, partial = {"device"}>>) attributes {plan.method = #plan.method<allgather>} {
    // expected-error @below {{'arith.addf' op (V3) uses a value that is a partial sum over #plan.axes<{"device"}>: a collective is missing}}
    %y = arith.addf %x, %x : tensor<?x64xf32, #plan.sharding<[{}, {}], rows = group, partial = {"device"}>>
    return
  }
}

// -----

// (V4): the sum over a split dimension is forgotten.
module attributes {plan.mesh = #plan.mesh<["node"=1, "device"=2]>,
                   plan.layout = #plan.layout<attn_tp = 2, attn_dp = 1, moe_tp = 1, moe_ep = 2, pp = 1>,
                   plan.table = [#plan.entry<max_tokens = 64, method = allgather, chunks = 1>]} {
  nn.param @o : tensor<64x64xf32> from [#nn.box<"w", offset = 0, type = f32, at = [0, 0], shape = [64, 64], strides = [64, 1]>] {sharding = #plan.sharding<[{}, {"device"}]>}
  func.func @step_allgather(%a: tensor<?x32xf32, #plan.sharding<[{}, {"device"}], rows = group>>) attributes {plan.method = #plan.method<allgather>} {
    %w = nn.param_ref @o : tensor<64x32xf32>
    // expected-error @below {{'nn.linear' op (V4) operands give #plan.sharding<[{}, {}], rows = group, partial = {"device"}>, the result has #plan.sharding<[{}, {}], rows = group>: a collective is missing}}
    %x = nn.linear %a, %w : tensor<?x32xf32, #plan.sharding<[{}, {"device"}], rows = group>>, tensor<64x32xf32> -> tensor<?x64xf32, #plan.sharding<[{}, {}], rows = group>>
    return
  }
}

// -----

// (V4): owned rows meet a weight that is split over the ranks that own them.
module attributes {plan.mesh = #plan.mesh<["node"=1, "device"=2]>,
                   plan.layout = #plan.layout<attn_tp = 2, attn_dp = 1, moe_tp = 1, moe_ep = 2, pp = 1>,
                   plan.table = [#plan.entry<max_tokens = 64, method = allgather, chunks = 1>]} {
  nn.param @q : tensor<64x64xf32> from [#nn.box<"w", offset = 0, type = f32, at = [0, 0], shape = [64, 64], strides = [64, 1]>] {sharding = #plan.sharding<[{"device"}, {}]>}
  func.func @step_allgather(%x: tensor<?x64xf32, #plan.sharding<[{"device"}, {}], rows = owned>>) attributes {plan.method = #plan.method<allgather>} {
    %w = nn.param_ref @q : tensor<32x64xf32>
    // expected-error @below {{'nn.linear' op (V4) owned rows are split over #plan.axes<{"device"}>, which also split dimension n: a collective is missing}}
    %y = nn.linear %x, %w : tensor<?x64xf32, #plan.sharding<[{"device"}, {}], rows = owned>>, tensor<32x64xf32> -> tensor<?x32xf32, #plan.sharding<[{"device"}, {}], rows = owned>>
    return
  }
}

// -----

// (V4): rows of two sets are added.
module attributes {plan.mesh = #plan.mesh<["node"=1, "device"=2]>,
                   plan.layout = #plan.layout<attn_tp = 2, attn_dp = 1, moe_tp = 1, moe_ep = 2, pp = 1>,
                   plan.table = [#plan.entry<max_tokens = 64, method = allgather, chunks = 1>]} {
  func.func @step_allgather(%q: tensor<?x64xf32, #plan.sharding<[{}, {}], rows = group>>, %k: tensor<?x32xf32, #plan.sharding<[{"device"}, {}], rows = owned>>, %batch: !nn.batch) attributes {plan.method = #plan.method<allgather>} {
    // expected-error @below {{'nn.attention' op (V4) operand 1 has owned rows, another one group rows: a collective is missing}}
    %a = nn.attention %q, %k, %k, %batch {cache = 0 : i64, head_dim = 16 : i64, heads = 4 : i64, kv_heads = 2 : i64, scale = 0.25 : f64} : tensor<?x64xf32, #plan.sharding<[{}, {}], rows = group>>, tensor<?x32xf32, #plan.sharding<[{"device"}, {}], rows = owned>> -> tensor<?x64xf32, #plan.sharding<[{}, {}], rows = group>>
    return
  }
}

// -----

// (V5): a parameter without sharding.
module attributes {plan.mesh = #plan.mesh<["node"=1, "device"=2]>,
                   plan.layout = #plan.layout<attn_tp = 2, attn_dp = 1, moe_tp = 1, moe_ep = 2, pp = 1>,
                   plan.table = [#plan.entry<max_tokens = 64, method = allgather, chunks = 1>]} {
  nn.param @w : tensor<8x64xf32> from [#nn.box<"w", offset = 0, type = f32, at = [0, 0], shape = [8, 64], strides = [64, 1]>]
  func.func @step_allgather() attributes {plan.method = #plan.method<allgather>} {
    // expected-error @below {{'nn.param_ref' op (V5) parameter @w has no sharding}}
    %w = nn.param_ref @w : tensor<8x64xf32>
    return
  }
}

// -----

// (V5): a reference to more than the local part.
module attributes {plan.mesh = #plan.mesh<["node"=1, "device"=2]>,
                   plan.layout = #plan.layout<attn_tp = 2, attn_dp = 1, moe_tp = 1, moe_ep = 2, pp = 1>,
                   plan.table = [#plan.entry<max_tokens = 64, method = allgather, chunks = 1>]} {
  nn.param @w : tensor<8x64xf32> from [#nn.box<"w", offset = 0, type = f32, at = [0, 0], shape = [8, 64], strides = [64, 1]>] {sharding = #plan.sharding<[{"device"}, {}]>}
  func.func @step_allgather() attributes {plan.method = #plan.method<allgather>} {
    // expected-error @below {{'nn.param_ref' op (V5) expected the local type 'tensor<4x64xf32>', got 'tensor<8x64xf32>'}}
    %w = nn.param_ref @w : tensor<8x64xf32>
    return
  }
}

// -----

// (V6): all rows are returned.
module attributes {plan.mesh = #plan.mesh<["node"=1, "device"=2]>,
                   plan.layout = #plan.layout<attn_tp = 2, attn_dp = 1, moe_tp = 1, moe_ep = 2, pp = 1>,
                   plan.table = [#plan.entry<max_tokens = 64, method = allgather, chunks = 1>]} {
  func.func @step_allgather(%x: tensor<?x64xf32, #plan.sharding<[{}, {}], rows = group>>) -> tensor<?x64xf32, #plan.sharding<[{}, {}], rows = group>> attributes {plan.method = #plan.method<allgather>} {
    // expected-error @below {{'func.return' op (V6) a step returns the asked rows, got 'tensor<?x64xf32, #plan.sharding<[{}, {}], rows = group>>'}}
    return %x : tensor<?x64xf32, #plan.sharding<[{}, {}], rows = group>>
  }
}
