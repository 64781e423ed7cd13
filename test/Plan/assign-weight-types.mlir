// The model's own type by default: bf16 where all boxes are bf16, else f32. The router and what is plain stay f32.
// RUN: mixserve-opt %s -mixserve-assign-weight-types | FileCheck %s --check-prefixes=CHECK,OWN
// RUN: mixserve-opt %s -mixserve-assign-weight-types -mixserve-assign-weight-types | FileCheck %s --check-prefixes=CHECK,OWN
// RUN: mixserve-opt %s -mixserve-assign-weight-types="weights=bf16 quantize=int4 quantize-group=128" | FileCheck %s --check-prefixes=CHECK,BOTH
// RUN: mixserve-opt %s -mixserve-assign-weight-types="weights=f32" | FileCheck %s --check-prefixes=CHECK,F32
// RUN: mixserve-opt %s -mixserve-assign-weight-types="quantize=int8" | FileCheck %s --check-prefixes=CHECK,INT8
// RUN: mixserve-opt %s -mixserve-assign-weight-types="quantize=int8-all" | FileCheck %s --check-prefixes=CHECK,INT8ALL
// RUN: not mixserve-opt %s -mixserve-assign-weight-types="weights=fp8" 2>&1 | FileCheck %s --check-prefix=WEIGHTS
// RUN: not mixserve-opt %s -mixserve-assign-weight-types="quantize=int2" 2>&1 | FileCheck %s --check-prefix=QUANTIZE
// RUN: not mixserve-opt %s -mixserve-assign-weight-types="quantize=int8 quantize-group=64" 2>&1 | FileCheck %s --check-prefix=GROUP
// RUN: not mixserve-opt %s -mixserve-assign-weight-types="quantize-group=32" 2>&1 | FileCheck %s --check-prefix=ALONE

// RUN: not mixserve-opt %s -mixserve-assign-weight-types="kv-cache=f16" 2>&1 | FileCheck %s --check-prefix=CACHE
// CACHE: kv-cache: 'f16' is not one of auto, f32, bf16
// WEIGHTS: weights: 'fp8' is not one of auto, f32, bf16
// QUANTIZE: quantize: 'int2' is not one of int8, int4, int8-all, int4-all
// GROUP: quantize-group: 64 is neither 32 nor 128
// ALONE: quantize-group: there is nothing to group without quantize=int8 or quantize=int4

