// One layer: H = 8, 2 heads of D = 4 on one key head, E = 3, K = 2, F = 6, V = 16, theta = 100.
// Tests of the raise phase run it as it is, and changed by one substitution.
module attributes {nn.source_folder = ".", onnx.ir_version = 10 : i64} {
  nn.param @tok : tensor<16x8xf32> from [#nn.box<"w.data", offset = 0, type = f32, at = [0, 0], shape = [16, 8], strides = [8, 1]>]
  nn.param @n1 : tensor<8xf32> from [#nn.box<"w.data", offset = 512, type = f32, at = [0], shape = [8], strides = [1]>]
  nn.param @wq : tensor<8x8xf32> from [#nn.box<"w.data", offset = 544, type = f32, at = [0, 0], shape = [8, 8], strides = [8, 1]>]
  nn.param @wk : tensor<8x4xf32> from [#nn.box<"w.data", offset = 800, type = f32, at = [0, 0], shape = [8, 4], strides = [4, 1]>]
  nn.param @wv : tensor<8x4xf32> from [#nn.box<"w.data", offset = 928, type = f32, at = [0, 0], shape = [8, 4], strides = [4, 1]>]
  nn.param @nq : tensor<4xf32> from [#nn.box<"w.data", offset = 1056, type = f32, at = [0], shape = [4], strides = [1]>]
  nn.param @nk : tensor<4xf32> from [#nn.box<"w.data", offset = 1072, type = f32, at = [0], shape = [4], strides = [1]>]
  nn.param @wo : tensor<8x8xf32> from [#nn.box<"w.data", offset = 1088, type = f32, at = [0, 0], shape = [8, 8], strides = [8, 1]>]
  nn.param @n2 : tensor<8xf32> from [#nn.box<"w.data", offset = 1344, type = f32, at = [0], shape = [8], strides = [1]>]
  nn.param @wr : tensor<8x3xf32> from [#nn.box<"w.data", offset = 1376, type = f32, at = [0, 0], shape = [8, 3], strides = [3, 1]>]
  nn.param @g0 : tensor<8x6xf32> from [#nn.box<"w.data", offset = 1472, type = f32, at = [0, 0], shape = [8, 6], strides = [6, 1]>]
  nn.param @u0 : tensor<8x6xf32> from [#nn.box<"w.data", offset = 1664, type = f32, at = [0, 0], shape = [8, 6], strides = [6, 1]>]
  nn.param @d0 : tensor<6x8xf32> from [#nn.box<"w.data", offset = 1856, type = f32, at = [0, 0], shape = [6, 8], strides = [8, 1]>]
  nn.param @g1 : tensor<8x6xf32> from [#nn.box<"w.data", offset = 2048, type = f32, at = [0, 0], shape = [8, 6], strides = [6, 1]>]
  nn.param @u1 : tensor<8x6xf32> from [#nn.box<"w.data", offset = 2240, type = f32, at = [0, 0], shape = [8, 6], strides = [6, 1]>]
  nn.param @d1 : tensor<6x8xf32> from [#nn.box<"w.data", offset = 2432, type = f32, at = [0, 0], shape = [6, 8], strides = [8, 1]>]
  nn.param @g2 : tensor<8x6xf32> from [#nn.box<"w.data", offset = 2624, type = f32, at = [0, 0], shape = [8, 6], strides = [6, 1]>]
  nn.param @u2 : tensor<8x6xf32> from [#nn.box<"w.data", offset = 2816, type = f32, at = [0, 0], shape = [8, 6], strides = [6, 1]>]
  nn.param @d2 : tensor<6x8xf32> from [#nn.box<"w.data", offset = 3008, type = f32, at = [0, 0], shape = [6, 8], strides = [8, 1]>]
  nn.param @n3 : tensor<8xf32> from [#nn.box<"w.data", offset = 3200, type = f32, at = [0], shape = [8], strides = [1]>]
  nn.param @head : tensor<8x16xf32> from [#nn.box<"w.data", offset = 3232, type = f32, at = [0, 0], shape = [8, 16], strides = [16, 1]>]
  func.func @main(%tokens: tensor<?x?xi64> {onnx.name = "ids", onnx.dims = ["B", "S"]}, %mask: tensor<?x?xi64> {onnx.name = "mask", onnx.dims = ["B", "P + S"]}, %positions: tensor<?x?xi64> {onnx.name = "pos", onnx.dims = ["B", "S"]},
                  %pk: tensor<?x1x?x4xf32> {onnx.name = "past.key"}, %pv: tensor<?x1x?x4xf32> {onnx.name = "past.value"})
      -> (tensor<?x?x16xf32> {onnx.name = "logits"}, tensor<?x1x?x4xf32> {onnx.name = "present.key"}, tensor<?x1x?x4xf32> {onnx.name = "present.value"}) {
    %none = onnx.NoValue : none
    %tok = nn.param_ref @tok : tensor<16x8xf32>
    %n1 = nn.param_ref @n1 : tensor<8xf32>
    %wq = nn.param_ref @wq : tensor<8x8xf32>
    %wk = nn.param_ref @wk : tensor<8x4xf32>
    %wv = nn.param_ref @wv : tensor<8x4xf32>
    %nq = nn.param_ref @nq : tensor<4xf32>
    %nk = nn.param_ref @nk : tensor<4xf32>
    %wo = nn.param_ref @wo : tensor<8x8xf32>
    %n2 = nn.param_ref @n2 : tensor<8xf32>
    %wr = nn.param_ref @wr : tensor<8x3xf32>
    %g0 = nn.param_ref @g0 : tensor<8x6xf32>
    %u0 = nn.param_ref @u0 : tensor<8x6xf32>
    %d0 = nn.param_ref @d0 : tensor<6x8xf32>
    %g1 = nn.param_ref @g1 : tensor<8x6xf32>
    %u1 = nn.param_ref @u1 : tensor<8x6xf32>
    %d1 = nn.param_ref @d1 : tensor<6x8xf32>
    %g2 = nn.param_ref @g2 : tensor<8x6xf32>
    %u2 = nn.param_ref @u2 : tensor<8x6xf32>
    %d2 = nn.param_ref @d2 : tensor<6x8xf32>
    %n3 = nn.param_ref @n3 : tensor<8xf32>
    %head = nn.param_ref @head : tensor<8x16xf32>
    %inv_freq = onnx.Constant() {value = dense<[1.0, 0.1]> : tensor<2xf32>} : () -> tensor<2xf32>
    %one = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
    %two = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
    %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
    %seen_axes = onnx.Constant() {value = dense<[1, 2]> : tensor<2xi64>} : () -> tensor<2xi64>
    %heads = onnx.Constant() {value = dense<[0, 0, -1, 4]> : tensor<4xi64>} : () -> tensor<4xi64>
    %rows = onnx.Constant() {value = dense<[0, 0, -1]> : tensor<3xi64>} : () -> tensor<3xi64>
    %k = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
    %e0 = onnx.Constant() {value = dense<0> : tensor<i64>} : () -> tensor<i64>
    %e1 = onnx.Constant() {value = dense<1> : tensor<i64>} : () -> tensor<i64>
    %e2 = onnx.Constant() {value = dense<2> : tensor<i64>} : () -> tensor<i64>
    %angle0 = onnx.Unsqueeze(%positions, %two) : (tensor<?x?xi64>, tensor<1xi64>) -> tensor<?x?x1xi64>
    %angle1 = onnx.Cast(%angle0) {to = f32} : (tensor<?x?x1xi64>) -> tensor<?x?x1xf32>
    %angle = onnx.Mul(%angle1, %inv_freq) : (tensor<?x?x1xf32>, tensor<2xf32>) -> tensor<?x?x2xf32>
    %cos = onnx.Cos(%angle) : (tensor<?x?x2xf32>) -> tensor<?x?x2xf32>
    %sin = onnx.Sin(%angle) : (tensor<?x?x2xf32>) -> tensor<?x?x2xf32>
    %seen0 = onnx.Cast(%mask) {to = i1} : (tensor<?x?xi64>) -> tensor<?x?xi1>
    %seen = onnx.Unsqueeze(%seen0, %seen_axes) : (tensor<?x?xi1>, tensor<2xi64>) -> tensor<?x1x?x?xi1>
    %x = onnx.Gather(%tok, %tokens) : (tensor<16x8xf32>, tensor<?x?xi64>) -> tensor<?x?x8xf32>
    %h = onnx.RMSNormalization(%x, %n1) {epsilon = 1.0e-6 : f32} : (tensor<?x?x8xf32>, tensor<8xf32>) -> tensor<?x?x8xf32>
    %q0 = onnx.MatMul(%h, %wq) : (tensor<?x?x8xf32>, tensor<8x8xf32>) -> tensor<?x?x8xf32>
    %k0 = onnx.MatMul(%h, %wk) : (tensor<?x?x8xf32>, tensor<8x4xf32>) -> tensor<?x?x4xf32>
    %v = onnx.MatMul(%h, %wv) : (tensor<?x?x8xf32>, tensor<8x4xf32>) -> tensor<?x?x4xf32>
    %q1 = onnx.Reshape(%q0, %heads) : (tensor<?x?x8xf32>, tensor<4xi64>) -> tensor<?x?x2x4xf32>
    %q2 = onnx.RMSNormalization(%q1, %nq) {epsilon = 1.0e-6 : f32} : (tensor<?x?x2x4xf32>, tensor<4xf32>) -> tensor<?x?x2x4xf32>
    %q3 = onnx.Reshape(%q2, %rows) : (tensor<?x?x2x4xf32>, tensor<3xi64>) -> tensor<?x?x8xf32>
    %k1 = onnx.RMSNormalization(%k0, %nk) {epsilon = 1.0e-6 : f32} : (tensor<?x?x4xf32>, tensor<4xf32>) -> tensor<?x?x4xf32>
    %q = onnx.RotaryEmbedding(%q3, %cos, %sin, %none) {num_heads = 2 : i64} : (tensor<?x?x8xf32>, tensor<?x?x2xf32>, tensor<?x?x2xf32>, none) -> tensor<?x?x8xf32>
    %kr = onnx.RotaryEmbedding(%k1, %cos, %sin, %none) {num_heads = 1 : i64} : (tensor<?x?x4xf32>, tensor<?x?x2xf32>, tensor<?x?x2xf32>, none) -> tensor<?x?x4xf32>
    %a, %k2, %v2, %qk = onnx.Attention(%q, %kr, %v, %seen, %pk, %pv, %none) {is_causal = 1 : i64, kv_num_heads = 1 : i64, q_num_heads = 2 : i64}
        : (tensor<?x?x8xf32>, tensor<?x?x4xf32>, tensor<?x?x4xf32>, tensor<?x1x?x?xi1>, tensor<?x1x?x4xf32>, tensor<?x1x?x4xf32>, none) -> (tensor<?x?x8xf32>, tensor<?x1x?x4xf32>, tensor<?x1x?x4xf32>, none)
    %o = onnx.MatMul(%a, %wo) : (tensor<?x?x8xf32>, tensor<8x8xf32>) -> tensor<?x?x8xf32>
    %x1 = onnx.Add(%x, %o) : (tensor<?x?x8xf32>, tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
    %h2 = onnx.RMSNormalization(%x1, %n2) {epsilon = 1.0e-6 : f32} : (tensor<?x?x8xf32>, tensor<8xf32>) -> tensor<?x?x8xf32>
    %r = onnx.MatMul(%h2, %wr) : (tensor<?x?x8xf32>, tensor<8x3xf32>) -> tensor<?x?x3xf32>
    %scores = onnx.Softmax(%r) : (tensor<?x?x3xf32>) -> tensor<?x?x3xf32>
    %w0, %ids = onnx.TopK(%scores, %k) : (tensor<?x?x3xf32>, tensor<1xi64>) -> (tensor<?x?x2xf32>, tensor<?x?x2xi64>)
    %wsum = onnx.ReduceSum(%w0, %last) : (tensor<?x?x2xf32>, tensor<1xi64>) -> tensor<?x?x1xf32>
    %w = onnx.Div(%w0, %wsum) : (tensor<?x?x2xf32>, tensor<?x?x1xf32>) -> tensor<?x?x2xf32>
    %g0x = onnx.MatMul(%h2, %g0) : (tensor<?x?x8xf32>, tensor<8x6xf32>) -> tensor<?x?x6xf32>
    %s0 = onnx.Sigmoid(%g0x) : (tensor<?x?x6xf32>) -> tensor<?x?x6xf32>
    %a0 = onnx.Mul(%g0x, %s0) : (tensor<?x?x6xf32>, tensor<?x?x6xf32>) -> tensor<?x?x6xf32>
    %u0x = onnx.MatMul(%h2, %u0) : (tensor<?x?x8xf32>, tensor<8x6xf32>) -> tensor<?x?x6xf32>
    %f0 = onnx.Mul(%a0, %u0x) : (tensor<?x?x6xf32>, tensor<?x?x6xf32>) -> tensor<?x?x6xf32>
    %d0x = onnx.MatMul(%f0, %d0) : (tensor<?x?x6xf32>, tensor<6x8xf32>) -> tensor<?x?x8xf32>
    %m0 = onnx.Equal(%ids, %e0) : (tensor<?x?x2xi64>, tensor<i64>) -> tensor<?x?x2xi1>
    %c0 = onnx.Cast(%m0) {to = f32} : (tensor<?x?x2xi1>) -> tensor<?x?x2xf32>
    %p0 = onnx.Mul(%w, %c0) : (tensor<?x?x2xf32>, tensor<?x?x2xf32>) -> tensor<?x?x2xf32>
    %weight0 = onnx.ReduceSum(%p0, %last) : (tensor<?x?x2xf32>, tensor<1xi64>) -> tensor<?x?x1xf32>
    %y0 = onnx.Mul(%d0x, %weight0) : (tensor<?x?x8xf32>, tensor<?x?x1xf32>) -> tensor<?x?x8xf32>
    %g1x = onnx.MatMul(%h2, %g1) : (tensor<?x?x8xf32>, tensor<8x6xf32>) -> tensor<?x?x6xf32>
    %s1 = onnx.Sigmoid(%g1x) : (tensor<?x?x6xf32>) -> tensor<?x?x6xf32>
    %a1 = onnx.Mul(%g1x, %s1) : (tensor<?x?x6xf32>, tensor<?x?x6xf32>) -> tensor<?x?x6xf32>
    %u1x = onnx.MatMul(%h2, %u1) : (tensor<?x?x8xf32>, tensor<8x6xf32>) -> tensor<?x?x6xf32>
    %f1 = onnx.Mul(%a1, %u1x) : (tensor<?x?x6xf32>, tensor<?x?x6xf32>) -> tensor<?x?x6xf32>
    %d1x = onnx.MatMul(%f1, %d1) : (tensor<?x?x6xf32>, tensor<6x8xf32>) -> tensor<?x?x8xf32>
    %m1 = onnx.Equal(%ids, %e1) : (tensor<?x?x2xi64>, tensor<i64>) -> tensor<?x?x2xi1>
    %c1 = onnx.Cast(%m1) {to = f32} : (tensor<?x?x2xi1>) -> tensor<?x?x2xf32>
    %p1 = onnx.Mul(%w, %c1) : (tensor<?x?x2xf32>, tensor<?x?x2xf32>) -> tensor<?x?x2xf32>
    %weight1 = onnx.ReduceSum(%p1, %last) : (tensor<?x?x2xf32>, tensor<1xi64>) -> tensor<?x?x1xf32>
    %y1 = onnx.Mul(%d1x, %weight1) : (tensor<?x?x8xf32>, tensor<?x?x1xf32>) -> tensor<?x?x8xf32>
    %g2x = onnx.MatMul(%h2, %g2) : (tensor<?x?x8xf32>, tensor<8x6xf32>) -> tensor<?x?x6xf32>
    %s2 = onnx.Sigmoid(%g2x) : (tensor<?x?x6xf32>) -> tensor<?x?x6xf32>
    %a2 = onnx.Mul(%g2x, %s2) : (tensor<?x?x6xf32>, tensor<?x?x6xf32>) -> tensor<?x?x6xf32>
    %u2x = onnx.MatMul(%h2, %u2) : (tensor<?x?x8xf32>, tensor<8x6xf32>) -> tensor<?x?x6xf32>
    %f2 = onnx.Mul(%a2, %u2x) : (tensor<?x?x6xf32>, tensor<?x?x6xf32>) -> tensor<?x?x6xf32>
    %d2x = onnx.MatMul(%f2, %d2) : (tensor<?x?x6xf32>, tensor<6x8xf32>) -> tensor<?x?x8xf32>
    %m2 = onnx.Equal(%ids, %e2) : (tensor<?x?x2xi64>, tensor<i64>) -> tensor<?x?x2xi1>
    %c2 = onnx.Cast(%m2) {to = f32} : (tensor<?x?x2xi1>) -> tensor<?x?x2xf32>
    %p2 = onnx.Mul(%w, %c2) : (tensor<?x?x2xf32>, tensor<?x?x2xf32>) -> tensor<?x?x2xf32>
    %weight2 = onnx.ReduceSum(%p2, %last) : (tensor<?x?x2xf32>, tensor<1xi64>) -> tensor<?x?x1xf32>
    %y2 = onnx.Mul(%d2x, %weight2) : (tensor<?x?x8xf32>, tensor<?x?x1xf32>) -> tensor<?x?x8xf32>
    %y01 = onnx.Add(%y0, %y1) : (tensor<?x?x8xf32>, tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
    %y = onnx.Add(%y01, %y2) : (tensor<?x?x8xf32>, tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
    %x2 = onnx.Add(%x1, %y) : (tensor<?x?x8xf32>, tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
    %xn = onnx.RMSNormalization(%x2, %n3) {epsilon = 1.0e-6 : f32} : (tensor<?x?x8xf32>, tensor<8xf32>) -> tensor<?x?x8xf32>
    %logits = onnx.MatMul(%xn, %head) : (tensor<?x?x8xf32>, tensor<8x16xf32>) -> tensor<?x?x16xf32>
    return %logits, %k2, %v2 : tensor<?x?x16xf32>, tensor<?x1x?x4xf32>, tensor<?x1x?x4xf32>
  }
}
