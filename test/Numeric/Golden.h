//===- Golden.h - What the original framework computed ------------*- C++ -*-===//
#ifndef MIXSERVE_TEST_NUMERIC_GOLDEN_H
#define MIXSERVE_TEST_NUMERIC_GOLDEN_H

#include <cstdint>
#include <string>
#include <vector>

namespace mixserve::test {

/// One prompt with its prefill logits [S, V] and greedy continuation.
struct GoldenPrompt {
  std::vector<int32_t> prompt;
  std::vector<float> logits;
  std::vector<int32_t> greedy;
};

/// All prompts of a verification file (promptN, logitsN, greedyN). Throws std::runtime_error.
std::vector<GoldenPrompt> readGolden(const std::string &path);

/// models/ of the source tree.
std::string modelsFolder();

} // namespace mixserve::test

#endif // MIXSERVE_TEST_NUMERIC_GOLDEN_H
