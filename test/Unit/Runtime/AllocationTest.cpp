//===- AllocationTest.cpp - A step allocates no memory --------------------------------------===//
//
// Of all threads together: the host's, the leaders', the ranks', the network's between nodes of
// this process, and the engine's. What a host asks for beside tokens may allocate: logits, the
// routing and the trace of a step, and what its callback does.
//
//===----------------------------------------------------------------------===//
#include "CountAllocations.h"
#include "HandMadeArtifact.h"
#include "HandMadeShape.h"
#include "mixserve_rt.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <vector>

namespace {

/// Temperature alone, each filter, the penalty, and all together with a log-probability.
const std::vector<mxs_sampling_t> kSampled = {
    {1, 0, 0, 0, 0, 0, 1},    {1, 5, 0, 0, 0, 0, 2},    {1, 0, 0.9f, 0, 0, 0, 3},
    {1, 0, 0, 0.1f, 0, 0, 4}, {0, 0, 0, 0, 1.5f, 0, 5}, {0.7f, 9, 0.8f, 0.01f, 1.2f, 1, 6}};

/// Two prompts, then decoding steps of both.
class Decoding {
public:
  Decoding(const handmade::Mesh &mesh, int groups, int32_t microBatches) : groups(groups) {
    const std::string folder = handmade::freshFolder();
    handmade::writeArtifact(folder, mesh);
    mxs_options_t options{};
    options.size = sizeof options;
    options.micro_batches = microBatches;
    EXPECT_EQ(mxs_model_open(folder.c_str(), &options, &model), MXS_OK) << mxs_last_error();
  }
  ~Decoding() { mxs_model_close(model); }

  /// `sampling`: of both sequences, nullptr: greedily.
  void step(int32_t tokensEach, const mxs_sampling_t *sampling = nullptr) {
    sequences.clear();
    ids.assign(size_t(2 * tokensEach), 5);
    for (int32_t i = 0; i < 2; ++i)
      sequences.push_back(
          {groups > 1 ? i : 0, groups > 1 ? 0 : i, position, tokensEach, MXS_LOGITS_LAST});
    next.resize(2);
    const mxs_batch_t batch = {sizeof batch,        2,        sequences.data(), ids.data(),
                               int64_t(ids.size()), sampling, nullptr};
    mxs_step_output_t output{};
    output.size = sizeof output;
    output.next_tokens = next.data();
    ASSERT_EQ(mxs_model_step(model, &batch, &output), MXS_OK) << mxs_last_error();
    position += tokensEach;
  }

private:
  mxs_model_t *model = nullptr;
  const int groups;
  int64_t position = 0;
  std::vector<mxs_sequence_t> sequences;
  std::vector<int32_t> ids, next;
};

void expectNoAllocation(const handmade::Mesh &mesh, int groups, int32_t microBatches = 1) {
  Decoding decoding(mesh, groups, microBatches);
  decoding.step(4);
  decoding.step(1);
  for (int i = 0; i < 6; ++i) {
    allocations::begin();
    decoding.step(1 + i % 3); // steps differ in size
    EXPECT_EQ(allocations::end(), 0) << "step " << i;
  }
}

/// From the first step on that samples: nothing waits for a filter or a penalty to be asked for.
/// Steps before it say so at the same length, that they are greedy: no message grows later.
void expectSamplingAllocatesNothing(const handmade::Mesh &mesh, int groups) {
  for (size_t i = 0; i < kSampled.size(); ++i) {
    SCOPED_TRACE(i);
    Decoding decoding(mesh, groups, 1);
    const mxs_sampling_t greedy[2] = {};
    decoding.step(4, greedy);
    decoding.step(4, greedy);
    const mxs_sampling_t both[] = {kSampled[i], kSampled[(i + 1) % kSampled.size()]};
    for (int step = 0; step < 3; ++step) {
      allocations::begin();
      decoding.step(4 - step, both);
      EXPECT_EQ(allocations::end(), 0) << "step " << step;
    }
  }
}

TEST(Allocation, TheCountIsRight) {
  // Through a pointer that the compiler cannot see through: it drops pairs that nobody looks at.
  std::string *(*volatile make)() = [] { return new std::string(100, 'x'); };
  allocations::begin();
  delete make();
  allocations::exempt(true);
  delete make();
  allocations::exempt(false);
  EXPECT_EQ(allocations::end(), 2);
}

TEST(Allocation, OneRank) { expectNoAllocation({1, 1, 1}, 1); }
TEST(Allocation, FourRanksOfANode) { expectNoAllocation({1, 4, 2}, 2); }
TEST(Allocation, FourRanksOfTwoNodes) { expectNoAllocation({2, 2, 2}, 2); }
TEST(Allocation, HalvesOfOneRank) { expectNoAllocation({1, 1, 1}, 1, 2); }
TEST(Allocation, HalvesOfTwoNodes) { expectNoAllocation({2, 2, 2}, 2, 2); }
TEST(Allocation, EightRanksOfFourNodes) { expectNoAllocation({4, 2, 2}, 4); }

TEST(Allocation, OneRankSamples) { expectSamplingAllocatesNothing({1, 1, 1}, 1); }
TEST(Allocation, FourRanksOfANodeSample) { expectSamplingAllocatesNothing({1, 4, 2}, 2); }
TEST(Allocation, FourRanksOfTwoNodesSample) { expectSamplingAllocatesNothing({2, 2, 2}, 2); }

/// Events of an engine: from the first token of all requests on, steps are counted until one ends.
struct Listener {
  std::atomic<int> started{0}, finished{0};
  int count = -1;

  static void hear(void *self, const mxs_event_t *event) {
    static_cast<Listener *>(self)->hear(*event);
  }
  void hear(const mxs_event_t &event) {
    if (event.index == 2 && ++started == 2)
      allocations::begin();
    if (event.finish != MXS_FINISH_NONE && ++finished == 1 && started == 2)
      count = allocations::end();
  }
};

TEST(Allocation, AnEngineThatDecodes) {
  const std::string folder = handmade::freshFolder();
  handmade::writeArtifact(folder, {2, 2, 2});
  mxs_model_t *model = nullptr;
  ASSERT_EQ(mxs_model_open(folder.c_str(), nullptr, &model), MXS_OK) << mxs_last_error();
  Listener listener;
  mxs_engine_options_t options{};
  options.size = sizeof options;
  options.on_event = Listener::hear;
  options.user = &listener;
  mxs_engine_t *engine = nullptr;
  ASSERT_EQ(mxs_engine_open(model, &options, &engine), MXS_OK) << mxs_last_error();
  const std::vector<int32_t> prompt = {1, 2, 3};
  ASSERT_EQ(mxs_engine_pause(engine), MXS_OK); // both begin in the same step
  for (int i = 0; i < 2; ++i) {
    mxs_request_t request{};
    request.size = sizeof request;
    request.tokens = prompt.data();
    request.num_tokens = int32_t(prompt.size());
    request.max_new_tokens = 15;
    request.sampling.temperature = i;
    uint64_t id = 0;
    ASSERT_EQ(mxs_engine_submit(engine, &request, &id), MXS_OK) << mxs_last_error();
  }
  ASSERT_EQ(mxs_engine_resume(engine), MXS_OK);
  EXPECT_EQ(mxs_engine_wait(engine, 0), MXS_OK);
  mxs_engine_close(engine);
  mxs_model_close(model);
  EXPECT_EQ(listener.count, 0);
}

} // namespace
