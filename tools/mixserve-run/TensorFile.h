//===- TensorFile.h - Verification files (safetensors) ------------*- C++ -*-===//
#ifndef MIXSERVE_TOOLS_RUN_TENSORFILE_H
#define MIXSERVE_TOOLS_RUN_TENSORFILE_H

#include <cstdint>
#include <string>
#include <vector>

namespace mixserve::tools {

/// One prompt of a verification file: `promptN`, `logitsN` [S, V] of its prefill, `greedyN`.
struct VerificationPrompt {
  std::vector<int32_t> prompt, greedy;
  std::vector<float> logits;
};

/// Reads promptN, logitsN, greedyN for N = 0, 1, ..; other tensors are ignored. The file is
/// untrusted: on anything wrong nothing is returned and `error` says what, in which tensor, and
/// what is expected.
std::vector<VerificationPrompt> readVerification(const std::string &path, int64_t vocab,
                                                 std::string &error);

/// Writes such a file (to a temporary name, then renamed). Returns what went wrong, or nothing.
std::string writeVerification(const std::string &path,
                              const std::vector<VerificationPrompt> &prompts, int64_t vocab);

} // namespace mixserve::tools

#endif // MIXSERVE_TOOLS_RUN_TENSORFILE_H
