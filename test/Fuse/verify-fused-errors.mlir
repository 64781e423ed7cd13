// One case per (Vn). What the fusing passes make passes: see verify-fused.test.
// RUN: mixserve-opt %s -split-input-file -verify-diagnostics -mixserve-verify-fused

#owned = #plan.sharding<[{"node", "device"}, {}], rows = owned>
#lane = #plan.sharding<[{"device"}, {}], rows = lane>
module attributes {plan.table = [#plan.entry<max_tokens = 64, method = hybrid_fused, chunks = 4>]} {
  func.func @v1_dispatch_is_left(%x: tensor<?x64xf32, #owned>, %w: tensor<?x2xf32, #owned>, %i: tensor<?x2xi32, #owned>) attributes {plan.method = #plan.method<hybrid_fused>} {
    // expected-error @below {{'coll.dispatch' op (V1) the plan asked for hybrid-fused, but the dispatch of layer 3 was not fused; remarks of category fuse say why}}
    %d:3 = coll.dispatch %x, %w, %i method <hybrid> over <{"node"}> site dispatch {nn.layer = 3 : i64} : tensor<?x64xf32, #owned>, tensor<?x2xf32, #owned>, tensor<?x2xi32, #owned> -> tensor<?x64xf32, #lane>, tensor<?x2xf32, #lane>, tensor<?x2xi32, #lane>
    return
  }
}

// -----
#owned = #plan.sharding<[{"node", "device"}, {}], rows = owned>
#received = #plan.sharding<[{}, {}], rows = received>
module attributes {plan.table = [#plan.entry<max_tokens = 64, method = hybrid_fused, chunks = 4>]} {
  func.func @v1_all_gather_is_left(%x: tensor<?x64xf32, #owned>, %w: tensor<?x2xf32, #owned>, %i: tensor<?x2xi32, #owned>) attributes {plan.method = #plan.method<hybrid_fused>} {
    // expected-error @below {{'coll.all_gather' op (V1) the plan asked for hybrid-fused, but the dispatch of an op outside layers was not fused}}
    %d:3 = coll.all_gather %x, %w, %i over <{"node", "device"}> site dispatch_ag : tensor<?x64xf32, #owned>, tensor<?x2xf32, #owned>, tensor<?x2xi32, #owned> -> tensor<?x64xf32, #received>, tensor<?x2xf32, #received>, tensor<?x2xi32, #received>
    return
  }
}

// -----
#owned = #plan.sharding<[{"node", "device"}, {}], rows = owned>
#lane_part = #plan.sharding<[{"device"}, {}], rows = lane, partial = {"node"}>
module attributes {plan.table = [#plan.entry<max_tokens = 64, method = hybrid_fused, chunks = 4>]} {
  func.func @v2_combine_is_left(%s: tensor<?x64xf32, #lane_part>) attributes {plan.method = #plan.method<hybrid_fused>} {
    // expected-error @below {{'coll.combine' op (V2) the plan asked for hybrid-fused, but the combine of layer 0 was not fused; remarks of category fuse say why}}
    %y = coll.combine %s method <hybrid> over <{"node"}> site combine {nn.layer = 0 : i64} : tensor<?x64xf32, #lane_part> -> tensor<?x64xf32, #owned>
    return
  }
}

// -----
#owned = #plan.sharding<[{"node", "device"}, {}], rows = owned>
#received_part = #plan.sharding<[{}, {}], rows = received, partial = {"node", "device"}>
module attributes {plan.table = [#plan.entry<max_tokens = 64, method = hybrid_fused, chunks = 4>]} {
  func.func @v2_reduce_scatter_is_left(%p: tensor<?x64xf32, #received_part>) attributes {plan.method = #plan.method<hybrid_fused>} {
    // expected-error @below {{'coll.reduce_scatter' op (V2) the plan asked for hybrid-fused, but the combine of layer 0 was not fused}}
    %s = coll.reduce_scatter %p over <{"node", "device"}> site combine_rs {nn.layer = 0 : i64} : tensor<?x64xf32, #received_part> -> tensor<?x64xf32, #owned>
    return
  }
}

// -----
#owned = #plan.sharding<[{"node", "device"}, {}], rows = owned>
#received_part = #plan.sharding<[{}, {}], rows = received, partial = {"node", "device"}>
module {
  func.func @v3_fused_unasked(%p: tensor<?x64xf32, #received_part>) attributes {plan.method = #plan.method<hybrid>} {
    // expected-error @below {{'coll.rs_combine' op (V3) is fused in a function whose method is not hybrid_fused}}
    %y = coll.rs_combine %p reduce_over <{"device"}> lanes <{"node"}> chunks [1] : tensor<?x64xf32, #received_part> -> tensor<?x64xf32, #owned>
    return
  }
}

// -----
// (V4): the table asks, no step has the method.
// expected-error @below {{(V4) the plan's table asks for hybrid-fused, but no step has that method}}
module attributes {plan.table = [#plan.entry<max_tokens = 64, method = hybrid_fused, chunks = 4>]} {
  func.func @step_hybrid() attributes {plan.method = #plan.method<hybrid>} {
    return
  }
}
