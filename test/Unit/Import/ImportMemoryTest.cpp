//===- ImportMemoryTest.cpp - import holds no weights -----------------------------------------===//
//
// A program of its own: the peak resident size is the process's.
//
//===-----------------------------------------------------------------------------------------===//

#include "FolderModel.h"
#include "LargeModel.h"
#include "Models.h"

#include <chrono>
#include <ctime>
#include <fstream>
#include <gtest/gtest.h>
#include <sys/resource.h>

using namespace mixserve::test;

namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kSanitized = true;
#elif defined(__has_feature)
constexpr bool kSanitized = __has_feature(address_sanitizer);
#else
constexpr bool kSanitized = false;
#endif

constexpr uint64_t kGiB = uint64_t(1) << 30;

/// Peak resident size of this process [bytes].
uint64_t peakBytes() {
  rusage usage;
  EXPECT_EQ(getrusage(RUSAGE_SELF, &usage), 0);
  return static_cast<uint64_t>(usage.ru_maxrss) * 1024;
}

void importLarge(WeightPlace place) {
  Folder folder;
  const char *source = std::getenv("MIXSERVE_SOURCE_DIR");
  const std::string tiny = std::string(source ? source : ".") +
                           "/models/qwen3moe-tiny/onnx/mobius-onnx-standard/model.onnx";
  // 12288 * 262144 bytes are 3 GiB: more than Protobuf itself can hold.
  const uint64_t weights = writeLargeModel(tiny, folder.path, place, 262144);
  ASSERT_GT(weights, 3 * kGiB);
  const auto start = std::chrono::steady_clock::now();
  mlir::MLIRContext context;
  Imported imported = importFile(folder / "model.onnx", context);
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  ASSERT_TRUE(imported.module) << imported.errors;
  std::printf("%.1f GiB of weights: %.3f s, peak %.0f MB\n", weights / double(kGiB), seconds,
              peakBytes() / 1e6);
  if (!kSanitized) {
    EXPECT_LT(peakBytes(), 300e6);
    EXPECT_LT(seconds, 2);
  }
}

TEST(ImportMemory, ExternalWeightsAreNotHeld) { importLarge(WeightPlace::External); }
TEST(ImportMemory, InlineWeightsAreNotHeld) { importLarge(WeightPlace::Inline); }

/// Bytes that this process has read from files.
uint64_t bytesRead() {
  std::ifstream io("/proc/self/io");
  std::string key;
  uint64_t value = 0;
  while (io >> key >> value)
    if (key == "rchar:")
      return value;
  ADD_FAILURE() << "no rchar in /proc/self/io";
  return 0;
}

TEST(ImportMemory, WeightsOfAFolderAreNotRead) {
  // 32 layers of 3 * 131072 bytes for each of 128 experts: 3 GiB as bfloat16, in 4 files.
  FolderModel model;
  model.config.update({{"hidden_size", 256},
                       {"head_dim", 64},
                       {"moe_intermediate_size", 512},
                       {"num_hidden_layers", 32},
                       {"num_local_experts", 128}});
  model.tensors.clear();
  auto add = [&](const std::string &name, std::vector<int64_t> shape) {
    model.tensors[name] = {name, "BF16", std::move(shape), {}};
  };
  model.config["dtype"] = "bfloat16";
  add("model.embed_tokens.weight", {7, 256});
  add("lm_head.weight", {7, 256});
  add("model.norm.weight", {256});
  for (int l = 0; l < 32; ++l) {
    const std::string layer = "model.layers." + std::to_string(l) + ".";
    add(layer + "input_layernorm.weight", {256});
    add(layer + "post_attention_layernorm.weight", {256});
    add(layer + "self_attn.q_proj.weight", {256, 256});
    add(layer + "self_attn.k_proj.weight", {128, 256});
    add(layer + "self_attn.v_proj.weight", {128, 256});
    add(layer + "self_attn.o_proj.weight", {256, 256});
    add(layer + "self_attn.q_norm.weight", {64});
    add(layer + "self_attn.k_norm.weight", {64});
    add(layer + "mlp.gate.weight", {128, 256});
    for (int e = 0; e < 128; ++e)
      for (const char *kind : {"gate", "up", "down"})
        add(layer + "mlp.experts." + std::to_string(e) + "." + kind + "_proj.weight",
            kind[0] == 'd' ? std::vector<int64_t>{256, 512} : std::vector<int64_t>{512, 256});
  }
  Folder folder;
  model.write(folder.path, {4, /*sparse=*/true, 1});
  uint64_t metadata = 0, weights = 0;
  for (const auto &entry : std::filesystem::directory_iterator(folder.path))
    weights += entry.file_size();
  ASSERT_GT(weights, 3 * kGiB);
  metadata = std::filesystem::file_size(folder / "model.safetensors.index.json") +
             model.tensors.size() * 200; // an entry of a header
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  const std::clock_t start = std::clock();
  const uint64_t before = bytesRead();
  Imported imported = importFolder(folder.path, context);
  const uint64_t read = bytesRead() - before;
  const double seconds = double(std::clock() - start) / CLOCKS_PER_SEC;
  ASSERT_TRUE(imported.module) << imported.errors;
  std::printf("%.1f GiB of weights in %zu tensors: %.3f s of CPU, peak %.0f MB, %.1f MB read\n",
              weights / double(kGiB), model.tensors.size(), seconds, peakBytes() / 1e6, read / 1e6);
  EXPECT_LT(read, 2 * metadata);
  if (!kSanitized) {
    EXPECT_LT(peakBytes(), 300e6);
  }
}

/// Seconds for a chain of `count` nodes, the best of three.
double secondsFor(int count) {
  ::onnx::ModelProto model = matMulModel();
  std::string last = "y";
  for (int i = 0; i < count; ++i) {
    const std::string next = "v" + std::to_string(i);
    addNode(model, "Add", {last, "y"}, {next}, "add" + std::to_string(i));
    last = next;
  }
  Folder folder;
  writeFile(folder / "model.onnx", model.SerializeAsString());
  double best = 1e9;
  for (int round = 0; round < 3; ++round) {
    const auto start = std::chrono::steady_clock::now();
    mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
    EXPECT_TRUE(importFile(folder / "model.onnx", context).module);
    best = std::min(
        best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

TEST(ImportTime, IsLinearInNodes) {
  const double few = secondsFor(4000), many = secondsFor(32000);
  std::printf("4000 nodes: %.3f s, 32000 nodes: %.3f s\n", few, many);
  // 8 times the nodes; a quadratic step would give 64.
  EXPECT_LT(many, 24 * few);
}

} // namespace
