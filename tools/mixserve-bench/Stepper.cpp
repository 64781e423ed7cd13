//===- Stepper.cpp ----------------------------------------------------------===//
#include "tools/mixserve-bench/Stepper.h"

#include "bench/Ceilings.h"

#include <algorithm>

using namespace mixserve::tools;
using mxs::Status;

std::string Stepper::whyTooLarge(const StepShape &shape) const {
  const mxs::Manifest &m = manifest;
  const int64_t perGroup = (shape.sequences - 1) / m.attnDp + 1;
  if (perGroup > m.maxSeqs)
    return "needs " + std::to_string(perGroup) + " cache slots per group, the artifact has " +
           std::to_string(m.maxSeqs);
  if (shape.tokens() > m.maxBatchTokens)
    return "has " + std::to_string(shape.tokens()) + " tokens, the artifact takes " +
           std::to_string(m.maxBatchTokens);
  if (shape.cached > m.maxContext - shape.tokensEach)
    return "adds " + std::to_string(shape.tokensEach) + " tokens to " +
           std::to_string(shape.cached) + " cached ones, the artifact's context is " +
           std::to_string(m.maxContext);
  return "";
}

Status Stepper::fill(const StepShape &shape) {
  double ignored = 0;
  const int64_t most = std::max<int64_t>(1, manifest.maxBatchTokens / shape.sequences);
  for (StepShape chunk{shape.sequences, 0, 0}; chunk.cached < shape.cached;
       chunk.cached += chunk.tokensEach) {
    chunk.tokensEach = std::min(most, shape.cached - chunk.cached);
    MXS_TRY(step(chunk, ignored));
  }
  return mxs::okStatus();
}

Status Stepper::step(const StepShape &shape, double &seconds) {
  std::vector<mxs_sequence_t> sequences;
  std::vector<int32_t> tokens;
  for (int64_t i = 0; i < shape.sequences; ++i) {
    const auto group = static_cast<int32_t>(i * manifest.attnDp / shape.sequences);
    const bool first = sequences.empty() || sequences.back().group != group;
    sequences.push_back({group, first ? 0 : sequences.back().slot + 1, shape.cached,
                         static_cast<int32_t>(shape.tokensEach), MXS_LOGITS_LAST});
    for (int64_t t = 0; t < shape.tokensEach; ++t) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      tokens.push_back(static_cast<int32_t>((state >> 33) % uint64_t(manifest.vocab)));
    }
  }
  std::vector<int32_t> next(sequences.size());
  // More than one token of a sequence is a piece of a prompt.
  const std::vector<int32_t> prompts(
      sequences.size(), static_cast<int32_t>(shape.tokensEach > 1 ? shape.cached + shape.tokensEach : 0));
  const mxs_batch_t batch = {sizeof(mxs_batch_t), static_cast<int32_t>(sequences.size()),
                             sequences.data(),    tokens.data(),
                             shape.tokens(),      nullptr,
                             prompts.data()};
  mxs_step_output_t output = {};
  output.size = sizeof output;
  output.next_tokens = next.data();
  const double begin = mxs::bench::now();
  const mxs_status_t status = mxs_model_step(model, &batch, &output);
  seconds = mxs::bench::now() - begin;
  ++steps;
  return status == MXS_OK ? mxs::okStatus() : Status(status, mxs_last_error());
}
