//===- FolderErrorsTest.cpp - Hugging Face folders that are refused ---------===//

#include "FolderModel.h"

#include <gtest/gtest.h>
#include <random>
#include <sys/stat.h>

using namespace mixserve;
using namespace mixserve::test;
using nlohmann::json;

namespace {

void expectContains(const std::string &text, const std::string &part) {
  EXPECT_NE(text.find(part), std::string::npos) << "expected: " << part << "\ngot: " << text;
}

//===----------------------------------------------------------------------===//
// config.json
//===----------------------------------------------------------------------===//

/// One key with a value that must be refused, and what the error must say.
struct BadKey {
  const char *key;
  json value;
  const char *error;
};

class Config : public testing::TestWithParam<BadKey> {};

TEST_P(Config, IsRefusedByName) {
  FolderModel model;
  const BadKey &bad = GetParam();
  if (bad.value == "ABSENT")
    model.config.erase(bad.key);
  else
    model.config[bad.key] = bad.value;
  Folder folder;
  model.write(folder.path);
  const std::string errors = folderErrors(folder.path);
  expectContains(errors, "config.json: ");
  expectContains(errors, bad.error);
}

const BadKey kBadKeys[] = {
    {"model_type", "mixtral", "'model_type' is \"mixtral\", this build reads"},
    {"model_type", "deepseek_v3",
     "this build reads models of the family 'qwen3_moe' alone, as a Hugging Face folder or as "
     "ONNX; give one of these (others are refused in either form)"},
    {"model_type", "ABSENT", "'model_type' is absent"},
    {"architectures", {"Qwen3MoeModel"}, "'architectures' is [\"Qwen3MoeModel\"]: only the whole"},
    {"quantization_config",
     {{"quant_method", "fp8"}},
     "'quantization_config' is {\"quant_method\""},
    {"hidden_act", "gelu", "'hidden_act' is \"gelu\": only silu"},
    {"attention_bias", true, "'attention_bias' is true: linears with a bias"},
    {"mlp_only_layers", {0}, "'mlp_only_layers' is [0]: dense layers are not supported"},
    {"decoder_sparse_step", 2, "'decoder_sparse_step' is 2: dense layers are not supported"},
    {"layer_types",
     {"full_attention", "sliding_attention"},
     "'layer_types' has \"sliding_attention\""},
    {"layer_types", "sliding_attention", "'layer_types' has \"sliding_attention\""},
    {"rope_scaling", {{"rope_type", "yarn"}, {"factor", 4}}, "'rope_scaling' has type \"yarn\""},
    {"rope_scaling", {{"type", "linear"}, {"factor", 4}}, "'rope_scaling' has type \"linear\""},
    {"rope_parameters", {{"rope_type", "dynamic"}}, "'rope_parameters' has type \"dynamic\""},
    {"rope_parameters",
     {{"full_attention", {{"rope_type", "default"}}}},
     "'rope_parameters.full_attention' is"},
    {"rope_parameters",
     {{"rope_theta", 1e4}, {"rope_type", "default"}, {"partial_rotary_factor", 0.5}},
     "'rope_parameters.partial_rotary_factor' is 0.5"},
    {"rope_parameters", 5, "'rope_parameters' is 5, expected an object"},
    {"rope_theta", 5e5, "'rope_parameters.rope_theta' is 10000.0, but 'rope_theta' says"},
    {"rope_theta", -1, "'rope_theta' is -1, expected a number above 0"},
    {"torch_dtype", "bfloat16", "'dtype' is \"float32\", but 'torch_dtype' is \"bfloat16\""},
    {"dtype", "float8_e4m3fn", "'dtype' is \"float8_e4m3fn\", expected float32"},
    {"num_experts", 4, "'num_experts' is 4, but 'num_local_experts' is 3"},
    {"num_local_experts", "ABSENT", "'num_experts' is missing"},
    {"num_experts_per_tok", 4, "'num_experts_per_tok' is 4, expected a whole number from 1 to 3"},
    {"num_key_value_heads", 3,
     "'num_key_value_heads' is 3, which does not divide 'num_attention_heads'"},
    {"head_dim", 3, "'head_dim' must be even"},
    {"hidden_size", 0, "'hidden_size' is 0, expected a whole number from 1"},
    {"hidden_size", -8, "'hidden_size' is -8, expected"},
    {"hidden_size", 8.5, "'hidden_size' is 8.5, expected"},
    {"hidden_size", "8", "'hidden_size' is \"8\", expected"},
    {"hidden_size", uint64_t(1) << 63, "'hidden_size' is 9223372036854775808, expected"},
    {"max_position_embeddings", "many",
     "'max_position_embeddings' is \"many\", expected a whole number from 1"},
    {"vocab_size", "ABSENT", "'vocab_size' is missing"},
    {"rms_norm_eps", "small", "'rms_norm_eps' is \"small\", expected a number above 0"},
    {"tie_word_embeddings", 1, "'tie_word_embeddings' is 1, expected true or false"},
    {"is_encoder_decoder", true, "'is_encoder_decoder' is true: only decoders"},
    {"auto_map",
     {{"AutoModel", "x.Y"}},
     "'auto_map' is {\"AutoModel\":\"x.Y\"}: this build does not know"},
    {"new_thing", 3, "'new_thing' is 3: this build does not know what that changes"}};

INSTANTIATE_TEST_SUITE_P(Keys, Config, testing::ValuesIn(kBadKeys));

TEST(ConfigText, SlidingWindowInUse) {
  FolderModel model;
  model.config["sliding_window"] = 4096; // without effect alone
  model.config["max_window_layers"] = 1;
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  Folder unused, used;
  model.write(unused.path);
  EXPECT_TRUE(importFolder(unused.path, context).module);
  model.config["use_sliding_window"] = true;
  model.write(used.path);
  expectContains(folderErrors(used.path),
                 "'sliding_window' is 4096 and 'use_sliding_window' is true");
}

TEST(ConfigText, KeysWithoutEffectAndNullsAreAccepted) {
  FolderModel model;
  model.config.update({{"attention_dropout", 0.1},
                       {"initializer_range", 0.02},
                       {"router_aux_loss_coef", 0.001},
                       {"transformers_version", "5.0"},
                       {"eos_token_id", {1, 2}},
                       {"quantization_config", nullptr},
                       {"rope_scaling", nullptr},
                       {"new_thing", nullptr}});
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  Folder folder;
  model.write(folder.path);
  EXPECT_TRUE(importFolder(folder.path, context).module);
}

TEST(ConfigText, IsNoJsonThatCanBeRead) {
  FolderModel model;
  Folder folder;
  model.write(folder.path);
  const std::pair<std::string, const char *> texts[] = {
      {"", "config.json: is no valid JSON"},
      {"{", "config.json: is no valid JSON"},
      {"[]", "config.json: must be a JSON object, got array"},
      {R"({"a": 1, "b": 2, "a": 3})", "config.json: has key 'a' twice in one object"},
      {R"({"a": {"\u0061": 1, "a": 3}})", "config.json: has key 'a' twice in one object"},
      {R"({"a": )" + std::string(100, '[') + std::string(100, ']') + "}",
       "config.json: is nested more than 32 levels deep"},
      {std::string(1 << 19, '['), "config.json: is nested more than 32 levels deep"},
      {std::string((1 << 20) + 1, ' '), "file 'config.json' has 1048577 bytes, at most 1048576"}};
  for (const auto &[text, error] : texts) {
    writeFile(folder / "config.json", text);
    expectContains(folderErrors(folder.path), error);
  }
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

using Change = std::function<void(FolderModel &)>;

std::string errorsAfter(const Change &change) {
  FolderModel model;
  change(model);
  Folder folder;
  model.write(folder.path);
  return folderErrors(folder.path);
}

const std::string kExpert = "model.layers.1.mlp.experts.";

TEST(Tensors, MissingOnesAreListed) {
  const std::string errors = errorsAfter([](FolderModel &model) {
    model.tensors.erase(kExpert + "1.up_proj.weight");
    model.tensors.erase("model.norm.weight");
  });
  expectContains(errors, "tensors and config.json do not agree; correct config.json or copy");
  expectContains(errors, "2 missing:\n    model.norm.weight\n    " + kExpert + "1.up_proj.weight");
}

TEST(Tensors, UntiedModelNeedsItsHead) {
  expectContains(errorsAfter([](FolderModel &model) { model.tensors.erase("lm_head.weight"); }),
                 "1 missing:\n    lm_head.weight");
}

TEST(Tensors, ExtraOnesAreListed) {
  const std::string title = "1 that a model of this config does not have:\n    ";
  expectContains(errorsAfter([](FolderModel &model) {
                   model.add("model.layers.0.self_attn.q_proj.bias", {16});
                 }),
                 title + "model.layers.0.self_attn.q_proj.bias in 'model.safetensors'");
  expectContains(
      errorsAfter([](FolderModel &model) { model.config["tie_word_embeddings"] = true; }),
      title + "lm_head.weight in");
  expectContains(errorsAfter([](FolderModel &model) {
                   model.add(kExpert + "3.up_proj.weight", {5, 8});
                 }),
                 title + kExpert + "3.up_proj.weight");
  // Both forms of the experts of one layer.
  expectContains(errorsAfter([](FolderModel &model) {
                   model.add(kExpert + "gate_up_proj", {3, 10, 8});
                   model.add(kExpert + "down_proj", {3, 8, 5});
                 }),
                 "9 that a model of this config does not have");
  // More layers than the config says: 18 tensors, of which 8 are listed.
  const std::string layers =
      errorsAfter([](FolderModel &model) { model.config["num_hidden_layers"] = 1; });
  expectContains(layers, "18 that a model of this config does not have");
  expectContains(layers, ".. and 10 more");
}

TEST(Tensors, WrongShapesAndElementTypesAreListed) {
  const std::string title = "1 not as config.json says:\n    tensor '";
  expectContains(errorsAfter([](FolderModel &model) {
                   model.add("model.layers.0.self_attn.q_proj.weight", {8, 16});
                 }),
                 title + "model.layers.0.self_attn.q_proj.weight' in 'model.safetensors' has shape "
                         "[8, 16], config.json asks for [16, 8]");
  expectContains(errorsAfter([](FolderModel &model) {
                   model.fuseExperts();
                   model.add(kExpert + "gate_up_proj", {3, 8, 10});
                 }),
                 "has shape [3, 8, 10], config.json asks for [3, 10, 8]");
  expectContains(
      errorsAfter([](FolderModel &model) { model.tensors.at("lm_head.weight").dtype = "I32"; }),
      title + "lm_head.weight' in 'model.safetensors' has dtype I32, expected F32, BF16 or F16");
  expectContains(errorsAfter([](FolderModel &model) { model.config["dtype"] = "bfloat16"; }),
                 "has dtype F32, config.json says BF16");
  expectContains(errorsAfter([](FolderModel &model) {
                   FolderModel half;
                   half.convert("F16");
                   model.config.erase("dtype");
                   model.tensors["lm_head.weight"] = half.tensors["lm_head.weight"];
                 }),
                 "has dtype F16, 'model.embed_tokens.weight' has F32");
}

TEST(Tensors, AConfigThatAsksForBillionsIsRefusedSoon) {
  expectContains(errorsAfter([](FolderModel &model) {
                   model.config["num_local_experts"] = 65536;
                   model.config["num_hidden_layers"] = 4096;
                 }),
                 "or more missing");
}

//===----------------------------------------------------------------------===//
// Files
//===----------------------------------------------------------------------===//

std::string length(uint64_t value) {
  return std::string(reinterpret_cast<const char *>(&value), 8);
}

/// A whole safetensors file of that header and so many bytes of data.
std::string fileOf(const std::string &header, size_t data) {
  return length(header.size()) + header + std::string(data, '\0');
}

TEST(WeightFile, DamagedHeadersAreRefused) {
  const std::string a = R"("a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]})",
                    tensor = R"("b":{"dtype":"F32","shape":[2],"data_offsets":)";
  const std::pair<std::string, const char *> files[] = {
      {"", "it has 0 bytes"},
      {"1234567", "it has 7 bytes"},
      {length(10) + "{}", "its header should have 10 bytes, 2 are there"},
      {length(UINT64_MAX) + "{}", "its header should have 18446744073709551615 bytes"},
      {length(UINT64_MAX - 7) + "{}", "its header should have"},
      {length(100'000'001) + std::string(100, ' '), "at most 100000000 are read"},
      {fileOf("hello", 0), "has a damaged header, which is no valid JSON"},
      {fileOf("[]", 0), "must be a JSON object"},
      {fileOf(std::string(5000, '['), 0), "nested more than 32 levels deep"},
      {fileOf("{" + a + "," + a + "}", 8), "has key 'a' twice"},
      {fileOf(R"({"a":5})", 0), "tensor 'a' has no 'dtype'"},
      {fileOf(R"({"a":{"dtype":"F32","shape":[2]}})", 8), "tensor 'a' has no 'data_offsets'"},
      {fileOf(R"({"a":{"dtype":"F3","shape":[2],"data_offsets":[0,8]}})", 8), "unknown dtype 'F3'"},
      {fileOf(R"({"a":{"dtype":3,"shape":[2],"data_offsets":[0,8]}})", 8), "unknown dtype '3'"},
      {fileOf(R"({"a":{"dtype":"F32","shape":2,"data_offsets":[0,8]}})", 8),
       "must have a list as shape"},
      {fileOf(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0]}})", 8),
       "two numbers as data_offsets"},
      {fileOf(R"({"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}})", 8), "got -2"},
      {fileOf(R"({"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,8]}})", 8), "got 1.5"},
      {fileOf(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,18446744073709551615]}})", 8),
       "below 2^63"},
      {fileOf(R"({"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}})", 0),
       "has a shape whose bytes overflow 64 bits"},
      {fileOf(R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", 8),
       "has 8 bytes of data, its shape and dtype need 12"},
      {fileOf("{" + a + "}", 7), "lies at bytes 0 to 8 of the data, of which there are 7"},
      {fileOf("{" + tensor + "[8,0]}}", 8), "lies at bytes 8 to 0 of the data"},
      {fileOf("{" + a + "," + tensor + "[4,12]}}", 12), "tensors 'a' and 'b' overlap"},
      {fileOf("{" + a + "," + tensor + "[12,20]}}", 20), "belong to no tensor"},
      {fileOf("{" + a + "}", 9), "belong to no tensor"}};
  FolderModel model;
  Folder folder;
  model.write(folder.path);
  for (const auto &[bytes, error] : files) {
    writeFile(folder / "model.safetensors", bytes);
    const std::string errors = folderErrors(folder.path);
    expectContains(errors, "weight file 'model.safetensors' ");
    expectContains(errors, error);
    expectContains(errors, "copy it again");
  }
}

