// RUN: mixserve-opt %s -split-input-file -verify-diagnostics
// One case per labelled constraint.

// expected-error @below {{(C1) at, shape and strides have ranks 2, 1 and 2}}
nn.param @box_c1_ranks : tensor<4x4xf32> from [#nn.box<"w", offset = 0, type = f32, at = [0, 0], shape = [16], strides = [4, 1]>]

// -----
// expected-error @below {{(C2) offset, at and strides must not be negative, sizes at least 1}}
nn.param @box_c2_negative : tensor<4x4xf32> from [#nn.box<"w", offset = -4, type = f32, at = [0, 0], shape = [4, 4], strides = [4, 1]>]

// -----
// expected-error @below {{'nn.param' op (C1) type must be static, got 'tensor<?x4xf32>'}}
nn.param @param_c1_dynamic : tensor<?x4xf32> from []

// -----
// expected-error @below {{(C2) box #nn.box<"w", offset = 0, type = f32, at = [0], shape = [16], strides = [1]> has another rank than 'tensor<4x4xf32>'}}
nn.param @param_c2_rank : tensor<4x4xf32> from [#nn.box<"w", offset = 0, type = f32, at = [0], shape = [16], strides = [1]>]

// -----
// expected-error @below {{leaves dimension 1 of 'tensor<4x4xf32>'}}
nn.param @param_c2_outside : tensor<4x4xf32> from [#nn.box<"w", offset = 0, type = f32, at = [0, 1], shape = [4, 4], strides = [4, 1]>]

// -----
// expected-error @below {{'nn.param' op (C3) boxes hold 8 elements, the type has 16}}
nn.param @param_c3_gap : tensor<4x4xf32> from [#nn.box<"w", offset = 0, type = f32, at = [0, 0], shape = [2, 4], strides = [4, 1]>]

// -----
// expected-error @below {{(C3) boxes overlap}}
nn.param @param_c3_overlap : tensor<4x4xf32> from [
  #nn.box<"w", offset = 0, type = f32, at = [0, 0], shape = [2, 4], strides = [4, 1]>,
  #nn.box<"w", offset = 0, type = f32, at = [1, 0], shape = [2, 4], strides = [4, 1]>]

// -----
// expected-error @below {{'nn.param' op (C4) sharding must have 2 axis lists and no partial sum}}
nn.param @param_c4_sharding : tensor<4x4xf32> from [#nn.box<"w", offset = 0, type = f32, at = [0, 0], shape = [4, 4], strides = [4, 1]>] {sharding = #plan.sharding<[{"device"}]>}

// -----
func.func @param_ref_c1_unknown() {
  // expected-error @below {{'nn.param_ref' op (C1) 'nobody' names no nn.param}}
  %w = nn.param_ref @nobody : tensor<4x4xf32>
  return
}

// -----
// expected-note @below {{parameter is here}}
nn.param @w : tensor<4x4xf32> from [#nn.box<"w", offset = 0, type = f32, at = [0, 0], shape = [4, 4], strides = [4, 1]>]
func.func @param_ref_c2_larger() {
  // expected-error @below {{'nn.param_ref' op (C2) 'tensor<8x4xf32>' is no part of the parameter's type 'tensor<4x4xf32>'}}
  %w = nn.param_ref @w : tensor<8x4xf32>
  return
}

// -----
func.func @embedding_c1_width(%ids: tensor<?xi32>, %table: tensor<320x64xf32>) {
  // expected-error @below {{'nn.embedding' op (C1) result must be [T, 64] like the table, got 'tensor<?x32xf32>'}}
  %x = nn.embedding %ids, %table : tensor<?xi32>, tensor<320x64xf32> -> tensor<?x32xf32>
  return
}

// -----
func.func @linear_c1_inner(%x: tensor<?x64xf32>, %w: tensor<32x48xf32>) {
  // expected-error @below {{'nn.linear' op (C1) input has K = 64, weight has K = 48}}
  %y = nn.linear %x, %w : tensor<?x64xf32>, tensor<32x48xf32> -> tensor<?x32xf32>
  return
}

// -----
func.func @linear_c2_result(%x: tensor<?x64xf32>, %w: tensor<32x64xf32>) {
  // expected-error @below {{'nn.linear' op (C2) result must be [T, 32], got 'tensor<?x64xf32>'}}
  %y = nn.linear %x, %w : tensor<?x64xf32>, tensor<32x64xf32> -> tensor<?x64xf32>
  return
}

// -----
func.func @rms_norm_c1_block(%x: tensor<?x64xf32>, %w: tensor<48xf32>) {
  // expected-error @below {{'nn.rms_norm' op (C1) weight length 48 does not divide the row width 64}}
  %y = nn.rms_norm %x, %w eps 1.0e-6 : tensor<?x64xf32>, tensor<48xf32>
  return
}

// -----
func.func @rms_norm_c2_eps(%x: tensor<?x64xf32>, %w: tensor<64xf32>) {
  // expected-error @below {{'nn.rms_norm' op (C2) eps must be positive, got 0}}
  %y = nn.rms_norm %x, %w eps 0.0 : tensor<?x64xf32>, tensor<64xf32>
  return
}

// -----
func.func @rope_c1_head(%x: tensor<?x64xf32>, %b: !nn.batch) {
  // expected-error @below {{'nn.rope' op (C1) head_dim 48 does not divide the row width 64}}
  %y = nn.rope %x, %b {head_dim = 48 : i64, inv_freq = array<f64: 1.0>, scale = 1.0 : f64} : tensor<?x64xf32>
  return
}

// -----
func.func @rope_c2_frequencies(%x: tensor<?x64xf32>, %b: !nn.batch) {
  // expected-error @below {{'nn.rope' op (C2) 2 frequencies do not fit head_dim 2}}
  %y = nn.rope %x, %b {head_dim = 2 : i64, inv_freq = array<f64: 1.0, 0.5>, scale = 1.0 : f64} : tensor<?x64xf32>
  return
}

// -----
func.func @attention_c1_queries(%q: tensor<?x64xf32>, %k: tensor<?x32xf32>, %b: !nn.batch) {
  // expected-error @below {{'nn.attention' op (C1) q and result must be [T, 32], got 'tensor<?x64xf32>' and 'tensor<?x64xf32>'}}
  %a = nn.attention %q, %k, %k, %b {cache = 0 : i64, head_dim = 16 : i64, heads = 2 : i64, kv_heads = 2 : i64, scale = 1.0 : f64} : tensor<?x64xf32>, tensor<?x32xf32> -> tensor<?x64xf32>
  return
}

// -----
func.func @attention_c1_keys(%q: tensor<?x64xf32>, %k: tensor<?x64xf32>, %b: !nn.batch) {
  // expected-error @below {{'nn.attention' op (C1) k and v must be [T, 32], got 'tensor<?x64xf32>'}}
  %a = nn.attention %q, %k, %k, %b {cache = 0 : i64, head_dim = 16 : i64, heads = 4 : i64, kv_heads = 2 : i64, scale = 1.0 : f64} : tensor<?x64xf32>, tensor<?x64xf32> -> tensor<?x64xf32>
  return
}

// -----
func.func @attention_c2_groups(%q: tensor<?x64xf32>, %k: tensor<?x48xf32>, %b: !nn.batch) {
  // expected-error @below {{'nn.attention' op (C2) kv_heads = 3 does not divide heads = 4}}
  %a = nn.attention %q, %k, %k, %b {cache = 0 : i64, head_dim = 16 : i64, heads = 4 : i64, kv_heads = 3 : i64, scale = 1.0 : f64} : tensor<?x64xf32>, tensor<?x48xf32> -> tensor<?x64xf32>
  return
}

// -----
func.func @latent_attention_c1_queries(%qn: tensor<?x30xf32>, %qr: tensor<?x64xf32>, %c: tensor<?x32xf32>, %r: tensor<?x16xf32>, %uk: tensor<128x8xf32>, %uv: tensor<48x32xf32>, %b: !nn.batch) {
  // expected-error @below {{'nn.latent_attention' op (C1) q_nope and q_rope must be [T, 4 * D] and [T, 4 * 16], got 'tensor<?x30xf32>' and 'tensor<?x64xf32>'}}
  %a = nn.latent_attention %qn, %qr, %c, %r, %uk, %uv, %b {cache = 0 : i64, heads = 4 : i64, scale = 1.0 : f64} : (tensor<?x30xf32>, tensor<?x64xf32>, tensor<?x32xf32>, tensor<?x16xf32>, tensor<128x8xf32>, tensor<48x32xf32>) -> tensor<?x48xf32>
  return
}

// -----
func.func @latent_attention_c1_rotated(%qn: tensor<?x32xf32>, %qr: tensor<?x48xf32>, %c: tensor<?x32xf32>, %r: tensor<?x16xf32>, %uk: tensor<128x8xf32>, %uv: tensor<48x32xf32>, %b: !nn.batch) {
  // expected-error @below {{'nn.latent_attention' op (C1) q_nope and q_rope must be [T, 4 * D] and [T, 4 * 16], got 'tensor<?x32xf32>' and 'tensor<?x48xf32>'}}
  %a = nn.latent_attention %qn, %qr, %c, %r, %uk, %uv, %b {cache = 0 : i64, heads = 4 : i64, scale = 1.0 : f64} : (tensor<?x32xf32>, tensor<?x48xf32>, tensor<?x32xf32>, tensor<?x16xf32>, tensor<128x8xf32>, tensor<48x32xf32>) -> tensor<?x48xf32>
  return
}

// -----
func.func @latent_attention_c1_heads(%qn: tensor<?x32xf32>, %qr: tensor<?x0xf32>, %c: tensor<?x32xf32>, %r: tensor<?x16xf32>, %uk: tensor<128x8xf32>, %uv: tensor<48x32xf32>, %b: !nn.batch) {
  // expected-error @below {{'nn.latent_attention' op (C1) q_nope and q_rope must be [T, 0 * D] and [T, 0 * 16], got 'tensor<?x32xf32>' and 'tensor<?x0xf32>'}}
  %a = nn.latent_attention %qn, %qr, %c, %r, %uk, %uv, %b {cache = 0 : i64, heads = 0 : i64, scale = 1.0 : f64} : (tensor<?x32xf32>, tensor<?x0xf32>, tensor<?x32xf32>, tensor<?x16xf32>, tensor<128x8xf32>, tensor<48x32xf32>) -> tensor<?x48xf32>
  return
}

// -----
func.func @latent_attention_c2_keys(%qn: tensor<?x32xf32>, %qr: tensor<?x64xf32>, %c: tensor<?x32xf32>, %r: tensor<?x16xf32>, %uk: tensor<128x16xf32>, %uv: tensor<48x32xf32>, %b: !nn.batch) {
  // expected-error @below {{'nn.latent_attention' op (C2) w_uk must be [128, 8], got 'tensor<128x16xf32>'}}
  %a = nn.latent_attention %qn, %qr, %c, %r, %uk, %uv, %b {cache = 0 : i64, heads = 4 : i64, scale = 1.0 : f64} : (tensor<?x32xf32>, tensor<?x64xf32>, tensor<?x32xf32>, tensor<?x16xf32>, tensor<128x16xf32>, tensor<48x32xf32>) -> tensor<?x48xf32>
  return
}

// -----
func.func @latent_attention_c2_values(%qn: tensor<?x32xf32>, %qr: tensor<?x64xf32>, %c: tensor<?x32xf32>, %r: tensor<?x16xf32>, %uk: tensor<128x8xf32>, %uv: tensor<48x16xf32>, %b: !nn.batch) {
  // expected-error @below {{'nn.latent_attention' op (C2) w_uv must be [4 * V, 32] and the result [T, 4 * V], got 'tensor<48x16xf32>' and 'tensor<?x48xf32>'}}
  %a = nn.latent_attention %qn, %qr, %c, %r, %uk, %uv, %b {cache = 0 : i64, heads = 4 : i64, scale = 1.0 : f64} : (tensor<?x32xf32>, tensor<?x64xf32>, tensor<?x32xf32>, tensor<?x16xf32>, tensor<128x8xf32>, tensor<48x16xf32>) -> tensor<?x48xf32>
  return
}

// -----
func.func @latent_attention_c2_result(%qn: tensor<?x32xf32>, %qr: tensor<?x64xf32>, %c: tensor<?x32xf32>, %r: tensor<?x16xf32>, %uk: tensor<128x8xf32>, %uv: tensor<48x32xf32>, %b: !nn.batch) {
  // expected-error @below {{'nn.latent_attention' op (C2) w_uv must be [4 * V, 32] and the result [T, 4 * V], got 'tensor<48x32xf32>' and 'tensor<?x64xf32>'}}
  %a = nn.latent_attention %qn, %qr, %c, %r, %uk, %uv, %b {cache = 0 : i64, heads = 4 : i64, scale = 1.0 : f64} : (tensor<?x32xf32>, tensor<?x64xf32>, tensor<?x32xf32>, tensor<?x16xf32>, tensor<128x8xf32>, tensor<48x32xf32>) -> tensor<?x64xf32>
  return
}

// -----
func.func @latent_attention_c3_latent(%qn: tensor<?x32xf32>, %qr: tensor<?x64xf32>, %c: tensor<?x24xf32>, %r: tensor<?x16xf32>, %uk: tensor<96x8xf32>, %uv: tensor<48x24xf32>, %b: !nn.batch) {
  // expected-error @below {{'nn.latent_attention' op (C3) L and R must be multiples of 16 and D even, got L = 24, R = 16, D = 8}}
  %a = nn.latent_attention %qn, %qr, %c, %r, %uk, %uv, %b {cache = 0 : i64, heads = 4 : i64, scale = 1.0 : f64} : (tensor<?x32xf32>, tensor<?x64xf32>, tensor<?x24xf32>, tensor<?x16xf32>, tensor<96x8xf32>, tensor<48x24xf32>) -> tensor<?x48xf32>
  return
}

// -----
func.func @latent_attention_c3_rope(%qn: tensor<?x32xf32>, %qr: tensor<?x32xf32>, %c: tensor<?x32xf32>, %r: tensor<?x8xf32>, %uk: tensor<128x8xf32>, %uv: tensor<48x32xf32>, %b: !nn.batch) {
  // expected-error @below {{'nn.latent_attention' op (C3) L and R must be multiples of 16 and D even, got L = 32, R = 8, D = 8}}
  %a = nn.latent_attention %qn, %qr, %c, %r, %uk, %uv, %b {cache = 0 : i64, heads = 4 : i64, scale = 1.0 : f64} : (tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x8xf32>, tensor<128x8xf32>, tensor<48x32xf32>) -> tensor<?x48xf32>
  return
}

// -----
func.func @latent_attention_c3_odd(%qn: tensor<?x28xf32>, %qr: tensor<?x64xf32>, %c: tensor<?x32xf32>, %r: tensor<?x16xf32>, %uk: tensor<128x7xf32>, %uv: tensor<48x32xf32>, %b: !nn.batch) {
  // expected-error @below {{'nn.latent_attention' op (C3) L and R must be multiples of 16 and D even, got L = 32, R = 16, D = 7}}
  %a = nn.latent_attention %qn, %qr, %c, %r, %uk, %uv, %b {cache = 0 : i64, heads = 4 : i64, scale = 1.0 : f64} : (tensor<?x28xf32>, tensor<?x64xf32>, tensor<?x32xf32>, tensor<?x16xf32>, tensor<128x7xf32>, tensor<48x32xf32>) -> tensor<?x48xf32>
  return
}

// -----
func.func @select_rows_c1_width(%x: tensor<?x64xf32>, %b: !nn.batch) {
  // expected-error @below {{'nn.select_rows' op (C1) result must have rows like 'tensor<?x64xf32>', got 'tensor<?x32xf32>'}}
  %s = nn.select_rows %x, %b : tensor<?x64xf32> -> tensor<?x32xf32>
  return
}

// -----
// expected-error @below {{(C5) 'nn.element' must be "f32", "bf16", "int8" or "int4", got "f8"}}
nn.param @packing_0 : tensor<4x4xf32> from [#nn.box<"w", offset = 0, type = f32, at = [0, 0], shape = [4, 4], strides = [4, 1]>] {nn.element = "f8", pack = #nn.pack<n64>}

// -----
// expected-error @below {{(C5) 'nn.element' needs a pack beside it}}
nn.param @packing_1 : tensor<4x4xf32> from [#nn.box<"w", offset = 0, type = f32, at = [0, 0], shape = [4, 4], strides = [4, 1]>] {nn.element = "bf16"}

// -----
// expected-error @below {{(C5) 'nn.group' needs a pack beside it}}
nn.param @packing_2 : tensor<4x4xf32> from [#nn.box<"w", offset = 0, type = f32, at = [0, 0], shape = [4, 4], strides = [4, 1]>] {nn.group = 32 : i64}

// -----
// expected-error @below {{(C5) plain cannot hold int8}}
nn.param @packing_3 : tensor<4x4xf32> from [#nn.box<"w", offset = 0, type = f32, at = [0, 0], shape = [4, 4], strides = [4, 1]>] {nn.element = "int8", nn.group = 32 : i64, pack = #nn.pack<plain>}

// -----
// expected-error @below {{(C6) int4 needs 'nn.group' of 32 or 128 values per scale}}
nn.param @packing_4 : tensor<4x4xf32> from [#nn.box<"w", offset = 0, type = f32, at = [0, 0], shape = [4, 4], strides = [4, 1]>] {nn.element = "int4", nn.group = 64 : i64, pack = #nn.pack<n64>}

// -----
// expected-error @below {{(C6) int8 needs 'nn.group' of 32 or 128 values per scale}}
nn.param @packing_5 : tensor<4x4xf32> from [#nn.box<"w", offset = 0, type = f32, at = [0, 0], shape = [4, 4], strides = [4, 1]>] {nn.element = "int8", pack = #nn.pack<n64>}

// -----
// expected-error @below {{(C6) bf16 has no scales to group}}
nn.param @packing_6 : tensor<4x4xf32> from [#nn.box<"w", offset = 0, type = f32, at = [0, 0], shape = [4, 4], strides = [4, 1]>] {nn.element = "bf16", nn.group = 32 : i64, pack = #nn.pack<n64>}

// -----
// expected-error @below {{(C7) 'tensor<4xf32>' cannot be packed n64}}
nn.param @packing_7 : tensor<4xf32> from [#nn.box<"w", offset = 0, type = f32, at = [0], shape = [4], strides = [1]>] {pack = #nn.pack<n64>}
