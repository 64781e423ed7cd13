// RUN: mixserve-opt %s -split-input-file -verify-diagnostics
// One case per labelled constraint.

func.func @route_c1_dynamic(%lg: tensor<?x?xf32>) {
  // expected-error @below {{'moe.route' op (C1) number of experts must be static, got 'tensor<?x?xf32>'}}
  %w, %i = moe.route %lg router <score = softmax, normalize = true, scale = 1.0 : f64> top_k 2 : tensor<?x?xf32> -> tensor<?x2xf32>, tensor<?x2xi32>
  return
}

// -----
func.func @route_c1_too_many_experts_asked(%lg: tensor<?x8xf32>) {
  // expected-error @below {{'moe.route' op (C1) top_k = 9 is not in [1, 8]}}
  %w, %i = moe.route %lg router <score = softmax, normalize = true, scale = 1.0 : f64> top_k 9 : tensor<?x8xf32> -> tensor<?x9xf32>, tensor<?x9xi32>
  return
}

// -----
// expected-note @below {{logits have type 'tensor<?x8xf32>'}}
func.func @route_c2_result(%lg: tensor<?x8xf32>) {
  // expected-error @below {{'moe.route' op (C2) result must be [T, 2], got 'tensor<?x3xf32>'}}
  %w, %i = moe.route %lg router <score = softmax, normalize = true, scale = 1.0 : f64> top_k 2 : tensor<?x8xf32> -> tensor<?x3xf32>, tensor<?x3xi32>
  return
}

// -----
func.func @experts_c1_down(%x: tensor<?x64xf32>, %w: tensor<?x2xf32>, %i: tensor<?x2xi32>, %g: tensor<8x48x64xf32>) {
  // expected-error @below {{'moe.experts' op (C1) gate and up must be [E, F, 64] and down [E, 64, F]}}
  %y = moe.experts %x, %w, %i experts(%g, %g, %g) swiglu : tensor<?x64xf32>, tensor<?x2xf32>, tensor<?x2xi32> experts(tensor<8x48x64xf32>, tensor<8x48x64xf32>, tensor<8x48x64xf32>) -> tensor<?x64xf32>
  return
}

// -----
func.func @expert_ffn_c2_ids(%x: tensor<?x64xf32>, %w: tensor<?x2xf32>, %i: tensor<?x3xi32>, %g: tensor<8x48x64xf32>, %d: tensor<8x64x48xf32>) {
  // expected-error @below {{'moe.expert_ffn' op (C2) weights and ids must both be [T, K], got 'tensor<?x2xf32>' and 'tensor<?x3xi32>'}}
  %y = moe.expert_ffn %x, %w, %i experts(%g, %g, %d) swiglu : tensor<?x64xf32>, tensor<?x2xf32>, tensor<?x3xi32> experts(tensor<8x48x64xf32>, tensor<8x48x64xf32>, tensor<8x64x48xf32>) -> tensor<?x64xf32>
  return
}

// -----
func.func @experts_c3_result(%x: tensor<?x64xf32>, %w: tensor<?x2xf32>, %i: tensor<?x2xi32>, %g: tensor<8x48x64xf32>, %d: tensor<8x64x48xf32>) {
  // expected-error @below {{'moe.experts' op (C3) result must be like the input 'tensor<?x64xf32>', got 'tensor<?x32xf32>'}}
  %y = moe.experts %x, %w, %i experts(%g, %g, %d) swiglu : tensor<?x64xf32>, tensor<?x2xf32>, tensor<?x2xi32> experts(tensor<8x48x64xf32>, tensor<8x48x64xf32>, tensor<8x64x48xf32>) -> tensor<?x32xf32>
  return
}

// -----
func.func @experts_c2_weights(%x: tensor<?x64xf32>, %w: tensor<?x3xf32>, %i: tensor<?x2xi32>, %g: tensor<8x48x64xf32>, %d: tensor<8x64x48xf32>) {
  // expected-error @below {{'moe.experts' op (C2) weights and ids must both be [T, K], got 'tensor<?x3xf32>' and 'tensor<?x2xi32>'}}
  %y = moe.experts %x, %w, %i experts(%g, %g, %d) swiglu : tensor<?x64xf32>, tensor<?x3xf32>, tensor<?x2xi32> experts(tensor<8x48x64xf32>, tensor<8x48x64xf32>, tensor<8x64x48xf32>) -> tensor<?x64xf32>
  return
}

// -----
func.func @expert_ffn_c1_up(%x: tensor<?x64xf32>, %w: tensor<?x2xf32>, %i: tensor<?x2xi32>, %g: tensor<4x24x64xf32>, %u: tensor<4x48x64xf32>, %d: tensor<4x64x24xf32>) {
  // expected-error @below {{'moe.expert_ffn' op (C1) gate and up must be [E, F, 64] and down [E, 64, F], got 'tensor<4x24x64xf32>', 'tensor<4x48x64xf32>'}}
  %y = moe.expert_ffn %x, %w, %i experts(%g, %u, %d) swiglu : tensor<?x64xf32>, tensor<?x2xf32>, tensor<?x2xi32> experts(tensor<4x24x64xf32>, tensor<4x48x64xf32>, tensor<4x64x24xf32>) -> tensor<?x64xf32>
  return
}

// -----
func.func @expert_ffn_c3_result(%x: tensor<?x64xf32>, %w: tensor<?x2xf32>, %i: tensor<?x2xi32>, %g: tensor<8x48x64xf32>, %d: tensor<8x64x48xf32>) {
  // expected-error @below {{'moe.expert_ffn' op (C3) result must be like the input 'tensor<?x64xf32>', got 'tensor<?x32xf32>'}}
  %y = moe.expert_ffn %x, %w, %i experts(%g, %g, %d) swiglu : tensor<?x64xf32>, tensor<?x2xf32>, tensor<?x2xi32> experts(tensor<8x48x64xf32>, tensor<8x48x64xf32>, tensor<8x64x48xf32>) -> tensor<?x32xf32>
  return
}
