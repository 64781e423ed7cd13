//===- MemoryCost.h - What one rank must hold --------------------*- C++ -*-===//
//
// w bytes per element, a = attn_tp, t = moe_tp, L layers, D head dim, B = max_batch_tokens,
// E_local experts of the rank with most of them, kv_local its KV heads (1, replicated, if a is
// larger than their number):
//   weights    w [2 (V/a) H + H + L layer], with
//     layer =  2 H D heads/a + 2 H D kv_local + H E + 2 H (+ 2 D with q/k norm)
//              + 3 E_local H F/t
//   KV cache   w L max_seqs max_context 2 kv_local D
//   buffers    4 B 2 (H + 2K + 1): worst-case routing, all rows arrive and are staged once
//   workspace  4 B [2 H + D (heads/a + 2 kv_local) + min(K, E_local) (2 H + 2 F/t) + V/a]
// Worked: V=320, H=64, L=2, 4 heads, 2 KV heads, D=16, q/k norm, E=8, F=32, f32, on 2x2 with
// attn_tp=2, moe_tp=2: layer = 4096 + 2048 + 512 + 128 + 32 + 12288 = 19104, so the weights are
// 4 (20480 + 64 + 2 * 19104) = 235008 B.
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

/// `layout` must be legal for `model`; `limits` must be resolved.
Memory memoryPerRank(const ModelShape &model, const Layout &layout, const Limits &limits);

} // namespace mixserve::planner

#endif // MIXSERVE_PLAN_MEMORYCOST_H
