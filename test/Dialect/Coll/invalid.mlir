// RUN: mixserve-opt %s -split-input-file -verify-diagnostics
// One case per labelled constraint.

!grp = tensor<?x64xf32, #plan.sharding<[{"node"}, {}], rows = group>>
func.func @all_reduce_c1_not_partial(%x: !grp) {
  // expected-error @below {{'coll.all_reduce' op (C1) input must be partial over}}
  %y = coll.all_reduce %x over <{"device"}> site attn_rs : !grp -> !grp
  return
}

// -----
!own = tensor<?x64xf32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
!part = tensor<?x64xf32, #plan.sharding<[{"node"}, {}], rows = group, partial = {"device"}>>
func.func @all_reduce_c2_rows(%x: !part) {
  // expected-error @below {{'coll.all_reduce' op (C2) result must be the input's rows without the partial sum}}
  %y = coll.all_reduce %x over <{"device"}> site attn_rs : !part -> !own
  return
}

// -----
!own = tensor<?x64xf32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
!grp = tensor<?x64xf32, #plan.sharding<[{"node"}, {}], rows = group>>
func.func @reduce_scatter_c1_not_partial(%x: !grp) {
  // expected-error @below {{'coll.reduce_scatter' op (C1) input must be partial over}}
  %y = coll.reduce_scatter %x over <{"device"}> site attn_rs : !grp -> !own
  return
}

// -----
!part = tensor<?x64xf32, #plan.sharding<[{"node"}, {}], rows = group, partial = {"device"}>>
!lane = tensor<?x64xf32, #plan.sharding<[{"device"}, {}], rows = lane>>
func.func @reduce_scatter_c2_rows(%x: !part) {
  // expected-error @below {{'coll.reduce_scatter' op (C2) cannot take group rows to lane rows}}
  %y = coll.reduce_scatter %x over <{"device"}> site attn_rs : !part -> !lane
  return
}

// -----
!part = tensor<?x64xf32, #plan.sharding<[{"node"}, {}], rows = group, partial = {"device"}>>
!own32 = tensor<?x32xf32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
func.func @reduce_scatter_c3_columns(%x: !part) {
  // expected-error @below {{'coll.reduce_scatter' op (C3) result must have the input's columns}}
  %y = coll.reduce_scatter %x over <{"device"}> site attn_rs : !part -> !own32
  return
}

// -----
!grp = tensor<?x64xf32, #plan.sharding<[{"node"}, {}], rows = group>>
!lane = tensor<?x64xf32, #plan.sharding<[{"device"}, {}], rows = lane>>
func.func @all_gather_c1_rows(%x: !lane) {
  // expected-error @below {{'coll.all_gather' op (C1) cannot take lane rows to group rows}}
  %y = coll.all_gather %x over <{"device"}> site attn_ag : !lane -> !grp
  return
}

// -----
!own = tensor<?x64xf32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
!grp = tensor<?x64xf32, #plan.sharding<[{"node"}, {}], rows = group>>
func.func @all_gather_c2_count(%x: !own) {
  // expected-error @below {{'coll.all_gather' op (C2) expected 1 or 3 inputs and as many results, got 2 and 2}}
  %y:2 = coll.all_gather %x, %x over <{"device"}> site attn_ag : !own, !own -> !grp, !grp
  return
}

// -----
!grp = tensor<?x64xf32, #plan.sharding<[{"node"}, {}], rows = group>>
!own32 = tensor<?x32xf32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
func.func @all_gather_c2_columns(%x: !own32) {
  // expected-error @below {{'coll.all_gather' op (C2) result}}
  %y = coll.all_gather %x over <{"device"}> site attn_ag : !own32 -> !grp
  return
}

