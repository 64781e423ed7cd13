//===- MemoryCost.h - What one rank must hold --------------------*- C++ -*-===//
//
// c bytes per cache entry, r bytes per table entry, P(n,k) bytes of a packed matrix [n,k] in its
// type (WeightTypes.h: n is padded to 64), a = attn_tp, t = moe_tp, L layers, D head dim,
// B = max_batch_tokens, E_local experts of the rank with most of them, kv_local its KV heads (1,
// replicated, if a is larger than their number):
//   weights    r (V/a) H + P(V/a,H) + 4 H + L layer, with
//     layer =  P(D heads/a,H) + P(H,D heads/a) + 2 P(D kv_local,H) + P(E,H) + 4 (2 H (+ 2 D with q/k norm))
//              + E_local (2 P(F/t,H) + P(H,F/t))
//   KV cache   c L max_seqs max_context 2 kv_local D
//   buffers    4 B 2 (H + 2K + 1): worst-case routing, all rows arrive and are staged once
//   workspace  4 B [2 H + D (heads/a + 2 kv_local) + min(K, E_local) (2 H + 2 F/t) + V/a]
// Latent attention (D without position, rotated part R, latent row C, value U; queries from H directly):
//   layer      P(D heads/a,H) + P(R heads/a,H) + P(C,H) + P(R,H) + P(C heads/a,D) + P(U heads/a,C) +
//              P(H,U heads/a) for the first three terms, its norm not counted
//   KV cache   c L max_seqs max_context (C + R)
//   workspace  (D + R + U) heads/a + C + R for the second term
// Worked: V=320, H=64, L=2, 4 heads, 2 KV heads, D=16, q/k norm, E=8, F=32, f32, on 2x2 with
// attn_tp=2, moe_tp=2, in f32 values: layer = 64*64 + 64*32 + 2 * 64*64 + 64*64 + 160
// + 4 (2 * 64*64 + 64*16) = 55456, so the weights are 4 (160*64 + 192*64 + 64 + 2 * 55456) = 534016 B.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_PLAN_MEMORYCOST_H
#define MIXSERVE_PLAN_MEMORYCOST_H

#include "mixserve/Plan/Mesh.h"
#include "mixserve/Plan/ModelShape.h"
#include "mixserve/Plan/Workload.h"

namespace mixserve::planner {

/// Bytes of the rank that needs most.
struct Memory {
  double weights = 0, cache = 0, buffers = 0, workspace = 0;
  double total() const { return weights + cache + buffers + workspace; }
};

/// Bytes of a rank's weights: of one layer's attention, its router, one of its experts, and lm_head.
/// `layout` must be legal for `model`.
double attentionWeightBytes(const ModelShape &model, const Layout &layout);
double routerBytes(const ModelShape &model);
double expertBytes(const ModelShape &model, const Layout &layout);
double headBytes(const ModelShape &model, const Layout &layout);

/// `layout` must be legal for `model`; `limits` must be resolved.
Memory memoryPerRank(const ModelShape &model, const Layout &layout, const Limits &limits);

} // namespace mixserve::planner

#endif // MIXSERVE_PLAN_MEMORYCOST_H
