//===- StepCost.cpp - Time of one step, and of serving --------------------===//
#include "mixserve/Plan/StepCost.h"

#include "mixserve/Plan/CollectiveCost.h"

#include <algorithm>
#include <cassert>

namespace mixserve::planner {

void StepCost::add(const StepCost &step, double times) {
  attentionNs += times * step.attentionNs;
  expertsNs += times * step.expertsNs;
  headNs += times * step.headNs;
  attnCommNs += times * step.attnCommNs;
  moeCommNs += times * step.moeCommNs;
  hiddenNs += times * step.hiddenNs;
}

StepBytes<double> stepBytes(const PlanContext &context, const Layout &layout, Method method,
                            const StepLoad &load) {
  const Mesh &mesh = context.cluster.mesh;
  return expectedBytes(mesh, layout, method, context.model,
                       evenRows(mesh, layout, load.tokens, load.sequences), context.routing);
}

namespace {
/// Of a step: its terms, and how much of its communication processors do.
struct PieceCost {
  StepCost terms;
  double processorNs = 0;
  double embedNs = 0, headNs = 0; ///< communication before and after the layers, part of attnCommNs
  double lastExpertsNs = 0;       ///< of the last layer, part of expertsNs
};
} // namespace

double staggeredPart(const Layout &layout, Method method, const StepLoad &load, Unit unit) {
  const auto beside = [](int64_t group, double ranks) {
    return 1 - std::min<double>(group, ranks) / ranks;
  };
  const double before = beside(layout.attnTp, busyRanks(layout, load, unit));
  const double behind = method == Method::FlatEp ? beside(layout.moeTp, unit.ranks) : 0;
  return (before + behind) / 2;
}

static PieceCost pieceCost(const PlanContext &context, const Layout &layout, Method method,
                           int64_t chunks, const StepLoad &load) {
  const Cluster &cluster = context.cluster;
  const ModelShape &model = context.model;
  const StepBytes<double> bytes = stepBytes(context, layout, method, load);
  PieceCost piece;
  StepCost &cost = piece.terms;
  const Unit unit = unitOf(cluster);
  cost.attentionNs =
      model.layers * workTime(cluster, model, attentionWork(model, layout, load, unit));
  const auto experts = [&](int64_t tokens) {
    const StepLoad rows{tokens, load.sequences, load.context};
    return workTime(cluster, model, expertWork(model, layout, rows, context.routing, unit));
  };
  // Behind the last layer nothing reads but the rows whose logits are asked.
  piece.lastExpertsNs = experts(load.sequences);
  cost.expertsNs = (model.layers - 1) * experts(load.tokens) + piece.lastExpertsNs;
  cost.headNs = workTime(cluster, model, headWork(model, layout, load, unit));
  const LayerCommTime layer = layerCommTime(
      cluster, layout, method, chunks, static_cast<double>(load.tokens), bytes.layer, model.wire);
  piece.embedNs = opTime(cluster, bytes.outside, CommOp::EmbedRs, false);
  piece.headNs = opTime(cluster, bytes.outside, CommOp::LmHeadAg, false);
  cost.attnCommNs = piece.embedNs + piece.headNs + model.layers * layer.attnNs;
  cost.moeCommNs = model.layers * layer.moeNs;
  piece.processorNs = model.layers * layer.processorNs;
  const double links = model.layers * layer.total() - piece.processorNs;
  cost.hiddenNs = staggeredPart(layout, method, load, unit) *
                  std::min(links, cost.attentionNs + cost.expertsNs);
  return piece;
}

StepCost stepCost(const PlanContext &context, const Layout &layout, Method method, int64_t chunks,
                  const StepLoad &load) {
  return pieceCost(context, layout, method, chunks, load).terms;
}

StepCost costOfHalves(const StepCost &half, double processorNs, int64_t layers) {
  StepCost cost;
  cost.add(half, 2);
  cost.attentionNs *= kHalvesWork;
  cost.expertsNs *= kHalvesWork;
  // Only the late half has rows whose logits are asked.
  cost.headNs = half.headNs;
  const double processors = kHalvesWork * (half.attentionNs + half.expertsNs) + processorNs;
  const double links = half.attnCommNs + half.moeCommNs - processorNs;
  const double shorter = std::max(0.0, std::min(processors, links));
  cost.hiddenNs = 2 * shorter - shorter / (2.0 * static_cast<double>(layers));
  return cost;
}

StepCost halvesCost(const PlanContext &context, const Layout &layout,
                    const std::vector<TableEntry> &table, const StepLoad &load) {
  const StepLoad half{load.tokens - load.tokens / 2, load.sequences, load.context};
  const TableEntry &entry = entryFor(table, half.tokens);
  PieceCost piece = pieceCost(context, layout, entry.method, entry.chunks, half);
  piece.terms.attnCommNs -= piece.embedNs + piece.headNs;
  piece.terms.expertsNs -= piece.lastExpertsNs;
  StepCost cost = costOfHalves(piece.terms, piece.processorNs, context.model.layers);
  cost.attnCommNs += 2 * piece.embedNs + piece.headNs;
  cost.expertsNs += piece.lastExpertsNs; // the early half asks no logits
  return cost;
}

bool canHalve(const StepLoad &load) {
  return 4 * std::min(load.tokens / 2, load.tokens - load.sequences) >= load.tokens;
}

StepCost stepCost(const PlanContext &context, const Layout &layout,
                  const std::vector<TableEntry> &table, const StepLoad &load) {
  const TableEntry &entry = entryFor(table, load.tokens);
  if (entry.microBatches > 1 && canHalve(load))
    return halvesCost(context, layout, table, load);
  return stepCost(context, layout, entry.method, entry.chunks, load);
}

/// As few prompts as hold `tokens` tokens.
static int64_t promptsOf(const Workload &workload, int64_t tokens) {
  return (tokens + workload.prompt - 1) / workload.prompt;
}

StepLoad typicalLoad(const Workload &workload, int64_t tokens) {
  if (tokens <= workload.concurrency)
    return {tokens, tokens, workload.prompt + workload.output / 2.0};
  return {tokens, std::min(workload.concurrency, promptsOf(workload, tokens)),
          workload.prompt / 2.0};
}

const TableEntry &entryFor(const std::vector<TableEntry> &table, int64_t tokens) {
  auto entry = std::find_if(table.begin(), table.end(),
                            [&](const TableEntry &e) { return e.maxTokens >= tokens; });
  assert(entry != table.end() && "the table must reach the largest step");
  return *entry;
}

ServingCost servingCost(const PlanContext &context, const Layout &layout,
                        const std::vector<TableEntry> &table) {
  const Workload &work = context.workload;
  const int64_t most = context.limits.maxBatchTokens;
  auto cost = [&](const StepLoad &load) { return stepCost(context, layout, table, load); };
  /// `tokens` prompt tokens in full steps, and one step with the rest.
  auto prefill = [&](int64_t tokens) {
    const auto step = [&](int64_t rows) {
      return cost({rows, promptsOf(work, rows), work.prompt / 2.0});
    };
    StepCost sum;
    const int64_t full = tokens / most, rest = tokens % most;
    if (full > 0)
      sum.add(step(most), full);
    if (rest > 0)
      sum.add(step(rest), 1);
    return sum;
  };
  ServingCost serving;
  serving.ttftNs = prefill(work.prompt).total();
  serving.prefill = prefill(work.concurrency * work.prompt);
  const StepCost decode =
      cost({work.concurrency, work.concurrency, work.prompt + work.output / 2.0});
  serving.itlNs = decode.total();
  serving.decode.add(decode, work.output - 1);
  serving.completionNs = serving.prefill.total() + serving.decode.total();
  serving.requestsPerSecond =
      serving.completionNs > 0 ? work.concurrency / serving.completionNs * 1e9 : 0;
  serving.tokensPerSecond = serving.requestsPerSecond * work.output;
  return serving;
}

} // namespace mixserve::planner
