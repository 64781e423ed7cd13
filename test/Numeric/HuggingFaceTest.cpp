//===- HuggingFaceTest.cpp - Hugging Face folders against the golden outputs ===//
#include "test/Generate/CheckpointWriter.h"
#include "test/Numeric/Golden.h"
#include "test/Numeric/Serving.h"
#include "gtest/gtest.h"
#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

using namespace mixserve;
using namespace mixserve::test;

namespace {

const std::string kModel = modelsFolder() + "/qwen3moe-tiny/";

/// A float rounded to nearest, ties to even, as the upper half of its bits.
uint16_t toBFloat16(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/// The tiny model's folder again, its weights rounded to bfloat16.
void writeBFloat16(const std::string &folder) {
  std::ifstream file(kModel + "hf/model.safetensors", std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  ASSERT_GT(bytes.size(), 8u);
  uint64_t headerBytes;
  std::memcpy(&headerBytes, bytes.data(), sizeof headerBytes);
  const auto header = nlohmann::json::parse(bytes.substr(8, headerBytes));
  std::vector<generate::CheckpointTensor> tensors;
  for (const auto &[name, entry] : header.items()) {
    if (name == "__metadata__")
      continue;
    const size_t begin = 8 + headerBytes + entry["data_offsets"][0].get<size_t>();
    auto fill = [&bytes, begin](uint64_t first, uint64_t count, char *out) {
      for (uint64_t i = 0; i < count; ++i) {
        float value;
        std::memcpy(&value, bytes.data() + begin + (first + i) * sizeof value, sizeof value);
        const uint16_t half = toBFloat16(value);
        std::memcpy(out + i * sizeof half, &half, sizeof half);
      }
    };
    tensors.push_back({name, "BF16", entry["shape"], fill});
  }
  generate::writeCheckpoint(folder, tensors, {2, false, 1});
  auto config = nlohmann::json::parse(std::ifstream(kModel + "hf/config.json"));
  config["dtype"] = "bfloat16";
  std::ofstream(folder + "/config.json") << config.dump(2);
}

/// Compiles the folder for nodes x devices.
std::string compileFolder(const std::string &model, const TemporaryFolder &folder, int nodes,
                          int devices) {
  writeCluster(folder / "cluster.yaml", nodes, devices);
  CompileOptions options;
  options.model = model;
  options.cluster = folder / "cluster.yaml";
  options.output = folder / "artifact";
  options.workload = "prompt=12,output=16,concurrency=2";
  options.moeComm = nodes * devices > 1 ? "hybrid-fused" : "";
  options.layout = nodes * devices > 1 ? "attn_tp=2,attn_dp=2,moe_tp=2,moe_ep=2" : "";
  return compileOrExplain(options);
}

/// Largest difference of the prefill logits, over the largest golden logit.
double distance(const Generated &result, const GoldenPrompt &golden) {
  EXPECT_EQ(result.logits.size(), golden.logits.size());
  double largest = 0, difference = 0;
  for (size_t i = 0; i < golden.logits.size() && i < result.logits.size(); ++i) {
    largest = std::max(largest, std::fabs(double(golden.logits[i])));
    difference = std::max(difference, std::fabs(double(golden.logits[i]) - result.logits[i]));
    if (!std::isfinite(result.logits[i]))
      return INFINITY;
  }
  return difference / largest;
}

void checkGolden(const std::string &model, int nodes, int devices) {
  TemporaryFolder folder;
  ASSERT_EQ(compileFolder(model, folder, nodes, devices), "");
  ServedModel served(folder / "artifact", "", 1);
  ASSERT_TRUE(served.isOpen());
  for (const GoldenPrompt &golden : readGolden(kModel + "golden.safetensors")) {
    const Generated result = served.generate(golden.prompt, static_cast<int>(golden.greedy.size()));
    for (size_t i = 0; i < golden.logits.size(); ++i)
      ASSERT_NEAR(result.logits[i], golden.logits[i], 1e-4) << i;
    EXPECT_EQ(result.tokens, golden.greedy);
  }
}

TEST(HuggingFaceFolder, OneRankGivesGoldenOutputs) { checkGolden(kModel + "hf", 1, 1); }
TEST(HuggingFaceFolder, FourRanksGiveGoldenOutputs) { checkGolden(kModel + "hf-sharded", 2, 2); }

TEST(HuggingFaceFolder, BFloat16IsNearTheGoldenOutputs) {
  TemporaryFolder folder, checkpoint;
  writeBFloat16(checkpoint / "");
  ASSERT_EQ(compileFolder(checkpoint / "", folder, 2, 2), "");
  ServedModel served(folder / "artifact", "", 1);
  ASSERT_TRUE(served.isOpen());
  for (const GoldenPrompt &golden : readGolden(kModel + "golden.safetensors")) {
    const double error = distance(served.generate(golden.prompt, 1), golden);
    printf("%zu tokens: bfloat16 differs by %.2e of the largest logit\n", golden.prompt.size(),
           error);
    EXPECT_LT(error, 2e-2);
    EXPECT_GT(error, 1e-5); // the rounding is really there
  }
}

} // namespace
