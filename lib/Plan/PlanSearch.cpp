//===- PlanSearch.cpp - Every candidate, and the cheapest that fits -------===//
#include "mixserve/Plan/PlanSearch.h"

#include "mixserve/Plan/LayoutSpace.h"
#include "mixserve/Plan/Units.h"

#include "Explain.h"

#include <algorithm>
#include <map>

namespace mixserve::planner {
namespace {

/// Past 16 chunks latency outweighs what is left to hide on every link we know.
constexpr int64_t kChunkChoices[] = {1, 2, 4, 8, 16};
constexpr int64_t kMostChunks = 64;
/// A later choice must be this much better: no second compiled method for nothing.
constexpr double kTie = 0.999;
/// Halves must be this much better than one piece, as a prediction is off by about as much.
constexpr double kHalvesGain = 0.95;

/// 1, 2, 4, ... and the largest step itself.
std::vector<int64_t> stepSizes(int64_t most) {
  std::vector<int64_t> sizes;
  for (int64_t size = 1; size < most; size *= 2)
    sizes.push_back(size);
  sizes.push_back(most);
  return sizes;
}

struct Choice {
  Method method;
  int64_t chunks;
  double ns;
};

/// Refused ones last; equal ones stay in enumeration order.
std::vector<Candidate> cheapestFirst(std::vector<Candidate> candidates) {
  std::multimap<std::pair<bool, double>, Candidate> byCost;
  for (Candidate &candidate : candidates) {
    const bool refused = !candidate.refused.empty();
    byCost.emplace(std::make_pair(refused, refused ? 0 : candidate.cost.completionNs),
                   std::move(candidate));
  }
  candidates.clear();
  for (auto &entry : byCost)
    candidates.push_back(std::move(entry.second));
  return candidates;
}

class Search {
public:
  Search(const PlanRequest &request, const Limits &limits)
      : request(request),
        context{request.cluster, request.model, request.routing, request.workload, limits} {}

  Plan run() {
    Plan plan;
    plan.limits = context.limits;
    for (const Layout &layout : layouts())
      addLayout(plan, layout);
    plan.candidates = cheapestFirst(std::move(plan.candidates));
    return plan;
  }

private:
  std::vector<Layout> layouts() const {
    return request.overrides.layout ? std::vector<Layout>{*request.overrides.layout}
                                    : allLayouts(context.cluster.mesh);
  }

  std::vector<Method> methods() const {
    return request.overrides.method ? std::vector<Method>{*request.overrides.method}
                                    : std::vector<Method>(kMethods.begin(), kMethods.end());
  }

  /// All candidates of a layout; the plan takes the layout over if it beats what it has.
  void addLayout(Plan &plan, const Layout &layout) {
    const std::string illegal = whyIllegal(context.cluster.mesh, layout, context.model);
    Memory memory;
    if (illegal.empty())
      memory = memoryPerRank(context.model, layout, context.limits);
    std::vector<Method> legal;
    for (Method method : methods()) {
      Candidate candidate{layout, method, illegal, {}, {}, memory};
      if (candidate.refused.empty())
        candidate.refused = whyIllegal(context.cluster.mesh, layout, method);
      if (candidate.refused.empty())
        candidate.refused = whyTooLarge(memory);
      if (candidate.refused.empty()) {
        legal.push_back(method);
        candidate.table = chooseTable(layout, {method});
        candidate.cost = servingCost(context, layout, candidate.table);
        offer(plan, candidate.table, candidate);
      }
      plan.candidates.push_back(std::move(candidate));
    }
    if (legal.empty())
      return;
    Candidate mixed{layout, legal.front(), "", chooseTable(layout, legal), {}, memory};
    mixed.cost = servingCost(context, layout, mixed.table);
    offer(plan, mixed.table, mixed);
    addCrossOvers(plan, layout, legal);
  }

  void offer(Plan &plan, const std::vector<TableEntry> &table, const Candidate &candidate) const {
    if (!plan.table.empty() && candidate.cost.completionNs >= kTie * plan.cost.completionNs)
      return;
    plan.layout = candidate.layout;
    plan.table = table;
    plan.cost = candidate.cost;
    plan.memory = candidate.memory;
  }

  std::string whyTooLarge(const Memory &memory) const {
    if (memory.total() <= context.cluster.device.memoryBytes)
      return "";
    return "needs " + formatSize(memory.total()) + " per device (weights " +
           formatSize(memory.weights) + ", KV cache " + formatSize(memory.cache) + ", buffers " +
           formatSize(memory.buffers) + ", workspace " + formatSize(memory.workspace) +
           "), a device has " + formatSize(context.cluster.device.memoryBytes);
  }

  std::vector<int64_t> chunkChoices(Method method) const {
    if (!worksInChunks(method))
      return {1};
    if (request.overrides.chunks)
      return {*request.overrides.chunks};
    return {std::begin(kChunkChoices), std::end(kChunkChoices)};
  }