// -----
!grp = tensor<?x64xf32, #plan.sharding<[{"node"}, {}], rows = group>>
!ownp = tensor<?x64xf32, #plan.sharding<[{"node"}, {}], rows = owned, partial = {"device"}>>
func.func @all_gather_c3_partial(%x: !ownp) {
  // expected-error @below {{'coll.all_gather' op (C3) input must not be a partial sum}}
  %y = coll.all_gather %x over <{"device"}> site attn_ag : !ownp -> !grp
  return
}

// -----
!own = tensor<?x64xf32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
func.func @slice_c1_rows(%x: !own) {
  // expected-error @below {{'coll.slice' op (C1) rows must go group to owned, got owned to owned}}
  %y = coll.slice %x over <{"device"}> : !own -> !own
  return
}

// -----
!own = tensor<?x64xf32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
!part = tensor<?x64xf32, #plan.sharding<[{"node"}, {}], rows = group, partial = {"device"}>>
func.func @slice_c2_partial(%x: !part) {
  // expected-error @below {{'coll.slice' op (C2) result must have the columns of an input without partial sum}}
  %y = coll.slice %x over <{"device"}> : !part -> !own
  return
}

// -----
!own = tensor<?x64xf32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
!ownk = tensor<?x2xf32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
!owni = tensor<?x2xi32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
!rec = tensor<?x64xf32, #plan.sharding<[{}, {}], rows = received>>
!reck = tensor<?x2xf32, #plan.sharding<[{}, {}], rows = received>>
!reci = tensor<?x2xi32, #plan.sharding<[{}, {}], rows = received>>
func.func @dispatch_c1_method(%x: !own, %w: !ownk, %i: !owni) {
  // expected-error @below {{'coll.dispatch' op (C1) method allgather is no dispatch}}
  %y:3 = coll.dispatch %x, %w, %i method <allgather> over <{"node"}> site dispatch : !own, !ownk, !owni -> !rec, !reck, !reci
  return
}

// -----
!own = tensor<?x64xf32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
!ownk = tensor<?x2xf32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
!owni = tensor<?x2xi32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
!rec = tensor<?x64xf32, #plan.sharding<[{}, {}], rows = received>>
!reck = tensor<?x2xf32, #plan.sharding<[{}, {}], rows = received>>
!reci = tensor<?x2xi32, #plan.sharding<[{}, {}], rows = received>>
func.func @dispatch_c2_rows(%x: !own, %w: !ownk, %i: !owni) {
  // expected-error @below {{'coll.dispatch' op (C2) expected owned rows in and lane rows out, got owned and received}}
  %y:3 = coll.dispatch %x, %w, %i method <hybrid> over <{"node"}> site dispatch : !own, !ownk, !owni -> !rec, !reck, !reci
  return
}

// -----
!own = tensor<?x64xf32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
!ownk = tensor<?x2xf32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
!owni = tensor<?x2xi32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
!rec = tensor<?x64xf32, #plan.sharding<[{}, {}], rows = received>>
!reck = tensor<?x2xf32, #plan.sharding<[{}, {}], rows = received>>
!reci3 = tensor<?x3xi32, #plan.sharding<[{}, {}], rows = received>>
func.func @dispatch_c3_columns(%x: !own, %w: !ownk, %i: !owni) {
  // expected-error @below {{'coll.dispatch' op (C3) result}}
  %y:3 = coll.dispatch %x, %w, %i method <flat_ep> over <{"node"}> site dispatch : !own, !ownk, !owni -> !rec, !reck, !reci3
  return
}

// -----
!own = tensor<?x64xf32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
!ownk = tensor<?x2xf32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
!rec = tensor<?x64xf32, #plan.sharding<[{}, {}], rows = received>>
!reck = tensor<?x2xf32, #plan.sharding<[{}, {}], rows = received>>
func.func @dispatch_c3_ids(%x: !own, %w: !ownk) {
  // expected-error @below {{'coll.dispatch' op (C3) weights and ids must both be [T, K]}}
  %y:3 = coll.dispatch %x, %w, %w method <flat_ep> over <{"node"}> site dispatch : !own, !ownk, !ownk -> !rec, !reck, !reck
  return
}

