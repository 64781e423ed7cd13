//===- MemoryCost.h - What one rank must hold --------------------*- C++ -*-===//
//
// With w = bytes per element, a = attn_tp, t = moe_tp, B = max_batch_tokens, D head dim:
//   weights    w [ 2 (V/a) H + H + L ( 2 H D heads/a + 2 H D kv_local + H E + 2 H (+ 2 D with q/k
//   norm)
//                + 3 E_local H F/t ) ]                   E_local of the rank with most experts
//   KV cache   w L max_seqs max_context 2 kv_local D     slots of one attention group, replicated
//   KV heads buffers    4 B (2 (H + 2K + 1))                       worst-case routing: all rows
//   arrive, and one is staged workspace  4 [ B H 2 + B D (heads/a + 2 kv_local) + B min(K, E_local)
//   (2 H + 2 F/t) + B V/a ]
// Worked: models/qwen3moe-tiny on 2x2, attn_tp=2 moe_tp=2, f32: weights 222208 B (see the unit
// test).
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
