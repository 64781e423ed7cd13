// RUN: mixserve-opt %s -split-input-file -verify-diagnostics -mixserve-outline-layers

#own = #plan.sharding<[{"device"}, {}], rows = owned>
!own = tensor<?x64xf32, #own>
func.func @op_between(%x: !own) -> !own attributes {plan.method = #plan.method<hybrid>} {
  %a = arith.negf %x {nn.layer = 0 : i64} : !own
  // expected-error @below {{op stands between the ops of layer 0 and uses one of them; layers must be contiguous}}
  %b = arith.negf %a : !own
  // expected-note @below {{the layer ends here}}
  %c = arith.addf %a, %b {nn.layer = 0 : i64} : !own
  return %c : !own
}

// -----
#own = #plan.sharding<[{"device"}, {}], rows = owned>
!own = tensor<?x64xf32, #own>
func.func @layers_interleave(%x: !own) -> (!own, !own) attributes {plan.method = #plan.method<hybrid>} {
  %a = arith.negf %x {nn.layer = 0 : i64} : !own
  // expected-error @below {{op stands between the ops of layer 0 and uses one of them; layers must be contiguous}}
  %b = arith.negf %a {nn.layer = 1 : i64} : !own
  // expected-note @below {{the layer ends here}}
  %c = arith.negf %a {nn.layer = 0 : i64} : !own
  return %b, %c : !own, !own
}
