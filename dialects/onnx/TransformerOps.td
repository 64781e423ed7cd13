//===- TransformerOps.td - matrix products and the operators of transformer layers -----------===//

#ifndef MIXSERVE_ONNX_TRANSFORMER_OPS_TD
#define MIXSERVE_ONNX_TRANSFORMER_OPS_TD

include "mlir/IR/BuiltinAttributes.td"
include "dialects/onnx/OnnxBase.td"

// Lifespan of all ops of this file: made by import, removed by raise.
// B batch, S tokens of a sequence, L tokens of the keys, N heads, D head size, H = N * D.

def Onnx_MatMulOp : Onnx_Op<"MatMul"> {
  let summary = "Matrix product over the last two axes, numpy's matmul";
  let description = [{
    [.., M, K] x [.., K, N] -> [.., M, N]; leading axes broadcast; a 1-D operand gets an axis that the result loses.
    - (C1) the result has that shape and the operands' element type.
    - (C2) one element type, a number; at least one axis each.
    - (C3) both K agree.

    Since: 1.
    Example: `%y = onnx.MatMul(%x, %w) : (tensor<?x?x64xf32>, tensor<64x48xf32>) -> tensor<?x?x48xf32>`
  }];
  let arguments = (ins AnyTensor:$A, AnyTensor:$B);
  let results = (outs AnyTensor:$Y);
}

def Onnx_GemmOp : Onnx_Op<"Gemm"> {
  let summary = "alpha * A' * B' + beta * C, where ' transposes if transA, transB = 1";
  let description = [{
    - (C1) the result is [M, N] with the operands' element type.
    - (C2) A' is [M, K], B' is [K, N], C broadcasts to [M, N]; one element type.

    Since: 7; C optional: 11.
    Example: `%y = onnx.Gemm(%x, %w, %none) {transB = 1 : i64} : (tensor<?x64xf32>, tensor<8x64xf32>, none) -> tensor<?x8xf32>`
  }];
  let arguments = (ins AnyTensor:$A, AnyTensor:$B, Onnx_OptTensor:$C, DefaultValuedAttr<F32Attr, "1.0f">:$alpha,
                       DefaultValuedAttr<F32Attr, "1.0f">:$beta, DefaultValuedAttr<I64Attr, "0">:$transA,
                       DefaultValuedAttr<I64Attr, "0">:$transB);
  let results = (outs AnyTensor:$Y);
}

def Onnx_RMSNormalizationOp : Onnx_Op<"RMSNormalization"> {
  let summary = "X / sqrt(mean(X * X) + epsilon) * scale";
  let description = [{
    The mean is over the axes [axis, r), together. `stash_type` is the ONNX dtype of the inner computation (1 = f32).
    - (C1) the result has X's shape and scale's element type.
    - (C2) `axis` is in [-r, r).
    - (C3) `scale` broadcasts to X's shape.

    Since: 23.
    Example: `%y = onnx.RMSNormalization(%x, %w) {epsilon = 1.0e-6 : f32} : (tensor<?x?x64xf32>, tensor<64xf32>) -> tensor<?x?x64xf32>`
  }];
  let arguments = (ins AnyTensor:$X, AnyTensor:$scale, DefaultValuedAttr<I64Attr, "-1">:$axis,
                       DefaultValuedAttr<F32Attr, "1.0e-5f">:$epsilon, DefaultValuedAttr<I64Attr, "1">:$stash_type);
  let results = (outs AnyTensor:$Y);
}

