//===- GenerateTest.cpp - the checkpoints that generate-hf writes -----------===//

#include "FolderModel.h"
#include "test/Generate/Qwen3MoeCheckpoint.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace mixserve;
using namespace mixserve::test;
using namespace mixserve::generate;

namespace {

nlohmann::ordered_json config() {
  return {{"model_type", "qwen3_moe"},
          {"torch_dtype", "float16"},
          {"vocab_size", 50},
          {"hidden_size", 32},
          {"num_hidden_layers", 2},
          {"num_attention_heads", 4},
          {"num_key_value_heads", 2},
          {"head_dim", 8},
          {"num_experts", 6},
          {"num_experts_per_tok", 2},
          {"moe_intermediate_size", 12},
          {"rope_theta", 10000.0}};
}

void generate(const std::string &folder, const CheckpointOptions &options,
              const CheckpointForm &form = {}) {
  writeCheckpoint(folder, qwen3MoeCheckpoint(config(), options), form);
  writeFile(folder + "/config.json", configText(config(), options.dtype));
}

/// FNV-1a.
uint64_t hashOf(const std::string &bytes) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (char c : bytes)
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return hash;
}

std::map<std::string, std::vector<float>> paramsOf(const std::string &folder) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  Imported imported = importFolder(folder, context);
  EXPECT_TRUE(imported.module) << imported.errors;
  return imported.module ? readParams(*imported.module)
                         : std::map<std::string, std::vector<float>>();
}

// Other machines, compilers and numbers of threads must give these very bytes: recorded results
// name a seed only.
TEST(Generate, BytesAreTheSameEverywhere) {
  for (unsigned threads : {1u, 3u}) {
    Folder f32, bf16;
    generate(f32.path, {5, "F32", false}, {1, false, threads});
    generate(bf16.path, {5, "BF16", false}, {1, false, threads});
    EXPECT_EQ(hashOf(readFile(f32 / "model.safetensors")), 4909813997310278558u);
    EXPECT_EQ(hashOf(readFile(bf16 / "model.safetensors")), 10167266163909536018u);
  }
}

TEST(Generate, SeedsGiveOtherWeights) {
  Folder one, two;
  generate(one.path, {1, "F32", false});
  generate(two.path, {2, "F32", false});
  const auto first = paramsOf(one.path), second = paramsOf(two.path);
  for (const auto &[name, values] : first)
    EXPECT_NE(values, second.at(name)) << name;
}

// What is written is a model of the config: the importer refuses every tensor that is missing,
// extra or of another shape.
TEST(Generate, FormsHoldTheSameWeights) {
  Folder plain, sharded, fused, bf16;
  generate(plain.path, {3, "F32", false});
  generate(sharded.path, {3, "F32", false}, {4, false, 2});
  generate(fused.path, {3, "F32", true});
  generate(bf16.path, {3, "BF16", false});
  const auto params = paramsOf(plain.path);
  EXPECT_EQ(params.size(), 27u);
  EXPECT_TRUE(params == paramsOf(sharded.path));
  EXPECT_TRUE(params == paramsOf(fused.path));
  for (const auto &[name, rounded] : paramsOf(bf16.path))
    for (size_t i = 0; i < rounded.size(); ++i)
      ASSERT_NEAR(rounded[i], params.at(name)[i], std::fabs(params.at(name)[i]) / 256) << name;
  EXPECT_NE(readFile(bf16 / "config.json").find("\"torch_dtype\": \"bfloat16\""),
            std::string::npos);
}

TEST(Generate, WeightsHaveTheScaleOfTheirInputs) {
  Folder folder;
  generate(folder.path, {3, "F32", false});
  const auto params = paramsOf(folder.path);
  auto deviation = [&](const std::string &name) {
    double sum = 0, squares = 0;
    const std::vector<float> &values = params.at(name);
    for (float value : values)
      sum += value, squares += double(value) * value;
    EXPECT_NEAR(sum / double(values.size()), 0, 0.05) << name;
    return std::sqrt(squares / double(values.size()));
  };
  EXPECT_NEAR(deviation("layers.0.q"), 1 / std::sqrt(32), 0.02);
  EXPECT_NEAR(deviation("layers.1.experts.up"), 1 / std::sqrt(32), 0.02);
  EXPECT_NEAR(deviation("lm_head"), 2 / std::sqrt(32), 0.04);
}

TEST(Generate, TiedModelsHaveNoHead) {
  auto tied = config();
  tied["tie_word_embeddings"] = true;
  for (const CheckpointTensor &tensor : qwen3MoeCheckpoint(tied, {}))
    EXPECT_NE(tensor.name, "lm_head.weight");
}

TEST(Generate, ConfigsThatItCannotFillAreRefusedByName) {
  auto problem = [](const char *key, nlohmann::ordered_json value) -> std::string {
    auto changed = config();
    changed[key] = value;
    try {
      qwen3MoeCheckpoint(changed, {});
    } catch (const std::invalid_argument &error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(problem("model_type", "mixtral"),
            "config.json: 'model_type' is \"mixtral\", expected \"qwen3_moe\"");
  EXPECT_NE(problem("hidden_size", nullptr).find("'hidden_size' is missing"), std::string::npos);
  EXPECT_NE(problem("vocab_size", -1).find("'vocab_size' is -1"), std::string::npos);
  EXPECT_NE(problem("num_experts", 17).find("'hidden_size' must be at least twice"),
            std::string::npos);
  EXPECT_NE(problem("num_experts_per_tok", 7).find("'num_experts_per_tok' is more"),
            std::string::npos);
}

} // namespace