// -----
!own = tensor<?x64xf32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
!rec = tensor<?x64xf32, #plan.sharding<[{}, {}], rows = received>>
func.func @combine_c1_method(%x: !rec) {
  // expected-error @below {{'coll.combine' op (C1) method hybrid_fused is no dispatch}}
  %y = coll.combine %x method <hybrid_fused> over <{"node"}> site combine : !rec -> !own
  return
}

// -----
!own = tensor<?x64xf32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
!rec = tensor<?x64xf32, #plan.sharding<[{}, {}], rows = received>>
func.func @combine_c2_rows(%x: !rec) {
  // expected-error @below {{'coll.combine' op (C2) expected lane rows in and owned rows out, got received and owned}}
  %y = coll.combine %x method <hybrid> over <{"node"}> site combine : !rec -> !own
  return
}

// -----
!rec = tensor<?x64xf32, #plan.sharding<[{}, {}], rows = received>>
!own32 = tensor<?x32xf32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
func.func @combine_c3_columns(%x: !rec) {
  // expected-error @below {{'coll.combine' op (C3) result}}
  %y = coll.combine %x method <hier_ep> over <{"node"}> site combine : !rec -> !own32
  return
}

// -----
!own = tensor<?x64xf32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
!ownk = tensor<?x2xf32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
!owni = tensor<?x2xi32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
!grp = tensor<?x64xf32, #plan.sharding<[{"node"}, {}], rows = group>>
!rec = tensor<?x64xf32, #plan.sharding<[{}, {}], rows = received>>
!reck = tensor<?x2xf32, #plan.sharding<[{}, {}], rows = received>>
!reci = tensor<?x2xi32, #plan.sharding<[{}, {}], rows = received>>
func.func @ag_dispatch_c1_input(%x: !grp, %w: !ownk, %i: !owni) {
  // expected-error @below {{'coll.ag_dispatch' op (C1) input 0 must be owned rows}}
  %y:3 = coll.ag_dispatch(%x, %w, %i) lanes <{"node"}> gather <{"device"}> chunks [1] {
  ^bb0(%a: !own, %b: !ownk, %c: !owni):
    coll.yield %a, %b, %c : !own, !ownk, !owni
  } : (!grp, !ownk, !owni) -> (!rec, !reck, !reci)
  return
}

// -----
!own = tensor<?x64xf32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
!ownk = tensor<?x2xf32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
!owni = tensor<?x2xi32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
!rec = tensor<?x64xf32, #plan.sharding<[{}, {}], rows = received>>
!reck = tensor<?x2xf32, #plan.sharding<[{}, {}], rows = received>>
!reci = tensor<?x2xi32, #plan.sharding<[{}, {}], rows = received>>
func.func @ag_dispatch_c1_partial(%x: !own, %w: !ownk, %i: !owni) {
  // expected-error @below {{'coll.ag_dispatch' op (C1) input 0 must be group rows, partial over reduce_over}}
  %y:3 = coll.ag_dispatch(%x, %w, %i) reduce_over <{"device"}> lanes <{"node"}> gather <{"device"}> chunks [1] {
  ^bb0(%a: !own, %b: !ownk, %c: !owni):
    coll.yield %a, %b, %c : !own, !ownk, !owni
  } : (!own, !ownk, !owni) -> (!rec, !reck, !reci)
  return
}

// -----
!own = tensor<?x64xf32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
!ownk = tensor<?x2xf32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
!owni = tensor<?x2xi32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
!rec = tensor<?x64xf32, #plan.sharding<[{}, {}], rows = received>>
!reck = tensor<?x2xf32, #plan.sharding<[{}, {}], rows = received>>
!reci = tensor<?x2xi32, #plan.sharding<[{}, {}], rows = received>>
func.func @ag_dispatch_c2_count(%x: !own, %w: !ownk, %i: !owni) {
  // expected-error @below {{'coll.ag_dispatch' op (C2) expected 2 region arguments, got 3}}
  %y:3 = coll.ag_dispatch(%x, %w) lanes <{"node"}> gather <{"device"}> chunks [1] {
  ^bb0(%a: !own, %b: !ownk, %c: !owni):
    coll.yield %a, %b, %c : !own, !ownk, !owni
  } : (!own, !ownk) -> (!rec, !reck, !reci)
  return
}

