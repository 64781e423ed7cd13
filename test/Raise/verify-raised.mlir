// RUN: mixserve-opt %s -split-input-file -verify-diagnostics --mixserve-verify-raised

func.func @step(%batch: !nn.batch, %x: tensor<4xf32>) {
  // expected-error @below {{'onnx.Neg' op is left after raise; only nn, moe and arith ops may be}}
  %y = onnx.Neg(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

// expected-error @below {{expected a function @step(!nn.batch) after raise}}
module {
  func.func @main(%batch: !nn.batch) {
    return
  }
}

// -----

// expected-error @below {{'nn.param' op is read by nothing after raise}}
nn.param @left : tensor<4xf32> from [#nn.box<"w", offset = 0, type = f32, at = [0], shape = [4], strides = [1]>]
func.func @step(%batch: !nn.batch) {
  return
}

// -----

func.func @step(%batch: !nn.batch) {
  %q = arith.constant dense<0.0> : tensor<2x4xf32>
  // expected-error @below {{'nn.attention' op has no 'nn.layer' after raise}}
  %a = nn.attention %q, %q, %q, %batch {cache = 0 : i64, head_dim = 4 : i64, heads = 1 : i64, kv_heads = 1 : i64, scale = 1.0 : f64} : tensor<2x4xf32>, tensor<2x4xf32> -> tensor<2x4xf32>
  return
}
