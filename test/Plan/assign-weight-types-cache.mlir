// The cache has the model's own type by default: bf16 where all matrices are.
// RUN: mixserve-opt %s -split-input-file -mixserve-assign-weight-types | FileCheck %s
// RUN: mixserve-opt %s -split-input-file -mixserve-assign-weight-types -mixserve-assign-weight-types | FileCheck %s
// RUN: mixserve-opt %s -split-input-file -mixserve-assign-weight-types="kv-cache=f32" | FileCheck %s --check-prefix=F32
// RUN: mixserve-opt %s -split-input-file -mixserve-assign-weight-types="weights=f32 kv-cache=bf16" | FileCheck %s --check-prefix=BF16
// F32-COUNT-3: nn.attention {{.*}}nn.cache_element = "f32"
// BF16-COUNT-3: nn.attention {{.*}}nn.cache_element = "bf16"

// CHECK: nn.attention {{.*}}nn.cache_element = "bf16"
nn.param @q : tensor<8x8xf32> from [#nn.box<"w", offset = 0, type = bf16, at = [0, 0], shape = [8, 8], strides = [8, 1]>]
func.func @step(%x: tensor<?x8xf32>, %b: !nn.batch) -> tensor<?x8xf32> {
  %w = nn.param_ref @q : tensor<8x8xf32>
  %q = nn.linear %x, %w : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
  %a = nn.attention %q, %q, %q, %b {cache = 0 : i64, head_dim = 8 : i64, heads = 1 : i64, kv_heads = 1 : i64, scale = 0.25 : f64} : tensor<?x8xf32>, tensor<?x8xf32> -> tensor<?x8xf32>
  return %a : tensor<?x8xf32>
}

// -----
// CHECK: nn.attention {{.*}}nn.cache_element = "f32"
nn.param @q : tensor<8x8xf32> from [#nn.box<"w", offset = 0, type = f32, at = [0, 0], shape = [8, 8], strides = [8, 1]>]
func.func @step(%x: tensor<?x8xf32>, %b: !nn.batch) -> tensor<?x8xf32> {
  %w = nn.param_ref @q : tensor<8x8xf32>
  %q = nn.linear %x, %w : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
  %a = nn.attention %q, %q, %q, %b {cache = 0 : i64, head_dim = 8 : i64, heads = 1 : i64, kv_heads = 1 : i64, scale = 0.25 : f64} : tensor<?x8xf32>, tensor<?x8xf32> -> tensor<?x8xf32>
  return %a : tensor<?x8xf32>
}

// -----
// What a person wrote stands unless the option says otherwise.
// CHECK: nn.attention {{.*}}nn.cache_element = "bf16"
func.func @step(%q: tensor<?x8xf32>, %b: !nn.batch) -> tensor<?x8xf32> {
  %a = nn.attention %q, %q, %q, %b {cache = 0 : i64, head_dim = 8 : i64, heads = 1 : i64, kv_heads = 1 : i64, scale = 0.25 : f64, nn.cache_element = "bf16"} : tensor<?x8xf32>, tensor<?x8xf32> -> tensor<?x8xf32>
  return %a : tensor<?x8xf32>
}
