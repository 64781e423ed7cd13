//===- Predicted.h - Collectives: the plan's times beside the run's ---*- C++ -*-===//
#ifndef MIXSERVE_TOOLS_RUN_PREDICTED_H
#define MIXSERVE_TOOLS_RUN_PREDICTED_H

#include <nlohmann/json.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace mixserve::tools {

/// All calls of one collective in a run. rs_combine_ag counts as rs_combine, all_gather_routed as
/// all_gather.
struct CollectiveRow {
  std::string call;
  uint64_t calls = 0;     ///< of a rank
  double measuredNs = 0;  ///< of the rank that spent least: the others waited for it as well
  double predictedNs = 0; ///< of the plan, for steps of the sizes that were run
};

/// `plan`: plan.json of the artifact. `stats`: mixserve.stats/v1. In the order of a layer; what
/// neither was predicted nor called is left out. Without predictions in the plan (an artifact of an
/// older mixserve) they are 0.
std::vector<CollectiveRow> compareCollectives(const nlohmann::json &plan,
                                              const nlohmann::json &stats);

/// Predicted times of a step of `tokens` tokens [ns], by what plan.json calls them: linear between
/// the steps that it holds, if both have the same method and chunks, else those of the larger one.
std::map<std::string, double> predictedStep(const nlohmann::json &plan, double tokens);

} // namespace mixserve::tools

#endif // MIXSERVE_TOOLS_RUN_PREDICTED_H
