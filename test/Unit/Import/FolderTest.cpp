//===- FolderTest.cpp - what a Hugging Face folder becomes ------------------===//

#include "FolderModel.h"

#include <cstdlib>
#include <gtest/gtest.h>

using namespace mixserve;
using namespace mixserve::test;

namespace {

std::string tinyFolder(const std::string &name) {
  const char *source = std::getenv("MIXSERVE_SOURCE_DIR");
  return std::string(source ? source : ".") + "/models/qwen3moe-tiny/" + name;
}

class HuggingFace : public testing::Test {
protected:
  mlir::OwningOpRef<mlir::ModuleOp> import(const std::string &path,
                                           FolderWeights weights = FolderWeights::Located) {
    Imported imported = importFolder(path, context, weights);
    EXPECT_TRUE(imported.module) << imported.errors;
    return std::move(imported.module);
  }

  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  Folder folder;
};

TEST_F(HuggingFace, BothSpellingsAndBothFormsOfFilesGiveOneModel) {
  auto module = import(tinyFolder("hf"));
  ASSERT_TRUE(module);
  const auto params = readParams(*module);
  EXPECT_EQ(params.size(), 27u);
  const std::string expected = textWithoutSources(*module);

  auto sharded = import(tinyFolder("hf-sharded"));
  ASSERT_TRUE(sharded);
  EXPECT_TRUE(readParams(*sharded) == params);
  EXPECT_EQ(textWithoutSources(*sharded), expected);

  std::filesystem::copy(tinyFolder("hf/model.safetensors"), folder / "model.safetensors");
  for (const char *variant : {"config.transformers4.json", "config.transformers5.json"}) {
    writeFile(folder / "config.json", readFile(tinyFolder("config_variants/") + variant));
    auto other = import(folder.path);
    ASSERT_TRUE(other);
    EXPECT_TRUE(readParams(*other) == params) << variant;
    EXPECT_EQ(textWithoutSources(*other), expected) << variant;
  }
}

/// The tensor of the checkpoint that a parameter must equal, stacked over experts where it is one.
std::vector<float> expected(const FolderModel &model, const std::vector<std::string> &names) {
  std::vector<float> values;
  for (const std::string &name : names) {
    const generate::CheckpointTensor &tensor = model.tensors.at(name);
    std::vector<float> part(tensor.elements());
    tensor.fill(0, part.size(), reinterpret_cast<char *>(part.data()));
    values.insert(values.end(), part.begin(), part.end());
  }
  return values;
}

TEST_F(HuggingFace, EveryParameterIsItsTensor) {
  const FolderModel model;
  model.write(folder.path);
  auto module = import(folder.path);
  ASSERT_TRUE(module);
  auto params = readParams(*module);
  auto check = [&](const std::string &param, const std::vector<std::string> &names) {
    EXPECT_TRUE(params.at(param) == expected(model, names)) << param;
    params.erase(param);
  };
  check("embed", {"model.embed_tokens.weight"});
  check("lm_head", {"lm_head.weight"});
  check("final_norm", {"model.norm.weight"});
  for (const char *l : {"0", "1"}) {
    const std::string to = std::string("layers.") + l + ".", from = "model." + to;
    check(to + "attn_norm", {from + "input_layernorm.weight"});
    check(to + "moe_norm", {from + "post_attention_layernorm.weight"});
    for (const char *kind : {"q", "k", "v", "o"})
      check(to + kind, {from + "self_attn." + kind + "_proj.weight"});
    for (const char *kind : {"q_norm", "k_norm"})
      check(to + kind, {from + "self_attn." + kind + ".weight"});
    check(to + "router", {from + "mlp.gate.weight"});
    for (const char *kind : {"gate", "up", "down"}) {
      std::vector<std::string> experts;
      for (const char *e : {"0", "1", "2"})
        experts.push_back(from + "mlp.experts." + e + "." + kind + "_proj.weight");
      check(to + "experts." + kind, experts);
    }
  }
  EXPECT_TRUE(params.empty()) << params.begin()->first;
}

TEST_F(HuggingFace, OtherElementTypesFusedExpertsAndShardsAreTheSameModel) {
  FolderModel model;
  Folder plain;
  model.write(plain.path);
  auto module = import(plain.path);
  ASSERT_TRUE(module);
  const auto params = readParams(*module);
  const std::string text = textWithoutSources(*module);
  auto check = [&](const FolderModel &other, int shards) {
    Folder place;
    other.write(place.path, {shards, false, 2});
    auto same = import(place.path);
    ASSERT_TRUE(same);
    EXPECT_TRUE(readParams(*same) == params);
    EXPECT_EQ(textWithoutSources(*same), text);
  };
  for (const char *dtype : {"BF16", "F16"}) {
    FolderModel other;
    other.convert(dtype);
    check(other, 1);
    other.config.erase("dtype"); // then the tensors say it
    check(other, 3);
  }
  model.fuseExperts();
  check(model, 1);
}

TEST_F(HuggingFace, TiedEmbeddingsShareTheirBytes) {
  FolderModel model;
  model.config["tie_word_embeddings"] = true;
  model.tensors.erase("lm_head.weight");
  model.write(folder.path);
  auto module = import(folder.path);
  ASSERT_TRUE(module);
  const auto params = readParams(*module);
  EXPECT_TRUE(params.at("lm_head") == params.at("embed"));
}

TEST_F(HuggingFace, WithoutWeightsTheModelIsTheSame) {
  FolderModel model;
  model.write(folder.path);
  auto module = import(folder.path);
  ASSERT_TRUE(module);
  std::filesystem::remove(folder / "model.safetensors");
  auto bare = import(folder.path + "/", FolderWeights::Ignored);
  ASSERT_TRUE(bare);
  EXPECT_EQ(textWithoutSources(*bare), textWithoutSources(*module));
  EXPECT_NE(folderErrors(folder.path).find("has neither 'model.safetensors' nor"),
            std::string::npos);
}

TEST_F(HuggingFace, WhatTheConfigSaysIsInTheModel) {
  FolderModel model;
  model.config["norm_topk_prob"] = false;
  model.config["rms_norm_eps"] = 1e-5;
  model.config["rope_parameters"]["rope_theta"] = 100;
  model.write(folder.path);
  auto module = import(folder.path);
  ASSERT_TRUE(module);
  const std::string text = textWithoutSources(*module);
  for (const char *part : {"normalize = false", "eps 1.000000e-05",
                           "inv_freq = array<f64: 1.000000e+00, 1.000000e-01>",
                           "head_dim = 4 : i64, heads = 4 : i64, kv_heads = 2 : i64",
                           "scale = 5.000000e-01", "top_k 2"})
    EXPECT_NE(text.find(part), std::string::npos) << part;
  EXPECT_EQ(text.find("eps 1.000000e-06"), std::string::npos);
}

TEST_F(HuggingFace, TheCacheOfTheHubIsRead) {
  // MODEL/snapshots/REVISION/name -> ../../blobs/HASH
  for (const char *name : {"blobs", "snapshots", "snapshots/main"})
    std::filesystem::create_directory(folder / name);
  FolderModel model;
  model.write(folder / "blobs");
  for (const char *name : {"config.json", "model.safetensors"})
    std::filesystem::create_symlink(std::string("../../blobs/") + name,
                                    folder / ("snapshots/main/" + std::string(name)));
  auto module = import(folder / "snapshots/main");
  ASSERT_TRUE(module);
  EXPECT_EQ(readParams(*module).at("embed"), expected(model, {"model.embed_tokens.weight"}));
}

} // namespace
