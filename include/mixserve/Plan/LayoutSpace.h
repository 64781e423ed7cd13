//===- LayoutSpace.h - Legal layouts and methods -----------------*- C++ -*-===//
#ifndef MIXSERVE_PLAN_LAYOUTSPACE_H
#define MIXSERVE_PLAN_LAYOUTSPACE_H

#include "mixserve/Plan/Mesh.h"
#include "mixserve/Plan/ModelShape.h"

#include <string>
#include <vector>

namespace mixserve::planner {

/// Every layout of the mesh, attention TP outermost, degrees ascending: each pair of a divisor of P
/// for attn_tp and one for moe_tp. Some may be refused by `whyIllegal`. Worked: 1x1 -> 1, 1x2 and
/// 2x1 -> 4, 2x2, 1x4 and 4x1 -> 9.
std::vector<Layout> allLayouts(const Mesh &mesh);

/// Why this layout cannot be built for this mesh and model, or "" if it can:
///  - attn_tp * attn_dp and moe_tp * moe_ep are the number of ranks;
///  - attn_tp and moe_tp divide D or are a multiple of D that divides N*D (TP is innermost);
///  - attn_tp divides the heads and the vocabulary, and divides or is divided by the KV heads;
///  - moe_tp divides F; moe_ep is at most E (uneven experts are fine, a rank without one is not).
std::string whyIllegal(const Mesh &mesh, const Layout &layout, const ModelShape &model);

/// Why this method cannot serve this layout, or "": one rank in all has only `allgather` (no
/// bytes); hybrid and hybrid-fused need MoE TP groups inside a node.
std::string whyIllegal(const Mesh &mesh, const Layout &layout, Method method);

} // namespace mixserve::planner

#endif // MIXSERVE_PLAN_LAYOUTSPACE_H