  Choice fastest(const Layout &layout, const std::vector<Method> &methods, int64_t tokens) const {
    Choice best{methods.front(), 0, 0};
    for (Method method : methods)
      for (int64_t chunks : chunkChoices(method)) {
        const double ns =
            stepCost(context, layout, method, chunks, typicalLoad(context.workload, tokens))
                .total();
        if (best.chunks == 0 || ns < kTie * best.ns)
          best = {method, chunks, ns};
      }
    return best;
  }

  std::vector<TableEntry> chooseTable(const Layout &layout,
                                      const std::vector<Method> &methods) const {
    std::vector<TableEntry> table;
    for (int64_t tokens : stepSizes(context.limits.maxBatchTokens)) {
      const Choice choice = fastest(layout, methods, tokens);
      table.push_back({tokens, choice.method, choice.chunks});
      table.back().microBatches = microBatches(layout, table, choice.ns);
    }
    const auto last = std::unique(table.rbegin(), table.rend(), [](auto &later, auto &earlier) {
      return later.method == earlier.method && later.chunks == earlier.chunks &&
             later.microBatches == earlier.microBatches;
    });
    table.erase(table.begin(), last.base());
    return table;
  }

  /// Of steps of the last entry's size, which take `wholeNs` in one piece. What communication
  /// leaves of the processors only measured layers tell.
  int64_t microBatches(const Layout &layout, const std::vector<TableEntry> &table,
                       double wholeNs) const {
    const StepLoad load = typicalLoad(context.workload, table.back().maxTokens);
    if (!canHalve(load)) // decoding
      return 1;
    if (request.overrides.microBatches)
      return *request.overrides.microBatches;
    const Method method = entryFor(table, load.tokens - load.tokens / 2).method;
    return fitsOf(context.cluster.fits, context.model.wire).find(method, layout) &&
                   halvesCost(context, layout, table, load).total() < kHalvesGain * wholeNs
               ? 2
               : 1;
  }

  /// Until `finishCrossOvers`, one line per step size.
  void addCrossOvers(Plan &plan, const Layout &layout, const std::vector<Method> &methods) const {
    const std::vector<int64_t> sizes = stepSizes(context.limits.maxBatchTokens);
    for (size_t i = 0; i < sizes.size(); ++i) {
      const Choice choice = fastest(layout, methods, sizes[i]);
      const CrossOver line{sizes[i], layout, choice.method, choice.chunks, choice.ns};
      if (plan.crossOvers.size() <= i)
        plan.crossOvers.push_back(line);
      else if (line.stepNs < kTie * plan.crossOvers[i].stepNs)
        plan.crossOvers[i] = line;
    }
  }

  const PlanRequest &request;
  const PlanContext context;
};

/// Keeps only the step sizes where the fastest way changes.
void mergeCrossOvers(std::vector<CrossOver> &lines) {
  auto same = [](const CrossOver &a, const CrossOver &b) {
    return a.layout == b.layout && a.method == b.method && a.chunks == b.chunks;
  };
  lines.erase(std::unique(lines.begin(), lines.end(), same), lines.end());
}

} // namespace

std::string whyContradictory(const Overrides &overrides) {
  if (overrides.microBatches.value_or(1) < 1 || overrides.microBatches.value_or(1) > 2)
    return "micro-batches=" + std::to_string(*overrides.microBatches) + " is not 1 or 2";
  if (!overrides.chunks)
    return "";
  if (*overrides.chunks < 1 || *overrides.chunks > kMostChunks)
    return "chunks=" + std::to_string(*overrides.chunks) + " is not in 1.." +
           std::to_string(kMostChunks);
  if (*overrides.chunks > 1 && overrides.method && !worksInChunks(*overrides.method))
    return "chunks=" + std::to_string(*overrides.chunks) +
           " needs moe-comm=hybrid-fused or hier-ep, but moe-comm=" + name(*overrides.method) +
           " was asked for; " + name(*overrides.method) + " does not work in chunks";
  return "";
}

PlanResult searchPlan(const PlanRequest &asked) {
  PlanResult result;
  PlanRequest request = asked;
  result.error = whyContradictory(request.overrides);
  std::optional<Limits> limits;
  if (result.error.empty())
    limits = resolveLimits(request.limits, request.workload, result.error);
  if (!limits) {
    result.failure = PlanFailure::BadRequest;
    return result;
  }
  if (request.overrides.chunks.value_or(1) > 1 && !request.overrides.method)
    request.overrides.method = Method::HybridFused;
  result.plan = Search(request, *limits).run();
  mergeCrossOvers(result.plan.crossOvers);
  if (result.plan.table.empty()) {
    result.failure = PlanFailure::Infeasible;
    result.error = explainInfeasible(asked, result.plan.candidates);
    return result;
  }
  result.plan.why = explainChoice(asked, result.plan);
  return result;
}

} // namespace mixserve::planner
