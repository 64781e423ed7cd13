//===- ImportMemoryTest.cpp - import holds no weights
//-------------------------------------------===//
//
// A program of its own: the peak resident size is the process's.
//
//===-----------------------------------------------------------------------------------------===//

#include "LargeModel.h"
#include "Models.h"

#include <chrono>
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