// -----
!own = tensor<?x64xf32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
!ownk = tensor<?x2xf32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
!owni = tensor<?x2xi32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
!rec = tensor<?x64xf32, #plan.sharding<[{}, {}], rows = received>>
!reck = tensor<?x2xf32, #plan.sharding<[{}, {}], rows = received>>
!reci = tensor<?x2xi32, #plan.sharding<[{}, {}], rows = received>>
!own32 = tensor<?x32xf32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
func.func @ag_dispatch_c2_columns(%x: !own32, %w: !ownk, %i: !owni) {
  // expected-error @below {{'coll.ag_dispatch' op (C2) region argument must be owned rows like}}
  %y:3 = coll.ag_dispatch(%x, %w, %i) lanes <{"node"}> gather <{"device"}> chunks [1] {
  ^bb0(%a: !own, %b: !ownk, %c: !owni):
    coll.yield %a, %b, %c : !own, !ownk, !owni
  } : (!own32, !ownk, !owni) -> (!rec, !reck, !reci)
  return
}

// -----
!own = tensor<?x64xf32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
!ownk = tensor<?x2xf32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
!owni = tensor<?x2xi32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
!grp = tensor<?x64xf32, #plan.sharding<[{"node"}, {}], rows = group>>
!rec = tensor<?x64xf32, #plan.sharding<[{}, {}], rows = received>>
!reck = tensor<?x2xf32, #plan.sharding<[{}, {}], rows = received>>
!reci = tensor<?x2xi32, #plan.sharding<[{}, {}], rows = received>>
func.func @ag_dispatch_c3_region(%x: !own, %w: !ownk, %i: !owni) {
  // expected-error @below {{'coll.ag_dispatch' op (C3) the region may hold row-wise ops only, got 'coll.all_gather'}}
  %y:3 = coll.ag_dispatch(%x, %w, %i) lanes <{"node"}> gather <{"device"}> chunks [1] {
  ^bb0(%a: !own, %b: !ownk, %c: !owni):
    // expected-note @below {{this op}}
    %z = coll.all_gather %a over <{"device"}> site attn_ag : !own -> !grp
    coll.yield %a, %b, %c : !own, !ownk, !owni
  } : (!own, !ownk, !owni) -> (!rec, !reck, !reci)
  return
}

// -----
!own = tensor<?x64xf32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
!ownk = tensor<?x2xf32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
!owni = tensor<?x2xi32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
!rec = tensor<?x64xf32, #plan.sharding<[{}, {}], rows = received>>
!reck = tensor<?x2xf32, #plan.sharding<[{}, {}], rows = received>>
!reci = tensor<?x2xi32, #plan.sharding<[{}, {}], rows = received>>
func.func @ag_dispatch_c3_chunks(%x: !own, %w: !ownk, %i: !owni) {
  // expected-error @below {{'coll.ag_dispatch' op (C3) chunk counts must be at least 1}}
  %y:3 = coll.ag_dispatch(%x, %w, %i) lanes <{"node"}> gather <{"device"}> chunks [0] {
  ^bb0(%a: !own, %b: !ownk, %c: !owni):
    coll.yield %a, %b, %c : !own, !ownk, !owni
  } : (!own, !ownk, !owni) -> (!rec, !reck, !reci)
  return
}

