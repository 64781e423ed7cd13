// Every op prints as it was parsed, and the printed form parses again.
// RUN: mixserve-opt %s -verify-roundtrip | mixserve-opt | FileCheck %s
// RUN: mixserve-opt %s -mlir-print-op-generic | mixserve-opt | FileCheck %s

// CHECK-LABEL: func.func @constants
func.func @constants(%shape: tensor<2xi64>, %a: tensor<i64>) {
  // CHECK: onnx.NoValue : none
  %none = onnx.NoValue : none
  // CHECK: onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %k = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  // CHECK: onnx.ConstantOfShape({{.*}}) {value = dense<0> : tensor<1xi64>} : (tensor<2xi64>) -> tensor<?x?xi64>
  %z = onnx.ConstantOfShape(%shape) {value = dense<0> : tensor<1xi64>} : (tensor<2xi64>) -> tensor<?x?xi64>
  // CHECK: onnx.ConstantOfShape({{.*}}) : (tensor<2xi64>) -> tensor<?x?xf32>
  %f = onnx.ConstantOfShape(%shape) : (tensor<2xi64>) -> tensor<?x?xf32>
  // CHECK: onnx.Range({{.*}}) : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?xi64>
  %r = onnx.Range(%a, %a, %a) : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?xi64>
  return
}

