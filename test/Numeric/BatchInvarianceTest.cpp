//===- BatchInvarianceTest.cpp - Company does not change a bit ----------------===//
//
// In float32 the logits of a sequence are bitwise the same whether it is alone, in which chunks its
// prompt is computed, and what other sequences share its steps.
//
//===----------------------------------------------------------------------===//
#include "test/Numeric/Golden.h"
#include "test/Numeric/Serving.h"
#include "gtest/gtest.h"
#include <cstring>
#include <random>

using namespace mixserve;
using namespace mixserve::test;

namespace {

struct Served {
  const char *name;
  int nodes, devices;
  const char *layout, *method;
};

class BatchInvariance : public testing::TestWithParam<Served> {};

/// Index of the first float that differs in a bit; the size if none does.
size_t firstDifference(const std::vector<float> &a, const std::vector<float> &b) {
  if (a.size() != b.size())
    return std::min(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i)
    if (std::memcmp(&a[i], &b[i], sizeof(float)) != 0)
      return i;
  return a.size();
}

std::vector<int32_t> randomTokens(unsigned seed, size_t count) {
  std::mt19937 engine(seed);
  std::vector<int32_t> tokens(count);
  for (int32_t &token : tokens)
    token = static_cast<int32_t>(engine() % 320);
  return tokens;
}

TEST_P(BatchInvariance, BitsOfASequenceAreItsOwn) {
  const Served c = GetParam();
  TemporaryFolder folder;
  writeCluster(folder / "cluster.yaml", c.nodes, c.devices);
  CompileOptions options;
  options.model = modelsFolder() + "/qwen3moe-tiny/hf";
  options.cluster = folder / "cluster.yaml";
  options.output = folder / "artifact";
  options.layout = c.layout;
  options.workload = "prompt=100,output=8,concurrency=4";
  options.moeComm = c.method;
  options.maxBatchTokens = 128, options.maxSeqs = 8, options.maxContext = 128;
  ASSERT_EQ(compileOrExplain(options), "");

  // 96 tokens of a prompt, over a border of the cache's blocks, and 6 that are decoded; others.
  const std::vector<std::vector<int32_t>> tokens = {randomTokens(1, 102), randomTokens(2, 95),
                                                    randomTokens(3, 41), randomTokens(4, 31),
                                                    randomTokens(5, 18)};
  using Schedule = std::vector<ServedModel::ForcedStep>;
  const Schedule alone = {{{0, 96}}, {{0, 1}}, {{0, 1}}, {{0, 1}}, {{0, 1}}, {{0, 1}}, {{0, 1}}};
  const Schedule chunked = {{{0, 7}}, {{0, 1}}, {{0, 60}}, {{0, 28}}, {{0, 2}}, {{0, 1}}, {{0, 3}}};
  const Schedule together = {{{1, 50}, {2, 30}},
                             {{0, 33}, {1, 1}, {2, 10}, {3, 13}}, // its prompt beside one that decodes
                             {{0, 2}, {1, 39}, {3, 1}, {4, 12}},
                             {{0, 61}, {3, 16}},
                             {{0, 1}, {1, 1}, {2, 1}, {3, 1}, {4, 1}}, // all decode
                             {{0, 1}, {1, 1}, {4, 1}},
                             {{0, 1}},
                             {{0, 1}, {1, 3}, {4, 4}},
                             {{0, 2}}};
  ServedModel served(folder / "artifact", "", 0);
  ASSERT_TRUE(served.isOpen());
  const std::vector<float> expected = served.force(tokens, alone)[0];
  ASSERT_EQ(expected.size(), 102u * 320u);
  EXPECT_EQ(firstDifference(served.force(tokens, chunked)[0], expected), expected.size());
  EXPECT_EQ(firstDifference(served.force(tokens, together)[0], expected), expected.size());
}

INSTANTIATE_TEST_SUITE_P(
    Layouts, BatchInvariance,
    testing::Values(Served{"one_rank", 1, 1, "attn_tp=1,attn_dp=1,moe_tp=1,moe_ep=1", "allgather"},
                    Served{"tp4_allgather", 2, 2, "attn_tp=4,attn_dp=1,moe_tp=4,moe_ep=1", "allgather"},
                    Served{"dp_ep_flat", 2, 2, "attn_tp=1,attn_dp=4,moe_tp=1,moe_ep=4", "flat-ep"},
                    Served{"tp_dp_hier", 2, 2, "attn_tp=2,attn_dp=2,moe_tp=1,moe_ep=4", "hier-ep"},
                    Served{"tp_ep_fused", 2, 2, "attn_tp=2,attn_dp=2,moe_tp=2,moe_ep=2", "hybrid-fused"},
                    Served{"tp4_hybrid", 1, 4, "attn_tp=4,attn_dp=1,moe_tp=4,moe_ep=1", "hybrid"}),
    [](const auto &info) { return info.param.name; });

} // namespace
