//===- MappedWeightsTest.cpp - weights are mapped, never doubled ------------===//
//
// An artifact is opened and run here, in a program that holds nothing else: what it has of memory
// that is no file's must not grow with the weights. Everything else is done by commands, whose
// memory is their own.
//
//===----------------------------------------------------------------------===//
#include "Command.h"
#include "runtime/include/mixserve_rt.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <numeric>
#include <thread>

namespace fs = std::filesystem;
using namespace mixserve;

namespace {

/// What this process holds now [bytes].
struct Resident {
  int64_t anonymous = 0, ofFiles = 0;

  static Resident now() {
    std::ifstream status("/proc/self/status");
    Resident found;
    std::string key, rest;
    for (int64_t kib = 0; status >> key; std::getline(status, rest)) {
      if (key == "RssAnon:" && status >> kib)
        found.anonymous = kib * 1024;
      else if ((key == "RssFile:" || key == "RssShmem:") && status >> kib) // /tmp may be in memory
        found.ofFiles += kib * 1024;
    }
    return found;
  }
};

/// The most anonymous memory there is while it lives, looked at every half millisecond: a copy of
/// megabytes that is soon given back is there for longer.
class AnonymousPeak {
public:
  AnonymousPeak() : watcher([this] { watch(); }) {}
  ~AnonymousPeak() { stop(); }
  int64_t stop() {
    ending = true;
    if (watcher.joinable())
      watcher.join();
    return std::max(most, Resident::now().anonymous);
  }

private:
  void watch() {
    while (!ending) {
      most = std::max(most, Resident::now().anonymous);
      std::this_thread::sleep_for(std::chrono::microseconds(500));
    }
  }
  std::atomic<bool> ending{false};
  int64_t most = 0;
  std::thread watcher; // last: it uses the others
};

struct Stored {
  const char *name, *type, *cluster, *layout;
};
const Stored kStored[] = {
    {"f32", "--weights=f32", "1x1", "attn_tp=1,attn_dp=1,moe_tp=1,moe_ep=1"},
    {"int8", "--quantize=int8-all", "1x1", "attn_tp=1,attn_dp=1,moe_tp=1,moe_ep=1"},
    {"int8_two_ranks", "--quantize=int8-all", "1x2", "attn_tp=2,attn_dp=1,moe_tp=1,moe_ep=2"}};

class MappedWeights : public testing::TestWithParam<Stored> {
protected:
  static void SetUpTestSuite() {
    std::string name = (fs::temp_directory_path() / "mixserve-mapped-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder = name;
    std::ofstream(folder / "config.json") << R"({
      "architectures": ["Qwen3MoeForCausalLM"], "model_type": "qwen3_moe", "dtype": "bfloat16",
      "hidden_size": 512, "head_dim": 64, "moe_intermediate_size": 256, "norm_topk_prob": true,
      "num_attention_heads": 8, "num_experts_per_tok": 4, "num_hidden_layers": 2,
      "num_key_value_heads": 2, "num_local_experts": 32, "vocab_size": 1024,
      "rope_parameters": {"rope_theta": 10000.0, "rope_type": "default"}})";
    run("generate-hf",
        {"--config", folder / "config.json", "--dtype", "bf16", "-o", folder / "model"});
  }
  static void TearDownTestSuite() { fs::remove_all(folder); }

  static void run(const std::string &name, const std::vector<std::string> &arguments) {
    const test::Finished result = test::runCommand(name, arguments, folder / "log");
    std::ifstream log(folder / "log");
    ASSERT_EQ(result.code, 0) << name
                              << " said: " << std::string(std::istreambuf_iterator<char>(log), {});
  }

  /// Bytes of the artifact's weight files.
  static int64_t compile(const Stored &stored) {
    const char *source = std::getenv("MIXSERVE_SOURCE_DIR");
    const fs::path clusters = fs::path(source ? source : ".") / "models/clusters";
    run("mixserve-compile",
        {folder / "model", "--force", "-o", folder / "artifact", "--cluster",
         clusters / (std::string(stored.cluster) + ".yaml"), "--layout", stored.layout, stored.type,
         "--workload=prompt=64,output=4,concurrency=1", "--max-batch-tokens=64", "--max-seqs=1",
         "--max-context=128"});
    int64_t bytes = 0;
    if (HasFatalFailure())
      return bytes;
    for (const auto &entry : fs::directory_iterator(folder / "artifact/weights"))
      bytes += static_cast<int64_t>(entry.file_size());
    return bytes;
  }

  static inline fs::path folder;
};

/// A prompt that reaches every expert, then some tokens one by one.
void stepSome(mxs_model_t *model) {
  std::vector<int32_t> tokens(64);
  std::iota(tokens.begin(), tokens.end(), 0);
  int64_t position = 0;
  for (int step = 0; step < 4; ++step) {
    const mxs_sequence_t sequence = {0, 0, position, static_cast<int32_t>(tokens.size()),
                                     MXS_LOGITS_LAST};
    const mxs_batch_t batch = {
        sizeof batch, 1,      &sequence, tokens.data(), static_cast<int64_t>(tokens.size()),
        nullptr,      nullptr};
    int32_t next = 0;
    mxs_step_output_t output = {sizeof output, &next, nullptr, 0, nullptr, nullptr};
    ASSERT_EQ(mxs_model_step(model, &batch, &output), MXS_OK) << mxs_last_error();
    position += sequence.num_tokens;
    tokens.assign(1, next);
  }
}

TEST_P(MappedWeights, AreInNoOtherMemory) {
  const int64_t weights = compile(GetParam());
  if (HasFatalFailure())
    return;
  setenv("MXS_THREADS", "2", 1); // each has a stack and scratch memory, and there may be many
  const Resident before = Resident::now();
  AnonymousPeak peak;
  mxs_model_t *model = nullptr;
  ASSERT_EQ(mxs_model_open((folder / "artifact").c_str(), nullptr, &model), MXS_OK)
      << mxs_last_error();
  stepSome(model);
  const int64_t mapped = Resident::now().ofFiles - before.ofFiles;
  const int64_t more = peak.stop() - before.anonymous;
  EXPECT_EQ(mxs_model_close(model), MXS_OK);
  std::printf("%-14s %.1f MB of weights: %.1f MB of files, %.1f MB of other memory\n",
              GetParam().name, double(weights) / 1e6, double(mapped) / 1e6, double(more) / 1e6);
  RecordProperty("anonymous_bytes", std::to_string(more));
  EXPECT_GT(weights, 20'000'000);
  EXPECT_GT(mapped, weights * 3 / 4) << "they are read where they are mapped";
  EXPECT_LT(more, weights / 3) << "caches, activations and threads take some 2 MB";
}

INSTANTIATE_TEST_SUITE_P(Types, MappedWeights, testing::ValuesIn(kStored),
                         [](const auto &info) { return info.param.name; });

} // namespace
