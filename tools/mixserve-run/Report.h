//===- Report.h - What a run prints -------------------------------*- C++ -*-===//
#ifndef MIXSERVE_TOOLS_RUN_REPORT_H
#define MIXSERVE_TOOLS_RUN_REPORT_H

#include "tools/mixserve-run/Verify.h"

namespace mixserve::tools {

/// Tokens of every request: a line each, or one JSON object.
void printTokens(const std::vector<Request> &requests, bool json);
/// Verdict per prompt and overall: lines, or one JSON object.
void printVerdicts(const std::vector<PromptVerdict> &verdicts, const std::vector<Request> &requests,
                   double tolerance, bool json);
/// Bytes by layer, op and link (sums over ranks, at the sender) and call counts, from
/// mixserve.stats/v1.
void printStats(const std::string &statsJson);

} // namespace mixserve::tools

#endif // MIXSERVE_TOOLS_RUN_REPORT_H