TEST(WeightFile, TruncatedAnywhereIsRefused) {
  FolderModel model;
  Folder folder;
  model.write(folder.path);
  const std::string whole = readFile(folder / "model.safetensors");
  for (int place = 0; place < 50; ++place) {
    const size_t bytes = place == 49 ? whole.size() - 1 : whole.size() * size_t(place) / 49;
    writeFile(folder / "model.safetensors", whole.substr(0, bytes));
    expectContains(folderErrors(folder.path), "weight file 'model.safetensors' ");
  }
}

/// Flipped bytes must give a module or an error, and neither crash nor hang.
TEST(WeightFile, FlippedBytesNeverCrash) {
  FolderModel model;
  Folder folder;
  model.write(folder.path);
  std::mt19937 random(3);
  for (const char *name : {"model.safetensors", "config.json"}) {
    const std::string whole = readFile(folder / name);
    const size_t head = std::min<size_t>(whole.size(), 4000);
    for (int round = 0; round < 300; ++round) {
      std::string bytes = whole;
      for (int flips = 1 + round % 3; flips > 0; --flips)
        bytes[random() % head] = static_cast<char>(random());
      writeFile(folder / name, bytes);
      mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
      importFolder(folder.path, context); // expects a module or an error itself
    }
    writeFile(folder / name, whole);
  }
}