def Onnx_RotaryEmbeddingOp : Onnx_Op<"RotaryEmbedding"> {
  let summary = "Rotates pairs of elements of every head by an angle of the token's position";
  let description = [{
    X is [B, N, S, D], or [B, S, N * D] with `num_heads` = N. R = `rotary_embedding_dim`, or D if that is 0; only the
    first R elements of a head are rotated. Pairs are (i, i + R/2), or (2i, 2i + 1) if `interleaved` = 1:
    (a, b) -> (a cos - b sin, a sin + b cos). With `position_ids` [B, S] the caches are [positions, R/2] and are gathered;
    without, they are [B, S, R/2].
    - (C1) the result has X's type.
    - (C2) X has 3 or 4 axes; `num_heads` > 0 if it has 3.
    - (C3) both caches have one type, with 2 axes if `position_ids` is there, else 3; their last size is R/2.

    Since: 23.
    Example: `%y = onnx.RotaryEmbedding(%x, %cos, %sin, %none) {num_heads = 4 : i64} : (tensor<?x?x64xf32>, tensor<?x?x8xf32>, tensor<?x?x8xf32>, none) -> tensor<?x?x64xf32>`
  }];
  let arguments = (ins AnyTensor:$X, AnyTensor:$cos_cache, AnyTensor:$sin_cache, Onnx_OptTensor:$position_ids,
                       DefaultValuedAttr<I64Attr, "0">:$interleaved, DefaultValuedAttr<I64Attr, "0">:$num_heads,
                       DefaultValuedAttr<I64Attr, "0">:$rotary_embedding_dim);
  let results = (outs AnyTensor:$Y);
}

def Onnx_AttentionOp : Onnx_Op<"Attention"> {
  let summary = "Scaled dot product attention with grouped heads, mask and cache";
  let description = [{
    Q [B, N, S, D] or [B, S, N * D]; K [B, G, L, D] or [B, L, G * D]; V likewise with its own head size Dv; N is a
    multiple of G, query head n reads key head n / (N / G). past_key [B, G, P, D] and past_value [B, G, P, Dv] come
    before K and V; present_key and present_value are the joined ones. With T = P + L keys:
    Y = softmax(softcap(scale * Q K^T) + attn_mask + causal) V. `attn_mask` broadcasts to [B, N, S, T] (i1: false is
    -inf; a last size below T is padded with -inf). `is_causal` = 1: query i sees keys up to i + (T - S) where a past is
    given, else up to i. `nonpad_kv_seqlen` [B]: how many keys of a row are valid. `scale` defaults to 1 / sqrt(D).
    `softcap` > 0: softcap * tanh(x / softcap). `qk_matmul_output_mode` selects what qk_matmul_output holds: 0 the
    scaled product, 1 after softcap, 2 with masks, 3 after softmax. A query that sees no key gives zeros.
    - (C1) Y has Q's form with head size Dv; present_key and present_value are [B, G, T, D] and [B, G, T, Dv].
    - (C2) Q, K, V have 4 axes each, or 3 each together with `q_num_heads` and `kv_num_heads` > 0.
    - (C3) past_key and past_value are both there or both missing.
    - (C4) `q_num_heads` is a multiple of `kv_num_heads`.

    Since: 23; `nonpad_kv_seqlen`: 24; window sizes (25) must be -1.
    Example: `%y, %k1, %v1, %qk = onnx.Attention(%q, %k, %v, %mask, %pk, %pv, %none) {is_causal = 1 : i64, kv_num_heads = 2 : i64, q_num_heads = 4 : i64} : (...) -> (tensor<?x?x64xf32>, tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>, none)`
  }];
  let arguments = (ins AnyTensor:$Q, AnyTensor:$K, AnyTensor:$V, Onnx_OptTensor:$attn_mask, Onnx_OptTensor:$past_key,
                       Onnx_OptTensor:$past_value, Onnx_OptTensor:$nonpad_kv_seqlen,
                       DefaultValuedAttr<I64Attr, "0">:$is_causal, OptionalAttr<I64Attr>:$kv_num_heads,
                       OptionalAttr<I64Attr>:$q_num_heads, DefaultValuedAttr<I64Attr, "0">:$qk_matmul_output_mode,
                       OptionalAttr<F32Attr>:$scale, DefaultValuedAttr<F32Attr, "0.0f">:$softcap,
                       OptionalAttr<I64Attr>:$softmax_precision);
  let results = (outs AnyTensor:$Y, Onnx_OptTensor:$present_key, Onnx_OptTensor:$present_value,
                      Onnx_OptTensor:$qk_matmul_output);
}

#endif // MIXSERVE_ONNX_TRANSFORMER_OPS_TD
