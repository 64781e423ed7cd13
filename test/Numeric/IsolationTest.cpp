//===- IsolationTest.cpp - A rank reads its own weights and the shared ones --===//
#include "test/Numeric/Golden.h"
#include "test/Numeric/Serving.h"
#include "gtest/gtest.h"
#include <cmath>
#include <cstring>
#include <fstream>

using namespace mixserve;
using namespace mixserve::test;

namespace {

/// Overwrites every value of a safetensors file with NaN, keeping its header.
void fillWithNaN(const std::string &path) {
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  ASSERT_TRUE(file) << path;
  uint64_t headerBytes = 0;
  file.read(reinterpret_cast<char *>(&headerBytes), sizeof headerBytes);
  file.seekg(0, std::ios::end);
  const std::streamoff end = file.tellg(), begin = 8 + static_cast<std::streamoff>(headerBytes);
  const float nan = std::nanf("");
  file.seekp(begin);
  for (std::streamoff at = begin; at + 4 <= end; at += 4)
    file.write(reinterpret_cast<const char *>(&nan), 4);
}

/// With plain expert parallelism and attention DP, the experts of another rank matter only to the rows
/// that it computes. A rank whose own file is intact must compute finite rows; one that
/// mapped a neighbour's file would not.
TEST(Isolation, ARankMapsOnlyItsOwnWeights) {
  const auto golden = readGolden(modelsFolder() + "/qwen3moe-tiny/golden.safetensors");
  TemporaryFolder folder;
  writeCluster(folder / "cluster.yaml", 1, 2);
  CompileOptions options;
  options.model = modelsFolder() + "/qwen3moe-tiny/onnx/mobius-onnx-standard/model.onnx";
  options.cluster = folder / "cluster.yaml";
  options.output = folder / "artifact";
  options.layout = "attn_tp=1,attn_dp=2,moe_tp=1,moe_ep=2";
  options.workload = "prompt=12,output=16,concurrency=2";
  options.moeComm = "flat-ep";
  options.maxBatchTokens = 32, options.maxSeqs = 2, options.maxContext = 64;
  ASSERT_EQ(compileOrExplain(options), "");
  fillWithNaN(folder / "artifact/weights/rank-0001.safetensors");

  // A row meets rank 1 unless all its experts, in both layers, are on rank 0. So look at single tokens: some must
  // give numbers, some must not (the runtime names NaN logits and fails the step, so each token gets a fresh model).
  int finite = 0, poisoned = 0;
  for (int32_t token = 0; token < 320; token += 2) {
    mxs_options_t open = {};
    open.size = sizeof open;
    open.skip_checksums = 1;
    mxs_model_t *model = nullptr;
    ASSERT_EQ(mxs_model_open((folder / "artifact").c_str(), &open, &model), MXS_OK) << mxs_last_error();
    const mxs_sequence_t sequence = {0, 0, 0, 1, MXS_LOGITS_LAST};
    const mxs_batch_t batch = {sizeof(mxs_batch_t), 1, &sequence, &token, 1, nullptr, nullptr};
    std::vector<float> logits(320);
    int32_t next = -1;
    mxs_step_output_t output = {sizeof(mxs_step_output_t), &next, logits.data(), 1, nullptr, nullptr};
    if (mxs_model_step(model, &batch, &output) == MXS_OK) {
      EXPECT_TRUE(std::isfinite(logits[0]));
      ++finite;
    } else {
      EXPECT_NE(std::string(mxs_last_error()).find("NaN"), std::string::npos) << mxs_last_error();
      ++poisoned;
    }
    mxs_model_close(model);
  }
  EXPECT_GT(finite, 0) << "rank 0 read rank 1's weights";
  EXPECT_GT(poisoned, 0) << "rank 1's weights were not read at all";
}

} // namespace
