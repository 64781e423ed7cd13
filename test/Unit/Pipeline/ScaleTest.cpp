//===- ScaleTest.cpp - what the commands take for large models --------------===//
//
// Gigabytes of weights, and many layers and experts. Peak memory is that of the child process.
//
//===----------------------------------------------------------------------===//
#include "Command.h"
#include "test/Generate/Qwen3Moe.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>

namespace fs = std::filesystem;
using namespace mixserve;
using test::Finished;

namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kSanitized = true;
#elif defined(__has_feature)
constexpr bool kSanitized = __has_feature(address_sanitizer);
#else
constexpr bool kSanitized = false;
#endif

/// A folder of its own with a model in it.
class Scale : public testing::Test {
protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "mixserve-scale-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder = name;
    const char *source = std::getenv("MIXSERVE_SOURCE_DIR");
    cluster = fs::path(source ? source : ".") / "models/clusters/2x2.yaml";
  }
  void TearDown() override { fs::remove_all(folder); }

  void writeModel(const generate::Qwen3Moe &size, generate::OnnxGraph::Form form) {
    generate::qwen3Moe(size).write(model(), form);
  }
  std::vector<std::string> withModel(std::vector<std::string> options) const {
    options.insert(options.begin(), {model(), "--cluster", cluster});
    return options;
  }
  std::string model() const { return folder / "model.onnx"; }
  std::string text(const std::string &file) const {
    std::ifstream stream(folder / file);
    return {std::istreambuf_iterator<char>(stream), {}};
  }
  /// Runs a command and expects success.
  Finished run(const std::string &name, const std::vector<std::string> &arguments) {
    const Finished result = test::runCommand(name, arguments, folder / "log");
    EXPECT_EQ(result.code, 0) << name << " said: " << text("log");
    std::printf("%s: %.2f s CPU, %.2f s elapsed, peak %.0f MB\n", name.c_str(), result.cpuSeconds,
                result.wallSeconds, double(result.peakBytes) / 1e6);
    return result;
  }

  fs::path folder;
  std::string cluster;
};

generate::Qwen3Moe gigabyteModel() {
  generate::Qwen3Moe size;
  size.layers = 6;
  size.experts = 32;
  size.hidden = 1024;
  size.ffn = 512;
  return size;
}

/// What is measured is asserted loosely: how fast it is, says test/Generate/compile-times.py.
class NoWeights : public Scale {
protected:
  /// A gigabyte that was read would be in the peak, and many of them in the time.
  void expectLean(const Finished &result) {
    if (kSanitized)
      return;
    EXPECT_LT(result.peakBytes, uint64_t(300e6));
    EXPECT_LT(result.cpuSeconds, 10);
  }

  void compileAndPlan(bool isExternal) {
    const generate::Qwen3Moe size = gigabyteModel();
    const int64_t weightBytes = size.layers * size.experts * 3 * size.hidden * size.ffn * 4;
    ASSERT_GE(weightBytes, int64_t(1) << 30);
    writeModel(size, {isExternal, /*sparse=*/true});
    ASSERT_GE(int64_t(fs::file_size(isExternal ? model() + ".data" : model())), weightBytes);
    expectLean(
        run("mixserve-compile", withModel({"--compile-to=shard", "-o", folder / "sharded.mlir"})));
    EXPECT_NE(text("sharded.mlir").find("moe.expert_ffn"), std::string::npos);
    expectLean(run("mixserve-plan", withModel({"--top=1"})));
    EXPECT_NE(text("log").find("Chosen: "), std::string::npos);
  }
};

TEST_F(NoWeights, ExternalData) { compileAndPlan(true); }
TEST_F(NoWeights, Inline) { compileAndPlan(false); }

/// The layers and experts of Qwen3-235B-A22B with narrow rows.
generate::Qwen3Moe deepModel(int64_t layers) {
  generate::Qwen3Moe size;
  size.layers = layers;
  size.experts = 128;
  size.topK = 8;
  size.hidden = 16;
  size.ffn = 4;
  size.headDim = 8;
  return size;
}

class Deep : public Scale {
protected:
  /// Bytes of the artifact's code.
  uint64_t compile(int64_t layers) {
    writeModel(deepModel(layers), {});
    const std::vector<std::string> options{"--moe-comm=hybrid-fused",
                                           "--workload=prompt=4,output=4,concurrency=2",
                                           "--max-batch-tokens=8",
                                           "--force",
                                           "-o",
                                           folder / "model.mxs"};
    EXPECT_EQ(run("mixserve-compile", withModel(options)).code, 0);
    return fs::file_size(folder / "model.mxs/code/model.so");
  }
};

TEST_F(Deep, CompilesToAFunctionPerKindOfLayerAndRuns) {
  const uint64_t few = compile(2), many = compile(94);
  std::printf("code: %llu bytes for 2 layers, %llu for 94\n", (unsigned long long)few,
              (unsigned long long)many);
  // A layer adds a call and the addresses of its parameters.
  EXPECT_LT(many - few, 92 * 1024u);
  run("mixserve-run", {folder / "model.mxs", "--prompt-ids=1,2,3", "--max-new-tokens=2"});
}

} // namespace