// CHECK: nn.param @norm {{.*}}{nn.element = "f32", pack = #nn.pack<plain>}
nn.param @norm : tensor<8xf32> from [#nn.box<"w", offset = 0, type = bf16, at = [0], shape = [8], strides = [1]>]
// OWN: nn.param @table {{.*}}{nn.element = "bf16", pack = #nn.pack<plain>}
// BOTH: nn.param @table {{.*}}{nn.element = "bf16", pack = #nn.pack<plain>}
// F32: nn.param @table {{.*}}{nn.element = "f32", pack = #nn.pack<plain>}
// INT8: nn.param @table {{.*}}{nn.element = "bf16", pack = #nn.pack<plain>}
// INT8ALL: nn.param @table {{.*}}{nn.element = "bf16", pack = #nn.pack<plain>}
nn.param @table : tensor<16x8xf32> from [#nn.box<"w", offset = 0, type = bf16, at = [0, 0], shape = [16, 8], strides = [8, 1]>]
// OWN: nn.param @q {{.*}}{nn.element = "bf16", pack = #nn.pack<n64>}
// BOTH: nn.param @q {{.*}}{nn.element = "bf16", pack = #nn.pack<n64>}
// F32: nn.param @q {{.*}}{nn.element = "f32", pack = #nn.pack<n64>}
// INT8: nn.param @q {{.*}}{nn.element = "bf16", pack = #nn.pack<n64>}
// INT8ALL: nn.param @q {{.*}}{nn.element = "int8", nn.group = 32 : i64, pack = #nn.pack<n64>}
nn.param @q : tensor<8x8xf32> from [#nn.box<"w", offset = 0, type = bf16, at = [0, 0], shape = [8, 8], strides = [8, 1]>]
// One box is f16: bf16 would lose bits of it.
// OWN: nn.param @mixed {{.*}}{nn.element = "f32", pack = #nn.pack<n64>}
// BOTH: nn.param @mixed {{.*}}{nn.element = "bf16", pack = #nn.pack<n64>}
nn.param @mixed : tensor<8x8xf32> from [#nn.box<"w", offset = 0, type = bf16, at = [0, 0], shape = [4, 8], strides = [8, 1]>, #nn.box<"w", offset = 0, type = f16, at = [4, 0], shape = [4, 8], strides = [8, 1]>]
// CHECK: nn.param @router {{.*}}{nn.element = "f32", pack = #nn.pack<n64>}
nn.param @router : tensor<4x8xf32> from [#nn.box<"w", offset = 0, type = bf16, at = [0, 0], shape = [4, 8], strides = [8, 1]>]
// OWN: nn.param @gate {{.*}}{nn.element = "bf16", pack = #nn.pack<n64>}
// BOTH: nn.param @gate {{.*}}{nn.element = "int4", nn.group = 128 : i64, pack = #nn.pack<n64>}
// F32: nn.param @gate {{.*}}{nn.element = "f32", pack = #nn.pack<n64>}
// INT8: nn.param @gate {{.*}}{nn.element = "int8", nn.group = 32 : i64, pack = #nn.pack<n64>}
// INT8ALL: nn.param @gate {{.*}}{nn.element = "int8", nn.group = 32 : i64, pack = #nn.pack<n64>}
nn.param @gate : tensor<4x16x8xf32> from [#nn.box<"w", offset = 0, type = bf16, at = [0, 0, 0], shape = [4, 16, 8], strides = [128, 8, 1]>]
nn.param @down : tensor<4x8x16xf32> from [#nn.box<"w", offset = 0, type = bf16, at = [0, 0, 0], shape = [4, 8, 16], strides = [128, 16, 1]>]
// What a person wrote stands unless an option says otherwise.
// OWN: nn.param @written {{.*}}{nn.element = "f32", pack = #nn.pack<n64>}
// BOTH: nn.param @written {{.*}}{nn.element = "bf16", pack = #nn.pack<n64>}
nn.param @written : tensor<8x8xf32> from [#nn.box<"w", offset = 0, type = bf16, at = [0, 0], shape = [8, 8], strides = [8, 1]>] {nn.element = "f32", pack = #nn.pack<n64>}
// Nobody reads it.
// CHECK: nn.param @unused {{.*}}strides = [1]>]{{$}}
nn.param @unused : tensor<8xf32> from [#nn.box<"w", offset = 0, type = bf16, at = [0], shape = [8], strides = [1]>]

func.func @step(%batch: !nn.batch) -> tensor<?x8xf32> {
  %ids = nn.tokens %batch : tensor<?xi32>
  %table = nn.param_ref @table : tensor<16x8xf32>
  %norm = nn.param_ref @norm : tensor<8xf32>
  %q = nn.param_ref @q : tensor<8x8xf32>
  %mixed = nn.param_ref @mixed : tensor<8x8xf32>
  %written = nn.param_ref @written : tensor<8x8xf32>
  %router = nn.param_ref @router : tensor<4x8xf32>
  %gate = nn.param_ref @gate : tensor<4x16x8xf32>
  %down = nn.param_ref @down : tensor<4x8x16xf32>
  %x = nn.embedding %ids, %table : tensor<?xi32>, tensor<16x8xf32> -> tensor<?x8xf32>
  %h = nn.rms_norm %x, %norm eps 1.0e-6 : tensor<?x8xf32>, tensor<8xf32>
  %a = nn.linear %h, %q : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
  %b = nn.linear %a, %mixed : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
  %c = nn.linear %b, %written : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
  %s = nn.linear %c, %router : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  %w, %i = moe.route %s router <score = softmax, normalize = true, scale = 1.0 : f64> top_k 2 : tensor<?x4xf32> -> tensor<?x2xf32>, tensor<?x2xi32>
  %y = moe.experts %c, %w, %i experts(%gate, %gate, %down) swiglu : tensor<?x8xf32>, tensor<?x2xf32>, tensor<?x2xi32> experts(tensor<4x16x8xf32>, tensor<4x16x8xf32>, tensor<4x8x16xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
