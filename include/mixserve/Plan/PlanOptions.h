//===- PlanOptions.h - The planner's options as texts ------------*- C++ -*-===//
#ifndef MIXSERVE_PLAN_PLANOPTIONS_H
#define MIXSERVE_PLAN_PLANOPTIONS_H

#include "mixserve/Plan/PlanSearch.h"
#include "mixserve/Plan/RoutingLoad.h"

#include <optional>
#include <string>

namespace mixserve::planner {

/// As on a command line or in a pass pipeline; empty and 0 mean the default, "auto" means the
/// planner decides.
struct PlanOptions {
  std::string workload;    ///< "prompt=1024,output=256,concurrency=16[,rate=2]"
  std::string layout;      ///< "auto" or "attn_tp=2,attn_dp=2,moe_tp=2,moe_ep=2"
  std::string moeComm;     ///< "auto" or a method
  std::string chunks;      ///< "auto" or a number
  std::string routingLoad; ///< "uniform", "zipf=S", or a routing trace's path
  int64_t maxBatchTokens = 0, maxSeqs = 0, maxContext = 0;
  std::string wire; ///< "auto", "f32" or "bf16"
  std::string microBatches; ///< "auto", "1" or "2"
};

struct ParsedPlanOptions {
  Workload workload;
  Limits limits;
  Overrides overrides;
  std::optional<WireType> wire; ///< nothing: the model's own (ModelShape::wire)
};

/// Refuses texts that are none of the above, overrides that contradict each other, and limits below the workload. On
/// failure: nothing, and `error` begins with the option's name without dashes and says what it got and what it takes.
std::optional<ParsedPlanOptions> parsePlanOptions(const PlanOptions &options, std::string &error);

/// Reads `text` ("" = uniform) for a model of `experts` experts and `topK` picks.
std::optional<RoutingLoad> parseRoutingLoad(const std::string &text, int64_t experts, int64_t topK,
                                            std::string &error);

} // namespace mixserve::planner

#endif // MIXSERVE_PLAN_PLANOPTIONS_H