/// A folder in three files, with an index that a test may damage.
class Sharded : public testing::Test {
protected:
  Sharded() {
    FolderModel().write(folder.path, {3, false, 1});
    index = json::parse(readFile(path));
  }
  std::string errors() {
    writeFile(path, index.dump());
    return folderErrors(folder.path);
  }

  Folder folder;
  const std::string path = folder / "model.safetensors.index.json";
  const std::string first = "model-00001-of-00003.safetensors";
  json index;
};

TEST_F(Sharded, IndexMustMapTensorsToFiles) {
  writeFile(path, "{");
  expectContains(folderErrors(folder.path),
                 "index 'model.safetensors.index.json' is no valid JSON");
  writeFile(path, R"({"weight_map": {"a": "x", "a": "y"}})");
  expectContains(folderErrors(folder.path), "has key 'a' twice");
  index["weight_map"]["lm_head.weight"] = 5;
  expectContains(errors(), "has 5 as file of tensor 'lm_head.weight'");
  index.erase("weight_map");
  expectContains(errors(), "has no object 'weight_map'");
}

TEST_F(Sharded, IndexAndFilesMustAgree) {
  const json whole = index;
  index["weight_map"]["lm_head.weight"] = "model-00002-of-00003.safetensors";
  expectContains(errors(),
                 "tensor 'lm_head.weight' is in weight file '" + first +
                     "', but 'model.safetensors.index.json' says that it is in 'model-00002");
  index = whole;
  index["weight_map"].erase("lm_head.weight");
  expectContains(errors(), "is in weight file '" + first +
                               "', but 'model.safetensors.index.json' does not name it");
  index = whole;
  index["weight_map"]["other"] = first;
  expectContains(errors(), "tensor 'other' is not in weight file '" + first + "'");
  index = whole;
  std::filesystem::remove(folder / first);
  expectContains(errors(), "weight file '" + first + "' is missing in folder");
}