// -----
!own = tensor<?x64xf32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
!ownk = tensor<?x2xf32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
!owni = tensor<?x2xi32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
!rec = tensor<?x64xf32, #plan.sharding<[{}, {}], rows = received>>
!reck = tensor<?x2xf32, #plan.sharding<[{}, {}], rows = received>>
!reci = tensor<?x2xi32, #plan.sharding<[{}, {}], rows = received>>
func.func @ag_dispatch_c4_yield(%x: !own, %w: !ownk, %i: !owni) {
  // expected-error @below {{'coll.ag_dispatch' op (C4) expected at least 3 yielded values, one per result, got 2 for 3 results}}
  %y:3 = coll.ag_dispatch(%x, %w, %i) lanes <{"node"}> gather <{"device"}> chunks [1] {
  ^bb0(%a: !own, %b: !ownk, %c: !owni):
    coll.yield %a, %b : !own, !ownk
  } : (!own, !ownk, !owni) -> (!rec, !reck, !reci)
  return
}

// -----
!own = tensor<?x64xf32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
!ownk = tensor<?x2xf32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
!owni = tensor<?x2xi32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
!reck = tensor<?x2xf32, #plan.sharding<[{}, {}], rows = received>>
!reci = tensor<?x2xi32, #plan.sharding<[{}, {}], rows = received>>
func.func @ag_dispatch_c4_result(%x: !own, %w: !ownk, %i: !owni) {
  // expected-error @below {{'coll.ag_dispatch' op (C4) result 0 has type}}
  %y:3 = coll.ag_dispatch(%x, %w, %i) lanes <{"node"}> gather <{"device"}> chunks [1] {
  ^bb0(%a: !own, %b: !ownk, %c: !owni):
    coll.yield %a, %b, %c : !own, !ownk, !owni
  } : (!own, !ownk, !owni) -> (!own, !reck, !reci)
  return
}

// -----
!own = tensor<?x64xf32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
!rec = tensor<?x64xf32, #plan.sharding<[{}, {}], rows = received>>
func.func @rs_combine_c1_rows(%x: !rec) {
  // expected-error @below {{'coll.rs_combine' op (C1) expected received rows, partial over}}
  %y = coll.rs_combine %x reduce_over <{"device"}> lanes <{"node"}> chunks [1] : !rec -> !own
  return
}

// -----
!recp = tensor<?x64xf32, #plan.sharding<[{}, {}], rows = received, partial = {"node", "device"}>>
!own32 = tensor<?x32xf32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
func.func @rs_combine_c2_columns(%x: !recp) {
  // expected-error @below {{'coll.rs_combine' op (C2) result must have the input's columns and chunk counts be at least 1}}
  %y = coll.rs_combine %x reduce_over <{"device"}> lanes <{"node"}> chunks [1] : !recp -> !own32
  return
}

// -----
!own = tensor<?x64xf32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
!grp = tensor<?x64xf32, #plan.sharding<[{"node"}, {}], rows = group>>
!rec = tensor<?x64xf32, #plan.sharding<[{}, {}], rows = received>>
func.func @rs_combine_ag_c1_partial(%x: !rec) {
  // expected-error @below {{'coll.rs_combine_ag' op (C1) input 0 must be received rows, partial over reduce_over, got}}
  %y = coll.rs_combine_ag(%x) reduce_over <{"device"}> lanes <{"node"}> gather <{"device"}> chunks [1] {
  ^bb0(%a: !own):
    coll.yield %a : !own
  } : (!rec) -> !grp
  return
}

// -----
!own = tensor<?x64xf32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
!grp = tensor<?x64xf32, #plan.sharding<[{"node"}, {}], rows = group>>
!recp = tensor<?x64xf32, #plan.sharding<[{}, {}], rows = received, partial = {"node", "device"}>>
func.func @rs_combine_ag_c1_owned(%x: !recp, %r: !grp) {
  // expected-error @below {{'coll.rs_combine_ag' op (C1) input 1 must be owned rows, got}}
  %y = coll.rs_combine_ag(%x, %r) reduce_over <{"device"}> lanes <{"node"}> gather <{"device"}> chunks [1] {
  ^bb0(%a: !own, %b: !own):
    coll.yield %a : !own
  } : (!recp, !grp) -> !grp
  return
}

