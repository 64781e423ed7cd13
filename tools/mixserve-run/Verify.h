//===- Verify.h - Compare a run with a verification file ----------*- C++ -*-===//
#ifndef MIXSERVE_TOOLS_RUN_VERIFY_H
#define MIXSERVE_TOOLS_RUN_VERIFY_H

#include "tools/mixserve-run/Generate.h"
#include "tools/mixserve-run/TensorFile.h"
#include <string>
#include <vector>

namespace mixserve::tools {

struct PromptVerdict {
  double largestDifference = 0; ///< over all logits of the prefill; infinity if one is not finite
  int64_t differsAt = -1;       ///< first greedy token that differs, -1 if none does
  int32_t expected = -1, got = -1;
};

/// Compares finished requests with what was expected of them, one by one.
std::vector<PromptVerdict> compare(const std::vector<VerificationPrompt> &expected,
                                   const std::vector<Request> &requests);

/// True if every difference is within `tolerance` and no token differs.
bool matches(const std::vector<PromptVerdict> &verdicts, double tolerance);

} // namespace mixserve::tools

#endif // MIXSERVE_TOOLS_RUN_VERIFY_H