TEST_F(Sharded, FilesOutsideTheFolderAreRefused) {
  auto refused = [&](const std::string &file, const std::string &why) {
    index["weight_map"]["lm_head.weight"] = file;
    expectContains(errors(), "weight file '" + file + "' " + why);
  };
  refused("../secret.safetensors", "leaves the model's folder with '..'");
  refused("a/../../secret", "leaves the model's folder with '..'");
  refused("/etc/passwd", "is an absolute path");
  refused("", "has no usable file name");
  refused(std::string("a\0b", 3), "has no usable file name");
  Folder elsewhere;
  FolderModel().write(elsewhere.path);
  std::filesystem::create_symlink(elsewhere / "model.safetensors", folder / "Link.safetensors");
  refused("Link.safetensors", "is a link that leaves the model's folder");
  std::filesystem::create_directory(folder / "A");
  refused("A", "is not a file");
  ASSERT_EQ(mkfifo((folder / "Pipe").c_str(), 0600), 0);
  refused("Pipe", "is not a file");
}

TEST(WeightFile, LinksThatLeaveTheFolderAreRefused) {
  Folder folder, elsewhere;
  FolderModel().write(elsewhere.path);
  FolderModel().write(folder.path);
  std::filesystem::remove(folder / "model.safetensors");
  std::filesystem::create_symlink(elsewhere / "model.safetensors", folder / "model.safetensors");
  expectContains(folderErrors(folder.path),
                 "weight file 'model.safetensors' is a link that leaves the model's folder");
  std::filesystem::remove(folder / "config.json");
  std::filesystem::create_symlink(elsewhere / "config.json", folder / "config.json");
  expectContains(folderErrors(folder.path),
                 "file 'config.json' is a link that leaves the model's folder");
  // A link that leads nowhere, or round in a circle.
  std::filesystem::remove(folder / "config.json");
  std::filesystem::create_symlink("config.json", folder / "config.json");
  expectContains(folderErrors(folder.path), "file 'config.json' cannot be opened");
}

TEST(WeightFile, SnapshotsOfTheHubCacheMayNotReachOtherModels) {
  Folder cache;
  for (const char *name : {"other", "blobs", "snapshots", "snapshots/main"})
    std::filesystem::create_directory(cache / name);
  FolderModel().write(cache / "snapshots/main");
  FolderModel().write(cache / "other");
  std::filesystem::remove(cache / "snapshots/main/model.safetensors");
  std::filesystem::create_symlink("../../other/model.safetensors",
                                  cache / "snapshots/main/model.safetensors");
  expectContains(folderErrors(cache / "snapshots/main"),
                 "is a link that leaves the model's folder");
}

} // namespace