// -----
!own = tensor<?x64xf32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
!grp = tensor<?x64xf32, #plan.sharding<[{"node"}, {}], rows = group>>
!recp = tensor<?x64xf32, #plan.sharding<[{}, {}], rows = received, partial = {"node", "device"}>>
func.func @rs_combine_ag_c2_arguments(%x: !recp, %r: !own) {
  // expected-error @below {{'coll.rs_combine_ag' op (C2) expected 2 region arguments, got 1}}
  %y = coll.rs_combine_ag(%x, %r) reduce_over <{"device"}> lanes <{"node"}> gather <{"device"}> chunks [1] {
  ^bb0(%a: !own):
    coll.yield %a : !own
  } : (!recp, !own) -> !grp
  return
}

// -----
!own = tensor<?x64xf32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
!grp = tensor<?x64xf32, #plan.sharding<[{"node"}, {}], rows = group>>
!recp = tensor<?x64xf32, #plan.sharding<[{}, {}], rows = received, partial = {"node", "device"}>>
func.func @rs_combine_ag_c3_region(%x: !recp) {
  // expected-error @below {{'coll.rs_combine_ag' op (C3) the region may hold row-wise ops only, got 'coll.all_gather'}}
  %y = coll.rs_combine_ag(%x) reduce_over <{"device"}> lanes <{"node"}> gather <{"device"}> chunks [1] {
  ^bb0(%a: !own):
    // expected-note @below {{this op}}
    %z = coll.all_gather %a over <{"device"}> site attn_ag : !own -> !grp
    coll.yield %a : !own
  } : (!recp) -> !grp
  return
}

// -----
!own = tensor<?x64xf32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
!grp = tensor<?x64xf32, #plan.sharding<[{"node"}, {}], rows = group>>
!recp = tensor<?x64xf32, #plan.sharding<[{}, {}], rows = received, partial = {"node", "device"}>>
func.func @rs_combine_ag_c3_chunks(%x: !recp) {
  // expected-error @below {{'coll.rs_combine_ag' op (C3) chunk counts must be at least 1}}
  %y = coll.rs_combine_ag(%x) reduce_over <{"device"}> lanes <{"node"}> gather <{"device"}> chunks [0] {
  ^bb0(%a: !own):
    coll.yield %a : !own
  } : (!recp) -> !grp
  return
}

// -----
!own = tensor<?x64xf32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
!grp = tensor<?x64xf32, #plan.sharding<[{"node"}, {}], rows = group>>
!recp = tensor<?x64xf32, #plan.sharding<[{}, {}], rows = received, partial = {"node", "device"}>>
func.func @rs_combine_ag_c4_yield(%x: !recp) {
  // expected-error @below {{'coll.rs_combine_ag' op (C4) expected at least 1 yielded values, one per result, got 2 for 1 results}}
  %y = coll.rs_combine_ag(%x) reduce_over <{"device"}> lanes <{"node"}> gather <{"device"}> chunks [1] {
  ^bb0(%a: !own):
    coll.yield %a, %a : !own, !own
  } : (!recp) -> !grp
  return
}

// -----
!own = tensor<?x64xf32, #plan.sharding<[{"node", "device"}, {}], rows = owned>>
!grp = tensor<?x64xf32, #plan.sharding<[{"node"}, {}], rows = group>>
!recp = tensor<?x64xf32, #plan.sharding<[{}, {}], rows = received, partial = {"node", "device"}>>
func.func @rs_combine_ag_c4_result(%x: !recp) {
  // expected-error @below {{'coll.rs_combine_ag' op (C4) result 0 has type}}
  %y = coll.rs_combine_ag(%x) reduce_over <{"device"}> lanes <{"node"}> gather <{"device"}> chunks [1] {
  ^bb0(%a: !own):
    coll.yield %a : !own
  } : (!recp) -> !own
  return
}
