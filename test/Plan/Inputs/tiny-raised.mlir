// A Qwen3-MoE of toy size in raised form, without files behind its parameters.
module {
  nn.param @embed : tensor<320x64xf32> from [#nn.box<"none.data", offset = 0, type = f32, at = [0, 0], shape = [320, 64], strides = [64, 1]>]
  nn.param @layers.0.attn_norm : tensor<64xf32> from [#nn.box<"none.data", offset = 0, type = f32, at = [0], shape = [64], strides = [1]>]
  nn.param @layers.0.q : tensor<64x64xf32> from [#nn.box<"none.data", offset = 0, type = f32, at = [0, 0], shape = [64, 64], strides = [64, 1]>]
  nn.param @layers.0.k : tensor<32x64xf32> from [#nn.box<"none.data", offset = 0, type = f32, at = [0, 0], shape = [32, 64], strides = [64, 1]>]
  nn.param @layers.0.v : tensor<32x64xf32> from [#nn.box<"none.data", offset = 0, type = f32, at = [0, 0], shape = [32, 64], strides = [64, 1]>]
  nn.param @layers.0.q_norm : tensor<16xf32> from [#nn.box<"none.data", offset = 0, type = f32, at = [0], shape = [16], strides = [1]>]
  nn.param @layers.0.k_norm : tensor<16xf32> from [#nn.box<"none.data", offset = 0, type = f32, at = [0], shape = [16], strides = [1]>]
  nn.param @layers.0.o : tensor<64x64xf32> from [#nn.box<"none.data", offset = 0, type = f32, at = [0, 0], shape = [64, 64], strides = [64, 1]>]
  nn.param @layers.0.moe_norm : tensor<64xf32> from [#nn.box<"none.data", offset = 0, type = f32, at = [0], shape = [64], strides = [1]>]
  nn.param @layers.0.router : tensor<8x64xf32> from [#nn.box<"none.data", offset = 0, type = f32, at = [0, 0], shape = [8, 64], strides = [64, 1]>]
  nn.param @layers.0.experts.gate : tensor<8x32x64xf32> from [#nn.box<"none.data", offset = 0, type = f32, at = [0, 0, 0], shape = [8, 32, 64], strides = [2048, 64, 1]>]
  nn.param @layers.0.experts.up : tensor<8x32x64xf32> from [#nn.box<"none.data", offset = 0, type = f32, at = [0, 0, 0], shape = [8, 32, 64], strides = [2048, 64, 1]>]
  nn.param @layers.0.experts.down : tensor<8x64x32xf32> from [#nn.box<"none.data", offset = 0, type = f32, at = [0, 0, 0], shape = [8, 64, 32], strides = [2048, 32, 1]>]
  nn.param @layers.1.attn_norm : tensor<64xf32> from [#nn.box<"none.data", offset = 0, type = f32, at = [0], shape = [64], strides = [1]>]
  nn.param @layers.1.q : tensor<64x64xf32> from [#nn.box<"none.data", offset = 0, type = f32, at = [0, 0], shape = [64, 64], strides = [64, 1]>]
  nn.param @layers.1.k : tensor<32x64xf32> from [#nn.box<"none.data", offset = 0, type = f32, at = [0, 0], shape = [32, 64], strides = [64, 1]>]
  nn.param @layers.1.v : tensor<32x64xf32> from [#nn.box<"none.data", offset = 0, type = f32, at = [0, 0], shape = [32, 64], strides = [64, 1]>]
  nn.param @layers.1.q_norm : tensor<16xf32> from [#nn.box<"none.data", offset = 0, type = f32, at = [0], shape = [16], strides = [1]>]
  nn.param @layers.1.k_norm : tensor<16xf32> from [#nn.box<"none.data", offset = 0, type = f32, at = [0], shape = [16], strides = [1]>]
  nn.param @layers.1.o : tensor<64x64xf32> from [#nn.box<"none.data", offset = 0, type = f32, at = [0, 0], shape = [64, 64], strides = [64, 1]>]
  nn.param @layers.1.moe_norm : tensor<64xf32> from [#nn.box<"none.data", offset = 0, type = f32, at = [0], shape = [64], strides = [1]>]
  nn.param @layers.1.router : tensor<8x64xf32> from [#nn.box<"none.data", offset = 0, type = f32, at = [0, 0], shape = [8, 64], strides = [64, 1]>]
  nn.param @layers.1.experts.gate : tensor<8x32x64xf32> from [#nn.box<"none.data", offset = 0, type = f32, at = [0, 0, 0], shape = [8, 32, 64], strides = [2048, 64, 1]>]
  nn.param @layers.1.experts.up : tensor<8x32x64xf32> from [#nn.box<"none.data", offset = 0, type = f32, at = [0, 0, 0], shape = [8, 32, 64], strides = [2048, 64, 1]>]
  nn.param @layers.1.experts.down : tensor<8x64x32xf32> from [#nn.box<"none.data", offset = 0, type = f32, at = [0, 0, 0], shape = [8, 64, 32], strides = [2048, 32, 1]>]
  nn.param @final_norm : tensor<64xf32> from [#nn.box<"none.data", offset = 0, type = f32, at = [0], shape = [64], strides = [1]>]
  nn.param @lm_head : tensor<320x64xf32> from [#nn.box<"none.data", offset = 0, type = f32, at = [0, 0], shape = [320, 64], strides = [64, 1]>]
  func.func @step(%batch: !nn.batch) -> tensor<?x320xf32> {
    %tok = nn.tokens %batch : tensor<?xi32>
    %embed = nn.param_ref @embed : tensor<320x64xf32>
    %x0 = nn.embedding %tok, %embed : tensor<?xi32>, tensor<320x64xf32> -> tensor<?x64xf32>
    %l0_attn_norm = nn.param_ref @layers.0.attn_norm {nn.layer = 0 : i64} : tensor<64xf32>
    %l0_h = nn.rms_norm %x0, %l0_attn_norm eps 1.000000e-06 {nn.layer = 0 : i64} : tensor<?x64xf32>, tensor<64xf32>
    %l0_q = nn.param_ref @layers.0.q {nn.layer = 0 : i64} : tensor<64x64xf32>
    %l0_qp = nn.linear %l0_h, %l0_q {nn.layer = 0 : i64} : tensor<?x64xf32>, tensor<64x64xf32> -> tensor<?x64xf32>
    %l0_k = nn.param_ref @layers.0.k {nn.layer = 0 : i64} : tensor<32x64xf32>
    %l0_kp = nn.linear %l0_h, %l0_k {nn.layer = 0 : i64} : tensor<?x64xf32>, tensor<32x64xf32> -> tensor<?x32xf32>
    %l0_v = nn.param_ref @layers.0.v {nn.layer = 0 : i64} : tensor<32x64xf32>
    %l0_vp = nn.linear %l0_h, %l0_v {nn.layer = 0 : i64} : tensor<?x64xf32>, tensor<32x64xf32> -> tensor<?x32xf32>
    %l0_q_norm = nn.param_ref @layers.0.q_norm {nn.layer = 0 : i64} : tensor<16xf32>
    %l0_qn = nn.rms_norm %l0_qp, %l0_q_norm eps 1.000000e-06 {nn.layer = 0 : i64} : tensor<?x64xf32>, tensor<16xf32>
    %l0_qr = nn.rope %l0_qn, %batch {head_dim = 16 : i64, inv_freq = array<f64: 1.0, 0.1>, nn.layer = 0 : i64, scale = 1.0 : f64} : tensor<?x64xf32>
    %l0_k_norm = nn.param_ref @layers.0.k_norm {nn.layer = 0 : i64} : tensor<16xf32>
    %l0_kn = nn.rms_norm %l0_kp, %l0_k_norm eps 1.000000e-06 {nn.layer = 0 : i64} : tensor<?x32xf32>, tensor<16xf32>
    %l0_kr = nn.rope %l0_kn, %batch {head_dim = 16 : i64, inv_freq = array<f64: 1.0, 0.1>, nn.layer = 0 : i64, scale = 1.0 : f64} : tensor<?x32xf32>
    %l0_a = nn.attention %l0_qr, %l0_kr, %l0_vp, %batch {cache = 0 : i64, head_dim = 16 : i64, heads = 4 : i64, kv_heads = 2 : i64, nn.layer = 0 : i64, scale = 2.5e-01 : f64} : tensor<?x64xf32>, tensor<?x32xf32> -> tensor<?x64xf32>
    %l0_o = nn.param_ref @layers.0.o {nn.layer = 0 : i64} : tensor<64x64xf32>
    %l0_op = nn.linear %l0_a, %l0_o {nn.layer = 0 : i64} : tensor<?x64xf32>, tensor<64x64xf32> -> tensor<?x64xf32>
    %l0_x1 = arith.addf %x0, %l0_op {nn.layer = 0 : i64} : tensor<?x64xf32>
    %l0_moe_norm = nn.param_ref @layers.0.moe_norm {nn.layer = 0 : i64} : tensor<64xf32>
    %l0_h2 = nn.rms_norm %l0_x1, %l0_moe_norm eps 1.000000e-06 {nn.layer = 0 : i64} : tensor<?x64xf32>, tensor<64xf32>
    %l0_router = nn.param_ref @layers.0.router {nn.layer = 0 : i64} : tensor<8x64xf32>
    %l0_lg = nn.linear %l0_h2, %l0_router {nn.layer = 0 : i64} : tensor<?x64xf32>, tensor<8x64xf32> -> tensor<?x8xf32>
    %l0_w, %l0_ids = moe.route %l0_lg router <score = softmax, normalize = true, scale = 1.0 : f64> top_k 2 {nn.layer = 0 : i64} : tensor<?x8xf32> -> tensor<?x2xf32>, tensor<?x2xi32>
    %l0_experts_gate = nn.param_ref @layers.0.experts.gate {nn.layer = 0 : i64} : tensor<8x32x64xf32>
    %l0_experts_up = nn.param_ref @layers.0.experts.up {nn.layer = 0 : i64} : tensor<8x32x64xf32>
    %l0_experts_down = nn.param_ref @layers.0.experts.down {nn.layer = 0 : i64} : tensor<8x64x32xf32>
    %l0_y = moe.experts %l0_h2, %l0_w, %l0_ids experts(%l0_experts_gate, %l0_experts_up, %l0_experts_down) swiglu {nn.layer = 0 : i64} : tensor<?x64xf32>, tensor<?x2xf32>, tensor<?x2xi32> experts(tensor<8x32x64xf32>, tensor<8x32x64xf32>, tensor<8x64x32xf32>) -> tensor<?x64xf32>
    %l0_x2 = arith.addf %l0_x1, %l0_y {nn.layer = 0 : i64} : tensor<?x64xf32>
    %l1_attn_norm = nn.param_ref @layers.1.attn_norm {nn.layer = 1 : i64} : tensor<64xf32>
    %l1_h = nn.rms_norm %l0_x2, %l1_attn_norm eps 1.000000e-06 {nn.layer = 1 : i64} : tensor<?x64xf32>, tensor<64xf32>
    %l1_q = nn.param_ref @layers.1.q {nn.layer = 1 : i64} : tensor<64x64xf32>
    %l1_qp = nn.linear %l1_h, %l1_q {nn.layer = 1 : i64} : tensor<?x64xf32>, tensor<64x64xf32> -> tensor<?x64xf32>
    %l1_k = nn.param_ref @layers.1.k {nn.layer = 1 : i64} : tensor<32x64xf32>
    %l1_kp = nn.linear %l1_h, %l1_k {nn.layer = 1 : i64} : tensor<?x64xf32>, tensor<32x64xf32> -> tensor<?x32xf32>
    %l1_v = nn.param_ref @layers.1.v {nn.layer = 1 : i64} : tensor<32x64xf32>
    %l1_vp = nn.linear %l1_h, %l1_v {nn.layer = 1 : i64} : tensor<?x64xf32>, tensor<32x64xf32> -> tensor<?x32xf32>
    %l1_q_norm = nn.param_ref @layers.1.q_norm {nn.layer = 1 : i64} : tensor<16xf32>
    %l1_qn = nn.rms_norm %l1_qp, %l1_q_norm eps 1.000000e-06 {nn.layer = 1 : i64} : tensor<?x64xf32>, tensor<16xf32>
    %l1_qr = nn.rope %l1_qn, %batch {head_dim = 16 : i64, inv_freq = array<f64: 1.0, 0.1>, nn.layer = 1 : i64, scale = 1.0 : f64} : tensor<?x64xf32>
    %l1_k_norm = nn.param_ref @layers.1.k_norm {nn.layer = 1 : i64} : tensor<16xf32>
    %l1_kn = nn.rms_norm %l1_kp, %l1_k_norm eps 1.000000e-06 {nn.layer = 1 : i64} : tensor<?x32xf32>, tensor<16xf32>
    %l1_kr = nn.rope %l1_kn, %batch {head_dim = 16 : i64, inv_freq = array<f64: 1.0, 0.1>, nn.layer = 1 : i64, scale = 1.0 : f64} : tensor<?x32xf32>
    %l1_a = nn.attention %l1_qr, %l1_kr, %l1_vp, %batch {cache = 1 : i64, head_dim = 16 : i64, heads = 4 : i64, kv_heads = 2 : i64, nn.layer = 1 : i64, scale = 2.5e-01 : f64} : tensor<?x64xf32>, tensor<?x32xf32> -> tensor<?x64xf32>
    %l1_o = nn.param_ref @layers.1.o {nn.layer = 1 : i64} : tensor<64x64xf32>
    %l1_op = nn.linear %l1_a, %l1_o {nn.layer = 1 : i64} : tensor<?x64xf32>, tensor<64x64xf32> -> tensor<?x64xf32>
    %l1_x1 = arith.addf %l0_x2, %l1_op {nn.layer = 1 : i64} : tensor<?x64xf32>
    %l1_moe_norm = nn.param_ref @layers.1.moe_norm {nn.layer = 1 : i64} : tensor<64xf32>
    %l1_h2 = nn.rms_norm %l1_x1, %l1_moe_norm eps 1.000000e-06 {nn.layer = 1 : i64} : tensor<?x64xf32>, tensor<64xf32>
    %l1_router = nn.param_ref @layers.1.router {nn.layer = 1 : i64} : tensor<8x64xf32>
    %l1_lg = nn.linear %l1_h2, %l1_router {nn.layer = 1 : i64} : tensor<?x64xf32>, tensor<8x64xf32> -> tensor<?x8xf32>
    %l1_w, %l1_ids = moe.route %l1_lg router <score = softmax, normalize = true, scale = 1.0 : f64> top_k 2 {nn.layer = 1 : i64} : tensor<?x8xf32> -> tensor<?x2xf32>, tensor<?x2xi32>
    %l1_experts_gate = nn.param_ref @layers.1.experts.gate {nn.layer = 1 : i64} : tensor<8x32x64xf32>
    %l1_experts_up = nn.param_ref @layers.1.experts.up {nn.layer = 1 : i64} : tensor<8x32x64xf32>
    %l1_experts_down = nn.param_ref @layers.1.experts.down {nn.layer = 1 : i64} : tensor<8x64x32xf32>
    %l1_y = moe.experts %l1_h2, %l1_w, %l1_ids experts(%l1_experts_gate, %l1_experts_up, %l1_experts_down) swiglu {nn.layer = 1 : i64} : tensor<?x64xf32>, tensor<?x2xf32>, tensor<?x2xi32> experts(tensor<8x32x64xf32>, tensor<8x32x64xf32>, tensor<8x64x32xf32>) -> tensor<?x64xf32>
    %l1_x2 = arith.addf %l1_x1, %l1_y {nn.layer = 1 : i64} : tensor<?x64xf32>
    %final_norm = nn.param_ref @final_norm : tensor<64xf32>
    %xn = nn.rms_norm %l1_x2, %final_norm eps 1.000000e-06 : tensor<?x64xf32>, tensor<64xf32>
    %s = nn.select_rows %xn, %batch : tensor<?x64xf32> -> tensor<?x64xf32>
    %lm_head = nn.param_ref @lm_head : tensor<320x64xf32>
    %logits = nn.linear %s, %lm_head : tensor<?x64xf32>, tensor<320x64xf32> -> tensor<?x320xf32>
    return %logits : tensor<?x320xf32>
  }
}