// CHECK-LABEL: func.func @arithmetic
func.func @arithmetic(%x: tensor<?x8xf32>, %y: tensor<8xf32>, %i: tensor<?xi64>, %u: tensor<*xf32>) {
  // CHECK: onnx.Add({{.*}}) : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  %0 = onnx.Add(%x, %y) : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  // CHECK: onnx.Sub
  %1 = onnx.Sub(%x, %y) : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  // CHECK: onnx.Mul({{.*}}) : (tensor<*xf32>, tensor<8xf32>) -> tensor<*xf32>
  %2 = onnx.Mul(%u, %y) : (tensor<*xf32>, tensor<8xf32>) -> tensor<*xf32>
  // CHECK: onnx.Div
  %3 = onnx.Div(%x, %y) : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  // CHECK: onnx.Pow({{.*}}) : (tensor<?x8xf32>, tensor<?xi64>) -> tensor<?x8xf32>
  %4 = onnx.Pow(%x, %i) : (tensor<?x8xf32>, tensor<?xi64>) -> tensor<?x8xf32>
  // CHECK: onnx.Max({{.*}}) : (tensor<?x8xf32>, tensor<8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  %5 = onnx.Max(%x, %y, %y) : (tensor<?x8xf32>, tensor<8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  // CHECK: onnx.Min
  %6 = onnx.Min(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  // CHECK: onnx.Neg
  %7 = onnx.Neg(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  // CHECK: onnx.Sqrt
  %8 = onnx.Sqrt(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  // CHECK: onnx.Reciprocal
  %9 = onnx.Reciprocal(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  // CHECK: onnx.Sigmoid
  %10 = onnx.Sigmoid(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  // CHECK: onnx.Cos
  %11 = onnx.Cos(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  // CHECK: onnx.Sin
  %12 = onnx.Sin(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  // CHECK: onnx.Identity
  %13 = onnx.Identity(%u) : (tensor<*xf32>) -> tensor<*xf32>
  return
}

// CHECK-LABEL: func.func @logic
func.func @logic(%i: tensor<?x1xi64>, %j: tensor<?xi64>, %x: tensor<f32>) {
  // CHECK: onnx.Equal({{.*}}) : (tensor<?x1xi64>, tensor<?xi64>) -> tensor<?x?xi1>
  %0 = onnx.Equal(%i, %j) : (tensor<?x1xi64>, tensor<?xi64>) -> tensor<?x?xi1>
  // CHECK: onnx.Greater(
  %1 = onnx.Greater(%i, %j) : (tensor<?x1xi64>, tensor<?xi64>) -> tensor<?x?xi1>
  // CHECK: onnx.GreaterOrEqual(
  %2 = onnx.GreaterOrEqual(%i, %j) : (tensor<?x1xi64>, tensor<?xi64>) -> tensor<?x?xi1>
  // CHECK: onnx.Less(
  %3 = onnx.Less(%i, %j) : (tensor<?x1xi64>, tensor<?xi64>) -> tensor<?x?xi1>
  // CHECK: onnx.LessOrEqual(
  %4 = onnx.LessOrEqual(%i, %j) : (tensor<?x1xi64>, tensor<?xi64>) -> tensor<?x?xi1>
  // CHECK: onnx.And(
  %5 = onnx.And(%0, %1) : (tensor<?x?xi1>, tensor<?x?xi1>) -> tensor<?x?xi1>
  // CHECK: onnx.Or(
  %6 = onnx.Or(%2, %3) : (tensor<?x?xi1>, tensor<?x?xi1>) -> tensor<?x?xi1>
  // CHECK: onnx.Not(
  %7 = onnx.Not(%4) : (tensor<?x?xi1>) -> tensor<?x?xi1>
  // CHECK: onnx.Where({{.*}}) : (tensor<?x?xi1>, tensor<f32>, tensor<f32>) -> tensor<?x?xf32>
  %8 = onnx.Where(%7, %x, %x) : (tensor<?x?xi1>, tensor<f32>, tensor<f32>) -> tensor<?x?xf32>
  // CHECK: onnx.Cast({{.*}}) {to = i1} : (tensor<?xi64>) -> tensor<?xi1>
  %9 = onnx.Cast(%j) {to = i1} : (tensor<?xi64>) -> tensor<?xi1>
  // CHECK: onnx.CastLike({{.*}}) : (tensor<?xi64>, tensor<f32>) -> tensor<?xf32>
  %10 = onnx.CastLike(%j, %x) : (tensor<?xi64>, tensor<f32>) -> tensor<?xf32>
  return
}

// CHECK-LABEL: func.func @movement
func.func @movement(%x: tensor<?x8xf32>, %x3: tensor<?x1x64xf32>, %ids: tensor<?x?xi64>, %s: tensor<2xi64>,
                    %pairs: tensor<?x1xi64>, %pick: tensor<?x2xi64>) {
  %none = onnx.NoValue : none
  %one = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  // CHECK: onnx.Shape({{.*}}) {end = 2 : i64, start = 1 : i64} : (tensor<?x8xf32>) -> tensor<1xi64>
  %0 = onnx.Shape(%x) {end = 2 : i64, start = 1 : i64} : (tensor<?x8xf32>) -> tensor<1xi64>
  // CHECK: onnx.Reshape({{.*}}) {allowzero = 1 : i64} : (tensor<?x8xf32>, tensor<2xi64>) -> tensor<?x?xf32>
  %1 = onnx.Reshape(%x, %s) {allowzero = 1 : i64} : (tensor<?x8xf32>, tensor<2xi64>) -> tensor<?x?xf32>
  // CHECK: onnx.Squeeze({{.*}}) : (tensor<?x1x64xf32>, tensor<1xi64>) -> tensor<?x64xf32>
  %2 = onnx.Squeeze(%x3, %one) : (tensor<?x1x64xf32>, tensor<1xi64>) -> tensor<?x64xf32>
  // CHECK: onnx.Squeeze({{.*}}) : (tensor<1xi64>, none) -> tensor<i64>
  %3 = onnx.Squeeze(%one, %none) : (tensor<1xi64>, none) -> tensor<i64>
  // CHECK: onnx.Unsqueeze({{.*}}) : (tensor<?x8xf32>, tensor<1xi64>) -> tensor<?x1x8xf32>
  %4 = onnx.Unsqueeze(%x, %one) : (tensor<?x8xf32>, tensor<1xi64>) -> tensor<?x1x8xf32>
  // CHECK: onnx.Transpose({{.*}}) {perm = array<i64: 1, 0>} : (tensor<?x8xf32>) -> tensor<8x?xf32>
  %5 = onnx.Transpose(%x) {perm = array<i64: 1, 0>} : (tensor<?x8xf32>) -> tensor<8x?xf32>
  // CHECK: onnx.Transpose({{.*}}) : (tensor<?x1x64xf32>) -> tensor<64x1x?xf32>
  %6 = onnx.Transpose(%x3) : (tensor<?x1x64xf32>) -> tensor<64x1x?xf32>
  // CHECK: onnx.Expand({{.*}}) : (tensor<1xi64>, tensor<2xi64>) -> tensor<?x?xi64>
  %7 = onnx.Expand(%one, %s) : (tensor<1xi64>, tensor<2xi64>) -> tensor<?x?xi64>
  // CHECK: onnx.Tile({{.*}}) : (tensor<?x8xf32>, tensor<2xi64>) -> tensor<?x?xf32>
  %8 = onnx.Tile(%x, %s) : (tensor<?x8xf32>, tensor<2xi64>) -> tensor<?x?xf32>
  // CHECK: onnx.Concat({{.*}}) {axis = -1 : i64} : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x16xf32>
  %9 = onnx.Concat(%x, %x) {axis = -1 : i64} : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x16xf32>
  // CHECK: onnx.Split({{.*}}) {axis = 1 : i64, num_outputs = 3 : i64} : (tensor<?x8xf32>, none) -> (tensor<?x3xf32>, tensor<?x3xf32>, tensor<?x2xf32>)
  %10:3 = onnx.Split(%x, %none) {axis = 1 : i64, num_outputs = 3 : i64} : (tensor<?x8xf32>, none) -> (tensor<?x3xf32>, tensor<?x3xf32>, tensor<?x2xf32>)
  // CHECK: onnx.Split({{.*}}) {axis = 1 : i64} : (tensor<?x8xf32>, tensor<2xi64>) -> (tensor<?x?xf32>, tensor<?x?xf32>)
  %11:2 = onnx.Split(%x, %s) {axis = 1 : i64} : (tensor<?x8xf32>, tensor<2xi64>) -> (tensor<?x?xf32>, tensor<?x?xf32>)
  %start = onnx.Constant() {value = dense<[4]> : tensor<1xi64>} : () -> tensor<1xi64>
  %end = onnx.Constant() {value = dense<[9223372036854775807]> : tensor<1xi64>} : () -> tensor<1xi64>
  // CHECK: onnx.Slice({{.*}}) : (tensor<?x8xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>, none) -> tensor<?x4xf32>
  %12 = onnx.Slice(%x, %start, %end, %one, %none) : (tensor<?x8xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>, none) -> tensor<?x4xf32>
  // CHECK: onnx.Gather({{.*}}) : (tensor<?x8xf32>, tensor<?x?xi64>) -> tensor<?x?x8xf32>
  %13 = onnx.Gather(%x, %ids) : (tensor<?x8xf32>, tensor<?x?xi64>) -> tensor<?x?x8xf32>
  // CHECK: onnx.GatherElements({{.*}}) {axis = 1 : i64} : (tensor<?x8xf32>, tensor<?x2xi64>) -> tensor<?x2xf32>
  %14 = onnx.GatherElements(%x, %pick) {axis = 1 : i64} : (tensor<?x8xf32>, tensor<?x2xi64>) -> tensor<?x2xf32>
  // CHECK: onnx.GatherND({{.*}}) : (tensor<?x1x64xf32>, tensor<?x1xi64>) -> tensor<?x1x64xf32>
  %15 = onnx.GatherND(%x3, %pairs) : (tensor<?x1x64xf32>, tensor<?x1xi64>) -> tensor<?x1x64xf32>
  // CHECK: onnx.GatherND({{.*}}) {batch_dims = 1 : i64} : (tensor<?x8xf32>, tensor<?x1xi64>) -> tensor<?xf32>
  %16 = onnx.GatherND(%x, %pairs) {batch_dims = 1 : i64} : (tensor<?x8xf32>, tensor<?x1xi64>) -> tensor<?xf32>
  return
}

// CHECK-LABEL: func.func @reductions
func.func @reductions(%x: tensor<?x8xf32>, %k: tensor<1xi64>, %axis: tensor<i64>) {
  %none = onnx.NoValue : none
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  // CHECK: onnx.ReduceSum({{.*}}) : (tensor<?x8xf32>, tensor<1xi64>) -> tensor<?x1xf32>
  %0 = onnx.ReduceSum(%x, %last) : (tensor<?x8xf32>, tensor<1xi64>) -> tensor<?x1xf32>
  // CHECK: onnx.ReduceMean({{.*}}) {keepdims = 0 : i64} : (tensor<?x8xf32>, none) -> tensor<f32>
  %1 = onnx.ReduceMean(%x, %none) {keepdims = 0 : i64} : (tensor<?x8xf32>, none) -> tensor<f32>
  // CHECK: onnx.ReduceSum({{.*}}) {noop_with_empty_axes = 1 : i64} : (tensor<?x8xf32>, none) -> tensor<?x8xf32>
  %2 = onnx.ReduceSum(%x, %none) {noop_with_empty_axes = 1 : i64} : (tensor<?x8xf32>, none) -> tensor<?x8xf32>
  // CHECK: onnx.CumSum({{.*}}) {exclusive = 1 : i64} : (tensor<?x8xf32>, tensor<i64>) -> tensor<?x8xf32>
  %3 = onnx.CumSum(%x, %axis) {exclusive = 1 : i64} : (tensor<?x8xf32>, tensor<i64>) -> tensor<?x8xf32>
  // CHECK: onnx.Softmax({{.*}}) {axis = 1 : i64} : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %4 = onnx.Softmax(%x) {axis = 1 : i64} : (tensor<?x8xf32>) -> tensor<?x8xf32>
  // CHECK: onnx.TopK({{.*}}) {largest = 0 : i64} : (tensor<?x8xf32>, tensor<1xi64>) -> (tensor<?x?xf32>, tensor<?x?xi64>)
  %5, %6 = onnx.TopK(%x, %k) {largest = 0 : i64} : (tensor<?x8xf32>, tensor<1xi64>) -> (tensor<?x?xf32>, tensor<?x?xi64>)
  return
}

// CHECK-LABEL: func.func @transformer
func.func @transformer(%x: tensor<?x?x64xf32>, %w: tensor<64x48xf32>, %row: tensor<?x64xf32>, %wt: tensor<8x64xf32>,
                       %norm: tensor<64xf32>, %table: tensor<?x?x8xf32>, %kv: tensor<?x?x32xf32>,
                       %past: tensor<?x2x?x16xf32>, %mask: tensor<?x1x?x?xf32>) {
  %none = onnx.NoValue : none
  // CHECK: onnx.MatMul({{.*}}) : (tensor<?x?x64xf32>, tensor<64x48xf32>) -> tensor<?x?x48xf32>
  %0 = onnx.MatMul(%x, %w) : (tensor<?x?x64xf32>, tensor<64x48xf32>) -> tensor<?x?x48xf32>
  // CHECK: onnx.Gemm({{.*}}) {transB = 1 : i64} : (tensor<?x64xf32>, tensor<8x64xf32>, none) -> tensor<?x8xf32>
  %1 = onnx.Gemm(%row, %wt, %none) {transB = 1 : i64} : (tensor<?x64xf32>, tensor<8x64xf32>, none) -> tensor<?x8xf32>
  // CHECK: onnx.RMSNormalization({{.*}}) {epsilon = 9.99999997E-7 : f32} : (tensor<?x?x64xf32>, tensor<64xf32>) -> tensor<?x?x64xf32>
  %2 = onnx.RMSNormalization(%x, %norm) {epsilon = 1.0e-6 : f32} : (tensor<?x?x64xf32>, tensor<64xf32>) -> tensor<?x?x64xf32>
  // CHECK: onnx.RotaryEmbedding({{.*}}) {num_heads = 4 : i64} : (tensor<?x?x64xf32>, tensor<?x?x8xf32>, tensor<?x?x8xf32>, none) -> tensor<?x?x64xf32>
  %3 = onnx.RotaryEmbedding(%x, %table, %table, %none) {num_heads = 4 : i64} : (tensor<?x?x64xf32>, tensor<?x?x8xf32>, tensor<?x?x8xf32>, none) -> tensor<?x?x64xf32>
  // CHECK: onnx.Attention({{.*}}) {is_causal = 1 : i64, kv_num_heads = 2 : i64, q_num_heads = 4 : i64} : (tensor<?x?x64xf32>, tensor<?x?x32xf32>, tensor<?x?x32xf32>, tensor<?x1x?x?xf32>, tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>, none) -> (tensor<?x?x64xf32>, tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>, none)
  %y, %k1, %v1, %qk = onnx.Attention(%x, %kv, %kv, %mask, %past, %past, %none) {is_causal = 1 : i64, kv_num_heads = 2 : i64, q_num_heads = 4 : i64} : (tensor<?x?x64xf32>, tensor<?x?x32xf32>, tensor<?x?x32xf32>, tensor<?x1x?x?xf32>, tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>, none) -> (tensor<?x?x64xf32>, tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>, none)
  return
}
