//===- BatchInvarianceTest.cpp - Company does not change a bit ----------------===//
//
// The logits of a sequence are bitwise the same whether it is alone, in which chunks its prompt is
// computed, what other sequences share its steps, and whether steps are cut in halves. Every
// dispatch method in float32, and every type of weights. (Threads: test/Tools/run-threads.test.)
//
//===----------------------------------------------------------------------===//
#include "test/Numeric/Golden.h"
#include "test/Numeric/Serving.h"
#include "gtest/gtest.h"
#include <nlohmann/json.hpp>
#include <random>

using namespace mixserve;
using namespace mixserve::test;

namespace batch_invariance {
namespace {

struct Stored {
  const char *name, *weights, *quantize, *kvCache;
};
const Stored kF32 = {"", "f32", "", ""};
const Stored kOthers[] = {{"_bf16", "bf16", "", "bf16"},
                          {"_int8", "f32", "int8-all", ""},
                          {"_int4", "bf16", "int4-all", ""}};

class BatchInvariance : public testing::TestWithParam<std::tuple<ServedLayout, Stored>> {};

std::vector<int32_t> randomTokens(unsigned seed, size_t count) {
  std::mt19937 engine(seed);
  std::vector<int32_t> tokens(count);
  for (int32_t &token : tokens)
    token = static_cast<int32_t>(engine() % 320);
  return tokens;
}

TEST_P(BatchInvariance, BitsOfASequenceAreItsOwn) {
  const auto &[c, stored] = GetParam();
  TemporaryFolder folder;
  CompileOptions options;
  options.model = modelsFolder() + "/qwen3moe-tiny/hf";
  options.workload = "prompt=100,output=8,concurrency=4";
  options.maxBatchTokens = 128, options.maxSeqs = 8, options.maxContext = 128;
  options.weights = stored.weights;
  options.quantize = stored.quantize;
  options.kvCache = stored.kvCache;
  ASSERT_EQ(compileServed(c, folder, options), "");

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

  ServedModel halves(folder / "artifact", "", 0, "", /*microBatches=*/2);
  ASSERT_TRUE(halves.isOpen());
  const std::vector<float> cut = halves.force(tokens, together)[0];
  size_t position = 0, row = 0;
  for (const ServedModel::ForcedStep &step : together)
    for (const auto &[sequence, count] : step) {
      if (sequence != 0)
        continue;
      position += size_t(count);
      const auto got = cut.begin() + int64_t(row++) * 320;
      const auto whole = expected.begin() + int64_t(position - 1) * 320;
      ASSERT_EQ(firstDifference({got, got + 320}, {whole, whole + 320}), 320u) << position;
    }
  EXPECT_EQ(cut.size(), row * 320);
  // Of the last layer's rows only those whose logits are asked went to experts.
  if (c.nodes > 1 && std::string(c.method) != "allgather") {
    uint64_t dispatched[2] = {};
    const auto stats = nlohmann::json::parse(halves.stats());
    for (const auto &row : stats["bytes"])
      if (row["op"] == "dispatch" && row["link"] == "inter")
        dispatched[row["layer"].get<int>()] += row["bytes"].get<uint64_t>();
    EXPECT_GT(dispatched[1], 0u);
    EXPECT_LT(dispatched[1], dispatched[0] / 2);
  }
  const auto attentions = [](ServedModel &model) {
    return nlohmann::json::parse(model.stats())["calls"]["attention"].get<int64_t>();
  };
  const int64_t perStep = int64_t(c.nodes) * c.devices * 2;
  EXPECT_EQ(attentions(halves), (int64_t(together.size()) + 6) * perStep)
      << "six steps have prompts to cut";
}

std::string nameOf(const testing::TestParamInfo<std::tuple<ServedLayout, Stored>> &info) {
  return std::string(std::get<0>(info.param).name) + std::get<1>(info.param).name;
}
INSTANTIATE_TEST_SUITE_P(Layouts, BatchInvariance,
                         testing::Combine(testing::ValuesIn(kServedLayouts), testing::Values(kF32)),
                         nameOf);
INSTANTIATE_TEST_SUITE_P(Types, BatchInvariance,
                         testing::Combine(testing::Values(kServedLayouts[0]),
                                          testing::ValuesIn(kOthers)),
                         nameOf);

} // namespace
} // namespace batch_invariance
