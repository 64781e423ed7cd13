// A raised Qwen3-MoE of two layers: H=64, 4 heads, 2 KV heads, D=16, E=8, K=2, F=48, V=320.
// Tests replace MESH, LAYOUT and TABLE.
module attributes {plan.mesh = #plan.mesh<[MESH]>, plan.layout = #plan.layout<LAYOUT>, plan.table = [TABLE],
                   plan.limits = #plan.limits<max_batch_tokens = 256, max_seqs = 16, max_context = 512>} {
  nn.param @embed : tensor<320x64xf32> from [#nn.box<"w.data", offset = 0, type = f32, at = [0, 0], shape = [320, 64], strides = [64, 1]>]
  nn.param @layers.0.attn_norm : tensor<64xf32> from [#nn.box<"w.data", offset = 81920, type = f32, at = [0], shape = [64], strides = [1]>]
  nn.param @layers.0.q : tensor<64x64xf32> from [#nn.box<"w.data", offset = 82176, type = f32, at = [0, 0], shape = [64, 64], strides = [64, 1]>]
  nn.param @layers.0.k : tensor<32x64xf32> from [#nn.box<"w.data", offset = 98560, type = f32, at = [0, 0], shape = [32, 64], strides = [64, 1]>]
  nn.param @layers.0.v : tensor<32x64xf32> from [#nn.box<"w.data", offset = 106752, type = f32, at = [0, 0], shape = [32, 64], strides = [64, 1]>]
  nn.param @layers.0.q_norm : tensor<16xf32> from [#nn.box<"w.data", offset = 114944, type = f32, at = [0], shape = [16], strides = [1]>]
  nn.param @layers.0.k_norm : tensor<16xf32> from [#nn.box<"w.data", offset = 115008, type = f32, at = [0], shape = [16], strides = [1]>]
  nn.param @layers.0.o : tensor<64x64xf32> from [#nn.box<"w.data", offset = 115072, type = f32, at = [0, 0], shape = [64, 64], strides = [64, 1]>]
  nn.param @layers.0.moe_norm : tensor<64xf32> from [#nn.box<"w.data", offset = 131456, type = f32, at = [0], shape = [64], strides = [1]>]
  nn.param @layers.0.router : tensor<8x64xf32> from [#nn.box<"w.data", offset = 131712, type = f32, at = [0, 0], shape = [8, 64], strides = [64, 1]>]
  nn.param @layers.0.experts.gate : tensor<8x48x64xf32> from [#nn.box<"w.data", offset = 133760, type = f32, at = [0, 0, 0], shape = [8, 48, 64], strides = [3072, 64, 1]>]
  nn.param @layers.0.experts.up : tensor<8x48x64xf32> from [#nn.box<"w.data", offset = 232064, type = f32, at = [0, 0, 0], shape = [8, 48, 64], strides = [3072, 64, 1]>]
  nn.param @layers.0.experts.down : tensor<8x64x48xf32> from [#nn.box<"w.data", offset = 330368, type = f32, at = [0, 0, 0], shape = [8, 64, 48], strides = [3072, 48, 1]>]
  nn.param @layers.1.attn_norm : tensor<64xf32> from [#nn.box<"w.data", offset = 428672, type = f32, at = [0], shape = [64], strides = [1]>]
  nn.param @layers.1.q : tensor<64x64xf32> from [#nn.box<"w.data", offset = 428928, type = f32, at = [0, 0], shape = [64, 64], strides = [64, 1]>]
  nn.param @layers.1.k : tensor<32x64xf32> from [#nn.box<"w.data", offset = 445312, type = f32, at = [0, 0], shape = [32, 64], strides = [64, 1]>]
  nn.param @layers.1.v : tensor<32x64xf32> from [#nn.box<"w.data", offset = 453504, type = f32, at = [0, 0], shape = [32, 64], strides = [64, 1]>]
  nn.param @layers.1.q_norm : tensor<16xf32> from [#nn.box<"w.data", offset = 461696, type = f32, at = [0], shape = [16], strides = [1]>]
  nn.param @layers.1.k_norm : tensor<16xf32> from [#nn.box<"w.data", offset = 461760, type = f32, at = [0], shape = [16], strides = [1]>]
  nn.param @layers.1.o : tensor<64x64xf32> from [#nn.box<"w.data", offset = 461824, type = f32, at = [0, 0], shape = [64, 64], strides = [64, 1]>]
  nn.param @layers.1.moe_norm : tensor<64xf32> from [#nn.box<"w.data", offset = 478208, type = f32, at = [0], shape = [64], strides = [1]>]
  nn.param @layers.1.router : tensor<8x64xf32> from [#nn.box<"w.data", offset = 478464, type = f32, at = [0, 0], shape = [8, 64], strides = [64, 1]>]
  nn.param @layers.1.experts.gate : tensor<8x48x64xf32> from [#nn.box<"w.data", offset = 480512, type = f32, at = [0, 0, 0], shape = [8, 48, 64], strides = [3072, 64, 1]>]
  nn.param @layers.1.experts.up : tensor<8x48x64xf32> from [#nn.box<"w.data", offset = 578816, type = f32, at = [0, 0, 0], shape = [8, 48, 64], strides = [3072, 64, 1]>]
  nn.param @layers.1.experts.down : tensor<8x64x48xf32> from [#nn.box<"w.data", offset = 677120, type = f32, at = [0, 0, 0], shape = [8, 64, 48], strides = [3072, 48, 1]>]
  nn.param @final_norm : tensor<64xf32> from [#nn.box<"w.data", offset = 775424, type = f32, at = [0], shape = [64], strides = [1]>]
  nn.param @lm_head : tensor<320x64xf32> from [#nn.box<"w.data", offset = 775680, type = f32, at = [0, 0], shape = [320, 64], strides = [64, 1]>]
  func.func @step(%batch: !nn.batch) -> tensor<?x320xf32> {
    %embed = nn.param_ref @embed : tensor<320x64xf32>
    %tok = nn.tokens %batch : tensor<?xi32>
    %x0 = nn.embedding %tok, %embed : tensor<?xi32>, tensor<320x64xf32> -> tensor<?x64xf32>
    %w0_attn_norm = nn.param_ref @layers.0.attn_norm {nn.layer = 0 : i64} : tensor<64xf32>
    %w0_q = nn.param_ref @layers.0.q {nn.layer = 0 : i64} : tensor<64x64xf32>
    %w0_k = nn.param_ref @layers.0.k {nn.layer = 0 : i64} : tensor<32x64xf32>
    %w0_v = nn.param_ref @layers.0.v {nn.layer = 0 : i64} : tensor<32x64xf32>
    %w0_q_norm = nn.param_ref @layers.0.q_norm {nn.layer = 0 : i64} : tensor<16xf32>
    %w0_k_norm = nn.param_ref @layers.0.k_norm {nn.layer = 0 : i64} : tensor<16xf32>
    %w0_o = nn.param_ref @layers.0.o {nn.layer = 0 : i64} : tensor<64x64xf32>
    %w0_moe_norm = nn.param_ref @layers.0.moe_norm {nn.layer = 0 : i64} : tensor<64xf32>
    %w0_router = nn.param_ref @layers.0.router {nn.layer = 0 : i64} : tensor<8x64xf32>
    %w0_experts_gate = nn.param_ref @layers.0.experts.gate {nn.layer = 0 : i64} : tensor<8x48x64xf32>
    %w0_experts_up = nn.param_ref @layers.0.experts.up {nn.layer = 0 : i64} : tensor<8x48x64xf32>
    %w0_experts_down = nn.param_ref @layers.0.experts.down {nn.layer = 0 : i64} : tensor<8x64x48xf32>
    %h_0 = nn.rms_norm %x0, %w0_attn_norm eps 1.0e-6 {nn.layer = 0 : i64} : tensor<?x64xf32>, tensor<64xf32>
    %q_0 = nn.linear %h_0, %w0_q {nn.layer = 0 : i64} : tensor<?x64xf32>, tensor<64x64xf32> -> tensor<?x64xf32>
    %k_0 = nn.linear %h_0, %w0_k {nn.layer = 0 : i64} : tensor<?x64xf32>, tensor<32x64xf32> -> tensor<?x32xf32>
    %v_0 = nn.linear %h_0, %w0_v {nn.layer = 0 : i64} : tensor<?x64xf32>, tensor<32x64xf32> -> tensor<?x32xf32>
    %qn_0 = nn.rms_norm %q_0, %w0_q_norm eps 1.0e-6 {nn.layer = 0 : i64} : tensor<?x64xf32>, tensor<16xf32>
    %kn_0 = nn.rms_norm %k_0, %w0_k_norm eps 1.0e-6 {nn.layer = 0 : i64} : tensor<?x32xf32>, tensor<16xf32>
    %qr_0 = nn.rope %qn_0, %batch {head_dim = 16 : i64, inv_freq = array<f64: 1.0, 0.1>, scale = 1.0 : f64, nn.layer = 0 : i64} : tensor<?x64xf32>
    %kr_0 = nn.rope %kn_0, %batch {head_dim = 16 : i64, inv_freq = array<f64: 1.0, 0.1>, scale = 1.0 : f64, nn.layer = 0 : i64} : tensor<?x32xf32>
    %a_0 = nn.attention %qr_0, %kr_0, %v_0, %batch {cache = 0 : i64, head_dim = 16 : i64, heads = 4 : i64, kv_heads = 2 : i64, scale = 0.25 : f64, nn.layer = 0 : i64} : tensor<?x64xf32>, tensor<?x32xf32> -> tensor<?x64xf32>
    %o_0 = nn.linear %a_0, %w0_o {nn.layer = 0 : i64} : tensor<?x64xf32>, tensor<64x64xf32> -> tensor<?x64xf32>
    %x1_0 = arith.addf %x0, %o_0 {nn.layer = 0 : i64} : tensor<?x64xf32>
    %h2_0 = nn.rms_norm %x1_0, %w0_moe_norm eps 1.0e-6 {nn.layer = 0 : i64} : tensor<?x64xf32>, tensor<64xf32>
    %lg_0 = nn.linear %h2_0, %w0_router {nn.layer = 0 : i64} : tensor<?x64xf32>, tensor<8x64xf32> -> tensor<?x8xf32>
    %rw_0, %ri_0 = moe.route %lg_0 router <score = softmax, normalize = true, scale = 1.0 : f64> top_k 2 {nn.layer = 0 : i64} : tensor<?x8xf32> -> tensor<?x2xf32>, tensor<?x2xi32>
    %y_0 = moe.experts %h2_0, %rw_0, %ri_0 experts(%w0_experts_gate, %w0_experts_up, %w0_experts_down) swiglu {nn.layer = 0 : i64} : tensor<?x64xf32>, tensor<?x2xf32>, tensor<?x2xi32> experts(tensor<8x48x64xf32>, tensor<8x48x64xf32>, tensor<8x64x48xf32>) -> tensor<?x64xf32>
    %x2_0 = arith.addf %x1_0, %y_0 {nn.layer = 0 : i64} : tensor<?x64xf32>
    %w1_attn_norm = nn.param_ref @layers.1.attn_norm {nn.layer = 1 : i64} : tensor<64xf32>
    %w1_q = nn.param_ref @layers.1.q {nn.layer = 1 : i64} : tensor<64x64xf32>
    %w1_k = nn.param_ref @layers.1.k {nn.layer = 1 : i64} : tensor<32x64xf32>
    %w1_v = nn.param_ref @layers.1.v {nn.layer = 1 : i64} : tensor<32x64xf32>
    %w1_q_norm = nn.param_ref @layers.1.q_norm {nn.layer = 1 : i64} : tensor<16xf32>
    %w1_k_norm = nn.param_ref @layers.1.k_norm {nn.layer = 1 : i64} : tensor<16xf32>
    %w1_o = nn.param_ref @layers.1.o {nn.layer = 1 : i64} : tensor<64x64xf32>
    %w1_moe_norm = nn.param_ref @layers.1.moe_norm {nn.layer = 1 : i64} : tensor<64xf32>
    %w1_router = nn.param_ref @layers.1.router {nn.layer = 1 : i64} : tensor<8x64xf32>
    %w1_experts_gate = nn.param_ref @layers.1.experts.gate {nn.layer = 1 : i64} : tensor<8x48x64xf32>
    %w1_experts_up = nn.param_ref @layers.1.experts.up {nn.layer = 1 : i64} : tensor<8x48x64xf32>
    %w1_experts_down = nn.param_ref @layers.1.experts.down {nn.layer = 1 : i64} : tensor<8x64x48xf32>
    %h_1 = nn.rms_norm %x2_0, %w1_attn_norm eps 1.0e-6 {nn.layer = 1 : i64} : tensor<?x64xf32>, tensor<64xf32>
    %q_1 = nn.linear %h_1, %w1_q {nn.layer = 1 : i64} : tensor<?x64xf32>, tensor<64x64xf32> -> tensor<?x64xf32>
    %k_1 = nn.linear %h_1, %w1_k {nn.layer = 1 : i64} : tensor<?x64xf32>, tensor<32x64xf32> -> tensor<?x32xf32>
    %v_1 = nn.linear %h_1, %w1_v {nn.layer = 1 : i64} : tensor<?x64xf32>, tensor<32x64xf32> -> tensor<?x32xf32>
    %qn_1 = nn.rms_norm %q_1, %w1_q_norm eps 1.0e-6 {nn.layer = 1 : i64} : tensor<?x64xf32>, tensor<16xf32>
    %kn_1 = nn.rms_norm %k_1, %w1_k_norm eps 1.0e-6 {nn.layer = 1 : i64} : tensor<?x32xf32>, tensor<16xf32>
    %qr_1 = nn.rope %qn_1, %batch {head_dim = 16 : i64, inv_freq = array<f64: 1.0, 0.1>, scale = 1.0 : f64, nn.layer = 1 : i64} : tensor<?x64xf32>
    %kr_1 = nn.rope %kn_1, %batch {head_dim = 16 : i64, inv_freq = array<f64: 1.0, 0.1>, scale = 1.0 : f64, nn.layer = 1 : i64} : tensor<?x32xf32>
    %a_1 = nn.attention %qr_1, %kr_1, %v_1, %batch {cache = 1 : i64, head_dim = 16 : i64, heads = 4 : i64, kv_heads = 2 : i64, scale = 0.25 : f64, nn.layer = 1 : i64} : tensor<?x64xf32>, tensor<?x32xf32> -> tensor<?x64xf32>
    %o_1 = nn.linear %a_1, %w1_o {nn.layer = 1 : i64} : tensor<?x64xf32>, tensor<64x64xf32> -> tensor<?x64xf32>
    %x1_1 = arith.addf %x2_0, %o_1 {nn.layer = 1 : i64} : tensor<?x64xf32>
    %h2_1 = nn.rms_norm %x1_1, %w1_moe_norm eps 1.0e-6 {nn.layer = 1 : i64} : tensor<?x64xf32>, tensor<64xf32>
    %lg_1 = nn.linear %h2_1, %w1_router {nn.layer = 1 : i64} : tensor<?x64xf32>, tensor<8x64xf32> -> tensor<?x8xf32>
    %rw_1, %ri_1 = moe.route %lg_1 router <score = softmax, normalize = true, scale = 1.0 : f64> top_k 2 {nn.layer = 1 : i64} : tensor<?x8xf32> -> tensor<?x2xf32>, tensor<?x2xi32>
    %y_1 = moe.experts %h2_1, %rw_1, %ri_1 experts(%w1_experts_gate, %w1_experts_up, %w1_experts_down) swiglu {nn.layer = 1 : i64} : tensor<?x64xf32>, tensor<?x2xf32>, tensor<?x2xi32> experts(tensor<8x48x64xf32>, tensor<8x48x64xf32>, tensor<8x64x48xf32>) -> tensor<?x64xf32>
    %x2_1 = arith.addf %x1_1, %y_1 {nn.layer = 1 : i64} : tensor<?x64xf32>
    %wfn = nn.param_ref @final_norm : tensor<64xf32>
    %wlm = nn.param_ref @lm_head : tensor<320x64xf32>
    %xn = nn.rms_norm %x2_1, %wfn eps 1.0e-6 : tensor<?x64xf32>, tensor<64xf32>
    %s = nn.select_rows %xn, %batch : tensor<?x64xf32> -> tensor<?x64xf32>
    %logits = nn.linear %s, %wlm : tensor<?x64xf32>, tensor<320x64xf32> -> tensor<?x320xf32>
    return %logits : tensor<?x320xf32>
  }
}
