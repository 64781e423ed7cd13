//===- ComputeCost.h - Time of a step's arithmetic ---------------*- C++ -*-===//
//
// Roofline of the busiest rank, per block of a layer, with F [FLOP/ns] and M [byte/ns]:
//   t = max(flops / (0.7 F), bytes / (0.8 M))
// Where the ranks of a node share its processors (`per: node` of the cluster file's device), F and
// M are the node's, and flops and bytes the sum over the ranks of the busiest node. 0.8 is the
// memory efficiency that AIConfigurator uses, 0.7 a share that large GEMMs usually reach. Bytes are
// weights, read once per step, and cached keys and values; activations are not counted. Weights of
// expert x are read only if some row picked x.
//
// Per layer, T rows in the step, T_g in the busiest attention group, T_o owned by one of its ranks,
// s sequences of that group, c keys per row (context), D head dim, a = attn_tp, t = moe_tp:
//   projections  flops 2 T_g W                      W = H D (2 heads + 2 kv) / a, their bytes
//   attention    flops 4 T_g c D heads / a          cache   2 s c D kv_local
//   latent attention (MemoryCost.h), in the cheaper of its forms, n = T_g / s rows of a sequence:
//     projections  W = H (D + R + U) heads / a + H (C + R)
//     absorbed     flops 2 T_g (C (D + U) + c (2 C + R)) heads / a
//     expanded     flops 2 (s (c + (n-1)/2) C (D + U) + T_g c (D + R + U)) heads / a
//     cache   s c (C + R)
//   router       flops 2 T_o H E                    its bytes
//   experts      flops 6 H F/t T picks(experts)     an expert's bytes times active(experts)
// Bytes of weights are those of the artifact (MemoryCost.h): packed, padded, with scales.
// Worked: experts with H=64, F=32, t=2, T=8, 4 of 8 experts, K=2, uniform: picks = 1, so
// 6 * 64 * 16 * 8 = 49152 FLOP.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_PLAN_COMPUTECOST_H
#define MIXSERVE_PLAN_COMPUTECOST_H

#include "mixserve/Plan/ClusterFile.h"
#include "mixserve/Plan/ModelShape.h"
#include "mixserve/Plan/RoutingLoad.h"

namespace mixserve::planner {

/// What one step works on.
struct StepLoad {
  int64_t tokens = 0;    ///< T over all groups
  int64_t sequences = 0; ///< over all groups
  double context = 0;    ///< mean number of keys that a row attends to
};

struct Work {
  double flops = 0;
  double bytes = 0;
};

/// Weights of a layer that several ranks of a unit read (replicas of data-parallel attention, the
/// router) and that are no larger are read from memory once: the ranks share a cache, and go from
/// layer to layer together. An assumption, of the size of what a socket's cache holds.
constexpr double kCachedBytes = 16 * 1024 * 1024;

/// Ranks that share processors: a unit is a device, or a node. Work is that of the busiest unit.
struct Unit {
  int64_t ranks = 1;
};
Unit unitOf(const Cluster &cluster);

/// Ranks of the busiest unit whose attention group has rows. Groups are taken node by node
/// (balancedGroupRows).
double busyRanks(const Layout &layout, const StepLoad &load, Unit unit);

/// Rows of the busiest attention group, and sequences of it.
int64_t busiestGroupRows(const Layout &layout, const StepLoad &load);

Work attentionWork(const ModelShape &model, const Layout &layout, const StepLoad &load,
                   Unit unit = {});
/// Router and experts.
Work expertWork(const ModelShape &model, const Layout &layout, const StepLoad &load,
                const RoutingLoad &routing, Unit unit = {});
/// lm_head on one asked row per sequence.
Work headWork(const ModelShape &model, const Layout &layout, const StepLoad &load, Unit unit = {});

/// Roofline time [ns]. A figure that the cluster file leaves out counts as infinitely fast.
double workTime(const Cluster &cluster, const ModelShape &model, const Work &work);

} // namespace mixserve::planner

#endif // MIXSERVE_PLAN_COMPUTECOST_H
