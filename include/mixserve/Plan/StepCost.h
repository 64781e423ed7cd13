//===- StepCost.h - Time of one step, and of serving -------------*- C++ -*-===//
#ifndef MIXSERVE_PLAN_STEPCOST_H
#define MIXSERVE_PLAN_STEPCOST_H

#include "mixserve/Plan/ByteCount.h"
#include "mixserve/Plan/ClusterFile.h"
#include "mixserve/Plan/ComputeCost.h"
#include "mixserve/Plan/Mesh.h"
#include "mixserve/Plan/ModelShape.h"
#include "mixserve/Plan/RoutingLoad.h"
#include "mixserve/Plan/Workload.h"

#include <vector>

namespace mixserve::planner {

/// The terms of a step [ns]; they add up. Communication and compute of different ops do not
/// overlap, but for what the fused ops overlap among themselves, what ranks that share processors
/// hide of each other (`staggeredPart`), and in a step of two halves.
struct StepCost {
  double attentionNs = 0; ///< projections and attention of all layers
  double expertsNs = 0;   ///< router and experts of all layers
  double headNs = 0;      ///< lm_head
  double attnCommNs = 0;  ///< attn_ag and attn_rs of all layers, embed_rs, lm_head_ag
  double moeCommNs = 0;   ///< dispatch and combine of all layers; fused: with the attn_rs it hides
  double hiddenNs =
      0; ///< what halves, or ranks that share processors, hide of each other; not above the others
  double total() const {
    return attentionNs + expertsNs + headNs + attnCommNs + moeCommNs - hiddenNs;
  }
  /// Adds `times` steps of `step`.
  void add(const StepCost &step, double times);
};

/// What a plan is made from. References must outlive it.
struct PlanContext {
  const Cluster &cluster;
  const ModelShape &model;
  const RoutingLoad &routing;
  Workload workload;
  Limits limits; ///< resolved
};

StepCost stepCost(const PlanContext &context, const Layout &layout, Method method, int64_t chunks,
                  const StepLoad &load);
/// What such a step is expected to move.
StepBytes<double> stepBytes(const PlanContext &context, const Layout &layout, Method method,
                            const StepLoad &load);

/// Of the time that rows are on links, what hides behind the arithmetic of other ranks. Those that
/// share processors (`unit`) compute one after another, so that the rows of the first ones are on
/// their way while the last ones compute; nobody can send before the ranks that a sum is made of
/// have computed. With U busy ranks of a unit and attention groups of t: 1 - t / U of what is sent
/// before the experts, half of all; behind them with flat EP, which alone sends what a rank has
/// without its node's other ranks, 1 - t / R with all R ranks of the unit and MoE TP groups of t. 0
/// where each rank has its own. Worked: flat EP, 4 ranks, no TP: 3/4; with attn_tp = 2: (1/2 + 3/4)
/// / 2 = 5/8. The step hides this part of the links' time, or of the layers' arithmetic if that is
/// less.
double staggeredPart(const Layout &layout, Method method, const StepLoad &load, Unit unit);

/// What arithmetic takes longer in halves than twice that of a half alone: two halves take turns on
/// a processor and its caches. Measured, without waits for links: 1.04 to 1.25 (bench model, 2 x 4
/// ranks on 2 cores, prompts of 64 to 192 tokens; 1.0 with one rank and 512).
constexpr double kHalvesWork = 1.15;

/// A step that the runtime cuts in halves (two micro-batches): while one half's rows are on the
/// links, the processors have the other half. With L layers and, of a half, C compute and N
/// communication, of which a calibration says how much, P, keeps processors busy, and W =
/// kHalvesWork:
///   t = 2 max(W C + P, N - P) + min(W C + P, N - P) / 2 L
/// the last term being the half layer at the end that nothing is left to hide. Each half reads the
/// weights. `half`: cost and the share of processors of a half.
/// Worked: C = 10, N = 6, P = 1, L = 3: 2 * 12.5 + 5 / 6 = 25.83, where one piece takes 2 * 16 = 32
/// (if C and N are linear).
StepCost costOfHalves(const StepCost &half, double processorNs, int64_t layers);

/// One line of the table that the runtime follows: steps of up to `maxTokens` tokens.
struct TableEntry {
  int64_t maxTokens;
  Method method;
  int64_t chunks;
  /// 2: steps that have prompts to cut run in halves, each by the entry of its own tokens.
  int64_t microBatches = 1;

  bool operator==(const TableEntry &o) const {
    return maxTokens == o.maxTokens && method == o.method && chunks == o.chunks &&
           microBatches == o.microBatches;
  }
};

/// A step as the runtime runs it by `table`, which reaches its tokens.
StepCost stepCost(const PlanContext &context, const Layout &layout,
                  const std::vector<TableEntry> &table, const StepLoad &load);
/// Whether the runtime cuts such a step where its entry says so: a quarter of its rows can be
/// early, which a sequence's last one never is.
bool canHalve(const StepLoad &load);
/// The same, in halves whatever the entry says.
StepCost halvesCost(const PlanContext &context, const Layout &layout,
                    const std::vector<TableEntry> &table, const StepLoad &load);

/// Serving figures by an iteration model: all steps are of two kinds, prompt steps and decode
/// steps.
///   TTFT  one prompt alone: ceil(prompt / max_batch_tokens) steps of at most max_batch_tokens
///   tokens. ITL   one decode step of `concurrency` sequences at context prompt + output / 2.
///   completion = `concurrency` prompts in steps of max_batch_tokens tokens (the last one holds the
///   rest), each of as many prompts as it takes to fill it, then output - 1 decode steps: the first
///   output token comes from the prompt step.
///   throughput = concurrency * output / completion.
struct ServingCost {
  double ttftNs = 0, itlNs = 0, completionNs = 0;
  double tokensPerSecond = 0;
  double requestsPerSecond = 0;
  StepCost prefill,
      decode; ///< terms of the prompt steps and of the decode steps; they add up to completionNs
};
ServingCost servingCost(const PlanContext &context, const Layout &layout,
                        const std::vector<TableEntry> &table);

/// The step of `tokens` tokens that the workload makes: decoding up to `concurrency` tokens, beyond
/// it as few prompts as hold so many: their rows are those of as many attention groups.
StepLoad typicalLoad(const Workload &workload, int64_t tokens);

/// First entry with maxTokens >= tokens. The last one must reach the largest step.
const TableEntry &entryFor(const std::vector<TableEntry> &table, int64_t tokens);

} // namespace mixserve::planner

#endif // MIXSERVE_PLAN_STEPCOST_H
