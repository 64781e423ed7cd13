// RUN: mixserve-opt %s -verify-roundtrip | mixserve-opt | FileCheck %s
// RUN: mixserve-opt %s -mlir-print-op-generic | mixserve-opt | FileCheck %s

// CHECK-LABEL: func.func @every_op
func.func @every_op(%x: tensor<?x64xf32>, %lg: tensor<?x8xf32>, %g: tensor<8x48x64xf32>, %d: tensor<8x64x48xf32>,
                    %lgate: tensor<?x24x64xf32>, %ldown: tensor<?x64x24xf32>) -> tensor<?x64xf32> {
  // CHECK: moe.route %{{.*}} router <score = sigmoid, normalize = true, scale = 2.500000e+00 : f64> top_k 2 : tensor<?x8xf32> -> tensor<?x2xf32>, tensor<?x2xi32>
  %w, %i = moe.route %lg router <score = sigmoid, normalize = true, scale = 2.5 : f64> top_k 2 : tensor<?x8xf32> -> tensor<?x2xf32>, tensor<?x2xi32>
  // CHECK: moe.experts {{.*}} swiglu : tensor<?x64xf32>, tensor<?x2xf32>, tensor<?x2xi32> experts(tensor<8x48x64xf32>, tensor<8x48x64xf32>, tensor<8x64x48xf32>) -> tensor<?x64xf32>
  %y = moe.experts %x, %w, %i experts(%g, %g, %d) swiglu : tensor<?x64xf32>, tensor<?x2xf32>, tensor<?x2xi32> experts(tensor<8x48x64xf32>, tensor<8x48x64xf32>, tensor<8x64x48xf32>) -> tensor<?x64xf32>
  // CHECK: moe.expert_ffn {{.*}} experts(tensor<?x24x64xf32>, tensor<?x24x64xf32>, tensor<?x64x24xf32>) -> tensor<?x64xf32>
  %p = moe.expert_ffn %y, %w, %i experts(%lgate, %lgate, %ldown) swiglu : tensor<?x64xf32>, tensor<?x2xf32>, tensor<?x2xi32> experts(tensor<?x24x64xf32>, tensor<?x24x64xf32>, tensor<?x64x24xf32>) -> tensor<?x64xf32>
  return %p : tensor<?x64xf32>
}

// CHECK: func.func private @router() attributes {router = #moe.router<score = softmax, normalize = false, scale = 1.000000e+00 : f64>}
func.func private @router() attributes {router = #moe.router<score = softmax, normalize = false, scale = 1.0 : f64>}
