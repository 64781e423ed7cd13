//===- Report.h - What a run prints -------------------------------*- C++ -*-===//
#ifndef MIXSERVE_TOOLS_RUN_REPORT_H
#define MIXSERVE_TOOLS_RUN_REPORT_H

#include "tools/mixserve-run/Verify.h"

#include <nlohmann/json.hpp>

namespace mixserve::tools {

/// Tokens of every request: a line each, or one JSON object.
void printTokens(const std::vector<Request> &requests, bool json);
/// Verdict per prompt and overall: lines, or one JSON object.
void printVerdicts(const std::vector<PromptVerdict> &verdicts, const std::vector<Request> &requests,
                   double tolerance, bool json);
/// Bytes by layer, op and link (sums over ranks, at the sender), call counts, and the times of
/// collectives beside those that the plan predicted, from mixserve.stats/v1 and plan.json.
/// `forced`: with another method or chunk count than the plan's, whose times then say nothing.
void printStats(const std::string &statsJson, const nlohmann::json &plan, bool forced);
/// mixserve.stats/v1 with the last of these: {collectives_ns: {call: {measured, predicted}}}.
std::string withPredictions(const std::string &statsJson, const nlohmann::json &plan, bool forced);

} // namespace mixserve::tools

#endif // MIXSERVE_TOOLS_RUN_REPORT_H
