//===- MixedBatchTest.cpp - Prompts and decoding sequences in one step -------===//
#include "test/Numeric/Golden.h"
#include "test/Numeric/Serving.h"
#include "gtest/gtest.h"
#include <cmath>
#include <nlohmann/json.hpp>

using namespace mixserve;
using namespace mixserve::test;

namespace {

class MixedBatch : public testing::TestWithParam<ServedLayout> {};

/// Three sequences decode while a prompt of 12 and one of 5 arrive: in one step call all five give what
/// they give alone.
TEST_P(MixedBatch, EqualsOneByOne) {
  const ServedLayout c = GetParam();
  const auto golden = readGolden(modelsFolder() + "/qwen3moe-tiny/golden.safetensors");
  TemporaryFolder folder;
  CompileOptions options;
  options.model = modelsFolder() + "/qwen3moe-tiny/onnx/transformers-batched_mm-cache/model.onnx";
  options.workload = "prompt=12,output=16,concurrency=2";
  options.maxBatchTokens = 64, options.maxSeqs = 8, options.maxContext = 64;
  ASSERT_EQ(compileServed(c, folder, options), "");

  std::vector<Arrival> arrivals = {{golden[0].prompt, 0, 8}, {golden[2].prompt, 0, 8}, {{7, 11, 13}, 0, 8},
                                   {golden[1].prompt, 3, 8}, {golden[0].prompt, 3, 8}};
  std::vector<Generated> alone;
  {
    ServedModel served(folder / "artifact", "", 0);
    ASSERT_TRUE(served.isOpen());
    for (const Arrival &arrival : arrivals)
      alone.push_back(served.generate(arrival.prompt, arrival.tokens));
  }
  ServedModel served(folder / "artifact", "", 0);
  ASSERT_TRUE(served.isOpen());
  const std::vector<Generated> together = served.generateMixed(arrivals);
  for (size_t i = 0; i < arrivals.size(); ++i) {
    EXPECT_EQ(together[i].tokens, alone[i].tokens) << "sequence " << i;
    ASSERT_EQ(together[i].logits.size(), alone[i].logits.size());
    for (size_t n = 0; n < alone[i].logits.size(); ++n)
      ASSERT_NEAR(together[i].logits[n], alone[i].logits[n], 1e-4) << "sequence " << i << ", value " << n;
  }
  // 3 decoding ticks alone, 5 with all five sequences, 3 for the two that came later.
  EXPECT_EQ(served.stepCalls(), 11);

  // One GEMM per linear for the whole batch: q, k, v, o and the router in 2 layers, and lm_head. The fused
  // dispatch runs the router once per chunk that has rows; the table gives one chunk at this size, and a
  // rank may own no row of a decoding step.
  const auto calls = nlohmann::json::parse(served.stats()).at("calls");
  const int ranks = c.nodes * c.devices;
  const int64_t linear = calls.at("linear"), withoutRouter = int64_t(11) * ranks * (2 * 4 + 1);
  const int64_t router = linear - withoutRouter, everyRank = int64_t(11) * ranks * 2;
  if (std::string(c.method) == "hybrid-fused") {
    EXPECT_GT(router, everyRank / 2);
    EXPECT_LE(router, everyRank);
  } else {
    EXPECT_EQ(router, everyRank);
  }
  EXPECT_EQ(calls.at("expert_ffn").get<int64_t>(), int64_t(11) * ranks * 2);
}

INSTANTIATE_TEST_SUITE_P(Layouts, MixedBatch, testing::ValuesIn(kServedLayouts),
                         [](const auto &info) { return info.param.name; });

} // namespace
