//===- Verify.cpp - Compare a run with a verification file ------------------===//
#include "tools/mixserve-run/Verify.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace mixserve::tools;

static PromptVerdict compareOne(const VerificationPrompt &expected, const Request &request) {
  PromptVerdict verdict;
  for (size_t i = 0; i < expected.logits.size(); ++i) {
    // A missing or non-finite value, on either side, is the largest difference there is.
    double difference = std::numeric_limits<double>::infinity();
    if (i < request.logits.size())
      difference = std::fabs(double(request.logits[i]) - expected.logits[i]);
    if (!std::isfinite(difference))
      difference = std::numeric_limits<double>::infinity();
    verdict.largestDifference = std::max(verdict.largestDifference, difference);
  }
  for (size_t i = 0; i < expected.greedy.size(); ++i) {
    const int32_t got = i < request.tokens.size() ? request.tokens[i] : -1;
    if (got == expected.greedy[i])
      continue;
    verdict.differsAt = static_cast<int64_t>(i);
    verdict.expected = expected.greedy[i];
    verdict.got = got;
    break;
  }
  return verdict;
}

std::vector<PromptVerdict> mixserve::tools::compare(const std::vector<VerificationPrompt> &expected,
                                                    const std::vector<Request> &requests) {
  std::vector<PromptVerdict> verdicts;
  for (size_t p = 0; p < expected.size(); ++p)
    verdicts.push_back(compareOne(expected[p], requests[p]));
  return verdicts;
}

bool mixserve::tools::matches(const std::vector<PromptVerdict> &verdicts, double tolerance) {
  return std::all_of(verdicts.begin(), verdicts.end(), [&](const PromptVerdict &verdict) {
    return verdict.largestDifference <= tolerance && verdict.differsAt < 0;
  });
}
