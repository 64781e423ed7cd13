//===- LatentAttention.h - Attention over a compressed cache (MLA) ------------------*- C++ -*-===//
//
// The cache holds, per position, one latent vector c [L] for all heads and one rotated key r [R]. A
// head's own key and value are W_uk c [D] and W_uv c [V]. A row is computed in one of two forms:
//
//   absorbed   q_latent = W_uk^T q_nope, since q_nope . (W_uk c) = q_latent . c: all heads read the
//              same rows (c, r), and the weighted sum of c goes through W_uv. Nothing is made of
//              the cache, so it is the form of a row that comes alone (decode).
//   expanded   keys (W_uk c, r) and values W_uv c of each head are made, a span of positions at a
//              time, for all rows of a sequence that the step computes; fewer operations for many
//              rows.
//
// Operations of a row and a position it sees, per head: 2 (2 L + R) and 2 (D + R + V); besides,
// 2 L (D + V) of a row (absorbed) and of a position of every step's context (expanded). A prompt of
// n rows in k steps makes (k + 1) / 2 n positions, so expanded is less work if
//
//   (k - 1) L (D + V) <= n (2 L - D - V)
//
// DeepSeek's L = 512, D = V = 128: where a step takes 171 rows of a prompt or all of it. Both forms
// round differently. So that a row's bits do not depend on how its prompt was cut and what shared
// its steps, k follows from the length of the prompt and the artifact's step size, and rows behind
// the prompt are absorbed.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_RUNTIME_KERNELS_CPU_LATENTATTENTION_H
#define MIXSERVE_RUNTIME_KERNELS_CPU_LATENTATTENTION_H

#include "core/Status.h"
#include "kernels/cpu/Attention.h"
#include "kernels/cpu/Engine.h"
#include "kernels/cpu/Workspace.h"

namespace mxs::cpu {

/// Sizes of a latent layer, of one rank.
struct LatentShape {
  int64_t heads = 1;                 ///< A
  int64_t latentDim = 0;             ///< L, a multiple of kLatentStep
  int64_t ropeDim = 0;               ///< R, likewise
  int64_t nopeDim = 0, valueDim = 0; ///< D of q_nope, V of the result
};

/// out [rows, A, V]: row i of a sequence attends to positions 0 .. position + i of it, with scores
/// scale * (q_nope . W_uk c + q_rope . r) and values W_uv c.
struct LatentCall {
  LatentShape shape;
  CacheType type = CacheType::F32;
  int64_t capacity = 0; ///< positions of a slot, a multiple of kKeyBlock
  int64_t stepRows = 0; ///< most rows of a step, whatever this step has; 0: nothing is expanded
  float scale = 1;
  const AttentionSequence *sequences = nullptr;
  int64_t count = 0;
  const float *qNope = nullptr;      ///< [rows, A, D]
  const float *qRope = nullptr;      ///< [rows, A, R]
  const float *latent = nullptr;     ///< [rows, L]: stored in the cache first
  const float *rope = nullptr;       ///< [rows, R]: likewise
  const mxs_weight_t *wUk = nullptr; ///< [A * L, D]: output (a, l) is W_uk of head a, [., l]
  const mxs_weight_t *wUv = nullptr; ///< [A * V, L]
  float *out = nullptr;
};

/// Whether a prompt of `prompt` rows is expanded where a step has at most `stepRows` rows.
bool expandsPrompt(const LatentShape &shape, int64_t prompt, int64_t stepRows);

/// Bytes of workspace that a call of at most `rows` rows on `threads` threads needs.
int64_t latentAttentionBytes(const LatentShape &shape, int64_t rows, int threads);

/// `attention` is bound to at least valueDim = L. MXS_INTERNAL: the weights do not fit the shape,
/// or are neither float32 nor bfloat16. Their products read float32 rows.
Status latentAttention(const Engine &engine, Attention &attention, ThreadPool &pool,
                       Workspace &space, const LatentCall &call);

} // namespace mxs::cpu

#endif // MIXSERVE_RUNTIME_KERNELS_CPU_LATENTATTENTION_H
