//===- LatentAttention.h - Attention over a compressed cache (MLA) -------------------*- C++
//-*-===//
//
// The cache holds, per position, one latent vector c [L] for all heads and one rotated key r [R]. A
// head's own key and value are W_uk c and W_uv c; they are never made. With
//
//   q_latent = W_uk^T q_nope    (absorbed: q_nope . (W_uk c) = q_latent . c)
//
// all heads read the same rows (c, r): one kv head with keys of L + R and values of L elements, for
// prefill and decode alike. The weighted sum of c then goes through W_uv.
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

/// Bytes of workspace that a call of at most `rows` rows in `sequences` sequences needs.
int64_t latentAttentionBytes(const LatentShape &shape, int64_t rows, int64_t sequences);

/// `attention` is bound to at least valueDim = L. MXS_INTERNAL: the weights do not fit the shape,
/// or are neither float32 nor bfloat16. Their products read float32 rows.
Status latentAttention(const Engine &engine, Attention &attention, ThreadPool &pool,
                       Workspace &space, const LatentCall &call);

} // namespace mxs::cpu

#endif // MIXSERVE_RUNTIME_KERNELS_CPU_LATENTATTENTION_H
