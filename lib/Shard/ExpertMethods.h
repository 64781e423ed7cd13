//===- ExpertMethods.h - moe.experts by dispatch method -----------*- C++ -*-===//
#ifndef MIXSERVE_LIB_SHARD_EXPERTMETHODS_H
#define MIXSERVE_LIB_SHARD_EXPERTMETHODS_H

#include "LayoutAxes.h"
#include "dialects/moe/MoEDialect.h"

namespace mixserve::shard {

/// Why `method` cannot serve this layout, or "": one rank in all has only `allgather`; hybrid needs
/// MoE TP groups inside a node, because the node's gather is what brings the F-slices their rows.
std::string whyIllegal(plan::Method method, const LayoutAxes &axes);

/// Local operands of the experts of one layer: owned rows with their routing, local weights.
struct LocalExperts {
  mlir::Value input, weights, ids, gate, up, down;
};

/// Builds what `experts` becomes under `method`: rows reach their experts, `moe.expert_ffn` gives
/// partial sums, these come home. Returns the owned rows [T',H]. Discardable attributes (the layer) are
/// kept on every op.
///   one rank:          expert_ffn
///   allgather:         all_gather -> expert_ffn -> reduce_scatter
///   flat_ep, hier_ep:  dispatch -> expert_ffn -> combine
///   hybrid(_fused):    dispatch to lanes -> all_gather in the node -> expert_ffn -> reduce_scatter to
///                      lanes -> combine
mlir::Value buildExperts(mlir::OpBuilder &builder, moe::ExpertsOp experts, const LocalExperts &local,
                         plan::Method method, const LayoutAxes &axes);

} // namespace mixserve::shard

#endif // MIXSERVE_LIB_SHARD_EXPERTMETHODS_H
