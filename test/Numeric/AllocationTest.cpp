//===- AllocationTest.cpp - A step of a compiled model allocates no memory --===//
//
// Every kernel that compiled code calls takes its scratch memory from what was sized when the model
// was opened, for each type of weights. test/Unit/Runtime has the same of hand-made float32 code,
// and of engines.
//
//===----------------------------------------------------------------------===//
#include "test/Numeric/Golden.h"
#include "test/Numeric/Serving.h"
#include "test/Unit/Runtime/CountAllocations.h"
#include "gtest/gtest.h"

using namespace mixserve;
using namespace mixserve::test;

namespace {

/// Each type of weights, each layout; groups of integers cannot be cut by the experts' TP (F = 48).
struct Stored {
  const char *name, *weights, *quantize, *kvCache;
  size_t layout; ///< of kServedLayouts
};
const Stored kStored[] = {{"f32_one_rank", "f32", "", "", 0},
                          {"bf16_one_rank", "bf16", "", "bf16", 0},
                          {"int8_one_rank", "", "int8-all", "", 0},
                          {"int4_one_rank", "bf16", "int4-all", "bf16", 0},
                          {"bf16_tp4_allgather", "bf16", "", "", 1},
                          {"int8_dp_ep_flat", "", "int8-all", "", 2},
                          {"int4_tp_dp_hier", "bf16", "int4-all", "", 3},
                          {"f32_tp_ep_fused", "f32", "", "bf16", 4},
                          {"bf16_tp4_hybrid", "bf16", "", "bf16", 5}};

class StepAllocation : public testing::TestWithParam<Stored> {};

/// A filter, the penalty, all filters, and one that keeps more than any rank's first candidates.
const mxs_sampling_t kSampled[] = {{1, 20, 0, 0, 0, 0, 1},
                                   {0, 0, 0, 0, 1.5f, 0, 2},
                                   {0.7f, 50, 0.95f, 0.01f, 1.2f, 1, 3},
                                   {9, 0, 0.999f, 0, 0, 0, 4}};
constexpr int kSequences = 4, kMostTokens = 32;

/// Four sequences that go on side by side.
class Steps {
public:
  Steps(mxs_model_t *model, int groups) : model(model), groups(groups) {}

  /// How many allocations a step of `each` tokens of every sequence takes.
  int count(int each, const mxs_sampling_t *sampling) {
    mxs_sequence_t sequences[kSequences];
    int32_t tokens[kMostTokens], next[kSequences];
    for (int i = 0; i < kSequences; ++i) // four are a multiple of every layout's groups
      sequences[i] = {i * groups / kSequences, i % (kSequences / groups), position, each,
                      MXS_LOGITS_LAST};
    for (int i = 0; i < kSequences * each; ++i)
      tokens[i] = (i * 37 + int(position)) % 320;
    const mxs_batch_t batch = {sizeof batch,      kSequences, sequences, tokens,
                               kSequences * each, sampling,   nullptr};
    mxs_step_output_t output = {sizeof output, next, nullptr, 0, nullptr, nullptr};
    allocations::begin();
    const mxs_status_t status = mxs_model_step(model, &batch, &output);
    const int counted = allocations::end();
    EXPECT_EQ(status, MXS_OK) << mxs_last_error();
    position += each;
    return counted;
  }

private:
  mxs_model_t *const model;
  const int groups;
  int64_t position = 0;
};

TEST_P(StepAllocation, ThereIsNone) {
  const Stored &stored = GetParam();
  TemporaryFolder folder;
  CompileOptions options;
  options.model = modelsFolder() + "/qwen3moe-tiny/hf";
  options.workload = "prompt=12,output=16,concurrency=4";
  options.maxBatchTokens = kMostTokens, options.maxSeqs = 4, options.maxContext = 64;
  options.weights = stored.weights;
  options.quantize = stored.quantize;
  options.kvCache = stored.kvCache;
  ASSERT_EQ(compileServed(kServedLayouts[stored.layout], folder, options), "");
  ServedModel served(folder / "artifact", "", 0);
  ASSERT_TRUE(served.isOpen());
  Steps steps(served.handle(), served.attentionGroups());
  // All threads have begun, and between nodes messages as long as any that follows have been sent;
  // nothing but greedy sampling was asked for, and of one node no step as large as it takes.
  const mxs_sampling_t greedy[kSequences] = {};
  const int each = kServedLayouts[stored.layout].nodes > 1 ? 8 : 1;
  steps.count(each, greedy);
  steps.count(each, greedy);
  EXPECT_EQ(steps.count(8, kSampled), 0) << "the largest, and the first that samples";
  for (int step = 0; step < 4; ++step)
    EXPECT_EQ(steps.count(1 + step % 2, kSampled), 0) << "step " << step;
}

INSTANTIATE_TEST_SUITE_P(Layouts, StepAllocation, testing::ValuesIn(kStored),
                         [](const auto &info) { return info.param.name; });

} // namespace
