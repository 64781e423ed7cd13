//===- Explain.cpp - Plain-language reasons -------------------------------===//
#include "Explain.h"

#include "mixserve/Plan/Units.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <map>

namespace mixserve::planner {
namespace {

struct Term {
  const char *what;
  double StepCost::*value;
};
constexpr std::array<Term, 5> kTerms = {{{"attention compute", &StepCost::attentionNs},
                                         {"expert compute", &StepCost::expertsNs},
                                         {"lm_head compute", &StepCost::headNs},
                                         {"attention communication", &StepCost::attnCommNs},
                                         {"MoE communication", &StepCost::moeCommNs}}};

/// The terms by falling `size`; equal ones stay in order.
template <class Size> std::vector<Term> largestFirst(Size size) {
  std::multimap<double, Term> bySize;
  for (const Term &term : kTerms)
    bySize.emplace(-size(term), term);
  std::vector<Term> order;
  for (const auto &entry : bySize)
    order.push_back(entry.second);
  return order;
}

std::string percent(double share) {
  char text[16];
  std::snprintf(text, sizeof text, share < 0.1 ? "%.1f %%" : "%.0f %%", share * 100);
  return text;
}

StepCost completionTerms(const ServingCost &cost) {
  StepCost sum = cost.prefill;
  sum.add(cost.decode, 1);
  return sum;
}

/// The share of the completion time by term, largest first: "expert compute 61 %, ...". `beside`:
/// why some of it is hidden.
std::string shares(const StepCost &terms, const std::string &beside) {
  std::string text;
  for (const Term &term : largestFirst([&](const Term &term) { return terms.*term.value; }))
    if (terms.*term.value > 0)
      text += (text.empty() ? "" : ", ") + std::string(term.what) + " " +
              percent(terms.*term.value / (terms.total() + terms.hiddenNs));
  if (terms.hiddenNs > 0)
    text += "; " + percent(terms.hiddenNs / (terms.total() + terms.hiddenNs)) + " of this" +
            " run beside each other, " + beside;
  return text;
}

/// "MoE communication 3.10 ms less, expert compute 0.20 ms more", without differences below a tenth
/// of the largest.
std::string differences(const StepCost &winner, const StepCost &other) {
  auto delta = [&](const Term &term) { return other.*term.value - winner.*term.value; };
  const std::vector<Term> order =
      largestFirst([&](const Term &term) { return std::abs(delta(term)); });
  std::string text;
  for (const Term &term : order)
    if (std::abs(delta(term)) >= 0.1 * std::abs(delta(order[0])) && delta(term) != 0)
      text += (text.empty() ? "" : ", ") + std::string(term.what) + " " +
              formatTime(std::abs(delta(term))) + (delta(term) > 0 ? " less" : " more");
  return text;
}

/// What link bytes are counted with, and whether layers were measured so; nothing where no link is
/// between nodes.
std::string wireText(const PlanRequest &request) {
  if (request.cluster.mesh.nodes < 2)
    return "";
  const WireType wire = request.model.wire;
  const size_t layers = request.cluster.calibration.layers.size();
  std::string text = std::string(" Rows cross nodes as ") + name(wire) + ", " +
                     std::to_string(elementBytes(wire, Link::Inter)) + " bytes an element";
  if (layers > 0 && fitsOf(request.cluster.fits, wire).common.empty())
    text += "; none of the " + std::to_string(layers) +
            " measured layers was, so communication is by formulas over the measured links "
            "(mixserve-bench calibrate --wire " +
            name(wire) + " measures layers)";
  return text + ".";
}

/// Halves hide in prompt steps; ranks that share processors (staggeredPart) in all others.
std::string whyHidden(const Plan &plan) {
  const bool inHalves = std::any_of(plan.table.begin(), plan.table.end(),
                                    [](const TableEntry &e) { return e.microBatches > 1; });
  const std::string sharing = "as ranks of a node share its processors";
  if (!inHalves)
    return sharing;
  return "in steps of two halves" + (plan.cost.decode.hiddenNs > 0 ? " and " + sharing : "");
}

/// By which terms of the completion time the choice beats the best other layout.
std::string explainLayout(const Plan &plan) {
  const StepCost terms = completionTerms(plan.cost);
  std::string text =
      plan.layout.str() + " completes the workload in " + formatTime(plan.cost.completionNs);
  if (terms.total() > 0)
    text += " (" + shares(terms, whyHidden(plan)) + ")";
  auto next =
      std::find_if(plan.candidates.begin(), plan.candidates.end(), [&](const Candidate &candidate) {
        return candidate.refused.empty() && candidate.layout != plan.layout;
      });
  if (next == plan.candidates.end())
    return text + "; no other layout was allowed and fits.";
  const double ratio =
      plan.cost.completionNs > 0 ? next->cost.completionNs / plan.cost.completionNs - 1 : 0;
  text += "; the next layout, " + next->layout.str() + " with " + name(next->method) + ", ";
  // Candidates within 0.1 % of each other are ordered by other merits.
  text += ratio < 0.001 ? "is as fast to 0.1 %" : "takes " + percent(ratio) + " longer";
  if (std::string what = differences(terms, completionTerms(next->cost)); !what.empty())
    text += ". Against it: " + what;
  return text + ".";
}

} // namespace

std::string forcedBy(const Overrides &overrides) {
  std::string text;
  auto add = [&](const std::string &part) { text += (text.empty() ? "" : ", ") + part; };
  if (overrides.layout)
    add("layout " + overrides.layout->str());
  if (overrides.method)
    add(std::string("moe-comm ") + name(*overrides.method));
  if (overrides.chunks)
    add("chunks " + std::to_string(*overrides.chunks));
  if (overrides.microBatches)
    add("micro-batches " + std::to_string(*overrides.microBatches));
  return text;
}

std::string explainChoice(const PlanRequest &request, const Plan &plan) {
  const std::string forced = forcedBy(request.overrides);
  return (forced.empty() ? "" : "Forced: " + forced + ". ") + explainLayout(plan) +
         wireText(request);
}

std::string explainInfeasible(const PlanRequest &request,
                              const std::vector<Candidate> &candidates) {
  std::string text = "no feasible plan";
  if (std::string forced = forcedBy(request.overrides); !forced.empty())
    text += " for " + forced;
  // What fails by least memory is the closest to a plan.
  std::multimap<double, std::string> byMemory; // equal ones stay in order
  for (const Candidate &candidate : candidates)
    byMemory.emplace(candidate.memory.total(), candidate.refused);
  std::vector<std::string> reasons;
  for (const auto &[memory, reason] : byMemory)
    if (std::find(reasons.begin(), reasons.end(), reason) == reasons.end())
      reasons.push_back(reason);
  for (size_t i = 0; i < reasons.size() && i < 5; ++i)
    text += "\n  " + reasons[i];
  if (reasons.size() > 5)
    text += "\n  and " + std::to_string(reasons.size() - 5) + " more reasons";
  const bool tooLarge = std::any_of(candidates.begin(), candidates.end(), [&](const Candidate &candidate) {
    return candidate.memory.total() > request.cluster.device.memoryBytes;
  });
  const bool forced = !forcedBy(request.overrides).empty();
  text += forced ? "\nleave out or change what is forced" : "\nuse another cluster";
  if (tooLarge)
    text += "; for memory, lower --max-seqs, --max-context or --max-batch-tokens, or use more or larger devices";
  return text;
}

} // namespace mixserve::planner
