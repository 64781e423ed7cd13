//===- ModelTest.cpp - Steps of a hand-made model through the C ABI -------------------------===//
#include "HandMadeArtifact.h"
#include "HandMadeShape.h"
#include "mixserve_rt.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <regex>
#include <thread>

using nlohmann::json;

namespace {

struct CloseModel {
  void operator()(mxs_model_t *model) const { mxs_model_close(model); }
};
using ModelPtr = std::unique_ptr<mxs_model_t, CloseModel>;

mxs_options_t options() {
  mxs_options_t o{};
  o.size = sizeof o;
  return o;
}

/// One artifact per mesh for all tests of the program.
const std::string &artifact(const handmade::Mesh &mesh) {
  static std::map<std::tuple<int, int, int>, std::string> folders;
  std::string &folder = folders[{mesh.nodes, mesh.devices, mesh.attnTp}];
  if (folder.empty()) {
    folder = handmade::freshFolder();
    handmade::writeArtifact(folder, mesh);
  }
  return folder;
}

ModelPtr open(const handmade::Mesh &mesh, const mxs_options_t &o = options()) {
  mxs_model_t *model = nullptr;
  EXPECT_EQ(mxs_model_open(artifact(mesh).c_str(), &o, &model), MXS_OK) << mxs_last_error();
  return ModelPtr(model);
}

struct Part {
  int32_t group, slot;
  int64_t position;
  std::vector<int32_t> tokens;
  int32_t logits = MXS_LOGITS_ALL;
};

struct Outcome {
  mxs_status_t status;
  std::string text;
  std::vector<int32_t> next;
  std::vector<float> logits;
};

Outcome step(const ModelPtr &model, const std::vector<Part> &parts) {
  std::vector<mxs_sequence_t> sequences;
  std::vector<int32_t> tokens;
  for (const Part &part : parts) {
    sequences.push_back(
        {part.group, part.slot, part.position, int32_t(part.tokens.size()), part.logits});
    tokens.insert(tokens.end(), part.tokens.begin(), part.tokens.end());
  }
  Outcome outcome;
  outcome.next.assign(parts.size(), -7);
  outcome.logits.assign(HM_MAX_TOKENS * HM_VOCAB, 0.0f);
  mxs_batch_t batch{sizeof batch,  int32_t(sequences.size()), sequences.data(),
                    tokens.data(), int64_t(tokens.size()),    nullptr,
                    nullptr};
  mxs_step_output_t output{
      sizeof output, outcome.next.data(), outcome.logits.data(), HM_MAX_TOKENS, nullptr, nullptr};
  outcome.status = mxs_model_step(model.get(), &batch, &output);
  outcome.text = mxs_last_error();
  outcome.logits.resize(outcome.status == MXS_OK ? size_t(output.logits_rows) * HM_VOCAB : 0);
  return outcome;
}

void expectNear(const std::vector<float> &got, const std::vector<double> &expected) {
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i)
    ASSERT_NEAR(got[i], expected[i], 1e-4) << i;
}

int32_t greedy(const std::vector<double> &logits) {
  const auto last = logits.end() - HM_VOCAB;
  return int32_t(std::max_element(last, logits.end()) - last);
}

const std::vector<handmade::Mesh> meshes = {{1, 1, 1}, {2, 2, 2}, {1, 4, 2},
                                            {4, 1, 2}, {2, 4, 2}, {4, 2, 2}};

class ModelSteps : public testing::TestWithParam<handmade::Mesh> {};

TEST_P(ModelSteps, PrefillThenDecode) {
  const ModelPtr model = open(GetParam());
  std::vector<int32_t> tokens = {3, 1, 4, 1, 5};
  Outcome outcome = step(model, {{0, 2, 0, tokens}});
  for (int round = 0; round < 4; ++round) {
    ASSERT_EQ(outcome.status, MXS_OK) << outcome.text;
    const std::vector<double> expected = handmade::referenceLogits(tokens);
    expectNear(outcome.logits, {expected.end() - int64_t(outcome.logits.size()), expected.end()});
    ASSERT_EQ(outcome.next[0], greedy(expected));
    tokens.push_back(outcome.next[0]);
    outcome = step(model, {{0, 2, int64_t(tokens.size()) - 1, {tokens.back()}}});
  }
}

TEST_P(ModelSteps, MixedBatchEqualsOneByOne) {
  const int32_t groups = GetParam().ranks() / GetParam().attnTp, other = groups - 1;
  const std::vector<int32_t> a = {1, 2, 3, 4, 5, 6, 7}, b = {9, 8}, c = {20, 21, 22};
  const ModelPtr alone = open(GetParam());
  const Outcome aPrompt = step(alone, {{0, 0, 0, a}});
  const Outcome bPrompt = step(alone, {{0, 1, 0, b, MXS_LOGITS_LAST}});
  const Outcome cPrompt = step(alone, {{other, 3, 0, c, MXS_LOGITS_LAST}});
  const Outcome aNext = step(alone, {{0, 0, 7, {11}}});

  const ModelPtr mixed = open(GetParam());
  ASSERT_EQ(step(mixed, {{0, 0, 0, a}}).status, MXS_OK);
  const Outcome all = step(
      mixed, {{0, 0, 7, {11}}, {0, 1, 0, b, MXS_LOGITS_LAST}, {other, 3, 0, c, MXS_LOGITS_LAST}});
  ASSERT_EQ(all.status, MXS_OK) << all.text;
  std::vector<float> expected = aNext.logits;
  expected.insert(expected.end(), bPrompt.logits.begin(), bPrompt.logits.end());
  expected.insert(expected.end(), cPrompt.logits.begin(), cPrompt.logits.end());
  EXPECT_EQ(all.logits, expected); // bitwise: no row depends on another sequence
  EXPECT_EQ(all.next, (std::vector<int32_t>{aNext.next[0], bPrompt.next[0], cPrompt.next[0]}));

  const json stats = json::parse(mxs_model_stats(mixed.get()));
  EXPECT_EQ(stats["steps"], 2);
  EXPECT_EQ(stats["tokens"], 13);
  EXPECT_EQ(stats["calls"]["linear"], 2 * 6 * GetParam().ranks()) << "one GEMM per linear and step";
  EXPECT_EQ(stats["rank_calls"][0]["attention"], 2);
  ASSERT_EQ(stats["rank_ns"].size(), size_t(GetParam().ranks()));
  for (const json &spent : stats["rank_ns"]) {
    EXPECT_GT(spent["compute"], 0);
    for (const char *part : {"intra", "inter", "wait"}) {
      EXPECT_GE(spent[part], 0) << part;
    }
    EXPECT_EQ(spent["intra"] == 0, GetParam().ranks() == 1) << "alone, nothing is gathered";
  }
  EXPECT_EQ(stats["bytes"].empty(), GetParam().ranks() == 1);
}

/// Tokens per step, and which sequences are in them, differ; what they give does not.
TEST_P(ModelSteps, HalvesGiveWhatOnePieceGives) {
  const int32_t groups = GetParam().ranks() / GetParam().attnTp, other = groups - 1;
  mxs_options_t o = options();
  o.micro_batches = 2;
  const ModelPtr whole = open(GetParam()), halves = open(GetParam(), o);
  const std::vector<std::vector<Part>> steps = {
      {{0, 0, 0, {1, 2, 3, 4, 5, 6, 7}, MXS_LOGITS_LAST}},
      {{0, 0, 7, {11}, MXS_LOGITS_LAST},
       {0, 1, 0, {9, 8, 7, 6}, MXS_LOGITS_LAST},
       {other, 3, 0, {20, 21, 22}, MXS_LOGITS_NONE}},
      {{0, 0, 8, {12}, MXS_LOGITS_LAST}, {other, 3, 3, {23, 24, 25, 26}, MXS_LOGITS_LAST}},
      {{0, 0, 9, {13}, MXS_LOGITS_LAST}, {0, 1, 4, {5}, MXS_LOGITS_LAST}}};
  for (int round = 0; round < 5; ++round) // threads meet in other orders
    for (const std::vector<Part> &parts : steps) {
      const Outcome expected = step(whole, parts), got = step(halves, parts);
      ASSERT_EQ(got.status, MXS_OK) << got.text;
      EXPECT_EQ(got.logits, expected.logits); // bitwise
      EXPECT_EQ(got.next, expected.next);
    }
  const json stats = json::parse(mxs_model_stats(halves.get()));
  EXPECT_EQ(stats["steps"], 20);
  EXPECT_EQ(stats["rank_calls"][0]["attention"], 5 * 7) << "three of four steps were cut";
  EXPECT_EQ(stats["bytes"], json::parse(mxs_model_stats(whole.get()))["bytes"]);
}

TEST_P(ModelSteps, NoLogitsAsked) {
  const ModelPtr model = open(GetParam());
  const Outcome outcome = step(model, {{0, 0, 0, {1, 2}, MXS_LOGITS_NONE}});
  ASSERT_EQ(outcome.status, MXS_OK) << outcome.text;
  EXPECT_EQ(outcome.next[0], -1);
  EXPECT_TRUE(outcome.logits.empty());
}

TEST_P(ModelSteps, RoutingTrace) {
  const std::string file = handmade::freshFolder() + ".json";
  mxs_options_t o = options();
  o.routing_file = file.c_str();
  ModelPtr model = open(GetParam(), o);
  ASSERT_EQ(step(model, {{0, 0, 0, {1, 2, 3}, MXS_LOGITS_LAST}}).status, MXS_OK);
  ASSERT_EQ(mxs_model_close(model.release()), MXS_OK) << mxs_last_error();
  std::ifstream in(file);
  const json trace = json::parse(in);
  EXPECT_EQ(trace["schema"], "mixserve.routing/v1");
  EXPECT_EQ(trace["top_k"], HM_TOP_K);
  EXPECT_EQ(trace["moe_layers"], json::array({0}));
  ASSERT_EQ(trace["steps"].size(), 1u);
  const json sequence = {{"group", 0}, {"tokens", 3}, {"asked", 1}};
  EXPECT_EQ(trace["steps"][0]["sequences"][0], sequence);
  EXPECT_EQ(trace["steps"][0]["variant"], "allgather");
  ASSERT_EQ(trace["steps"][0]["ids"][0].size(), 3u * HM_TOP_K);
  for (int id : trace["steps"][0]["ids"][0])
    EXPECT_TRUE(id >= 0 && id < HM_EXPERTS);
  std::filesystem::remove(file);
}

/// The trace goes by the layer that the call names, not by the order of calls.
TEST(ModelErrors, RoutingOfALayerWithoutExperts) {
  const std::string folder = handmade::freshFolder(), file = handmade::freshFolder() + ".json";
  handmade::writeArtifact(folder, {1, 1, 1}, [](json &m) {
    m["model"]["layers"] = 2;
    m["model"]["moe_layers"] = {1};
  });
  mxs_options_t o = options();
  o.routing_file = file.c_str();
  mxs_model_t *opened = nullptr;
  ASSERT_EQ(mxs_model_open(folder.c_str(), &o, &opened), MXS_OK) << mxs_last_error();
  const ModelPtr model(opened);
  const Outcome outcome = step(model, {{0, 0, 0, {1, 2, 3}, MXS_LOGITS_LAST}});
  EXPECT_EQ(outcome.status, MXS_INTERNAL);
  EXPECT_NE(outcome.text.find("layer 0 routes to 2 experts; the manifest does not say so"),
            std::string::npos)
      << outcome.text;
}

INSTANTIATE_TEST_SUITE_P(Meshes, ModelSteps, testing::ValuesIn(meshes), [](const auto &info) {
  return std::to_string(info.param.nodes) + "x" + std::to_string(info.param.devices);
});

//===----------------------------------------------------------------------===//
// Refusals and failures
//===----------------------------------------------------------------------===//

int64_t threadsOfThisProcess() {
  const std::filesystem::directory_iterator tasks("/proc/self/task");
  return std::distance(begin(tasks), end(tasks));
}

/// The same without threads that have ended: whoever joins one may be back a moment before the
/// system has taken it away.
int64_t threadsThatLive() {
  int64_t threads = threadsOfThisProcess();
  for (int same = 0; same < 10; ++same) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    const int64_t now = threadsOfThisProcess();
    if (now != threads)
      same = 0;
    threads = now;
  }
  return threads;
}

/// A thread per rank and per node, one for the network: compute threads are the process's own, and
/// with more models and ranks they do not become more.
TEST(ModelThreads, RanksShareOnePool) {
  const ModelPtr first = open({1, 1, 1});
  ASSERT_EQ(step(first, {{0, 0, 0, {1}}}).status, MXS_OK);
  for (const handmade::Mesh &mesh : {handmade::Mesh{1, 1, 1}, {1, 4, 2}, {2, 2, 2}, {2, 4, 2}}) {
    const int64_t before = threadsThatLive();
    const ModelPtr model = open(mesh);
    ASSERT_EQ(step(model, {{0, 0, 0, {1, 2, 3}}}).status, MXS_OK);
    EXPECT_EQ(threadsOfThisProcess() - before, mesh.ranks() + mesh.nodes + 1) << mesh.ranks();
  }
}

TEST(ModelErrors, RefusedBatchesLeaveTheModelUsable) {
  const ModelPtr model = open({2, 2, 2});
  EXPECT_EQ(step(model, {{0, 0, 0, {32}}}).status, MXS_INVALID_ARGUMENT);
  EXPECT_EQ(step(model, {{0, 0, 3, {1}}}).status, MXS_INVALID_ARGUMENT) << "nothing is cached";
  EXPECT_EQ(step(model, {{0, 4, 0, {1}}}).status, MXS_RESOURCE_EXHAUSTED);
  EXPECT_EQ(step(model, {{0, 0, 0, std::vector<int32_t>(33, 1)}}).status, MXS_RESOURCE_EXHAUSTED);
  EXPECT_EQ(step(model, {}).status, MXS_INVALID_ARGUMENT);
  EXPECT_EQ(step(model, {{0, 0, 0, {1}}}).status, MXS_OK);
}

TEST(ModelErrors, FailureOfARankEndsTheRun) {
  const ModelPtr model = open({2, 2, 2});
  const Outcome outcome = step(model, {{1, 0, 0, {31}}});
  EXPECT_EQ(outcome.status, MXS_INTERNAL);
  EXPECT_NE(outcome.text.find("the model's code returned"), std::string::npos) << outcome.text;
  const Outcome later = step(model, {{0, 0, 0, {1}}});
  EXPECT_EQ(later.status, MXS_ABORTED);
  EXPECT_NE(later.text.find("an earlier step failed"), std::string::npos) << later.text;
}

TEST(ModelErrors, HangingRankTimesOut) {
  mxs_options_t o = options();
  o.deadline_ns = 300'000'000;
  const ModelPtr model = open({2, 2, 2}, o);
  const auto begin = std::chrono::steady_clock::now();
  const Outcome outcome = step(model, {{1, 0, 0, {30}}});
  EXPECT_EQ(outcome.status, MXS_TIMEOUT) << outcome.text;
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
  EXPECT_TRUE(std::regex_search(outcome.text, std::regex("rank [0-9]+, mxs_[a-z_]+: ")))
      << outcome.text;
  EXPECT_FALSE(std::regex_search(outcome.text, std::regex("rank ([0-9]+)[^;]*: rank \\1: ")))
      << outcome.text;
  // The rank may still hang, and go on at any time; what was counted can be read all the same.
  const json stats = json::parse(mxs_model_stats(model.get()));
  EXPECT_EQ(stats["steps"], 0);
  EXPECT_EQ(stats["rank_calls"].size(), 4u);
}

/// Token 31, and 30, are in the early half of the prompt; the late half waits for its attention.
TEST(ModelErrors, AnEarlyHalfThatFailsOrHangsEndsTheStep) {
  mxs_options_t o = options();
  o.deadline_ns = 300'000'000;
  o.micro_batches = 2;
  for (const handmade::Mesh &mesh : {handmade::Mesh{1, 1, 1}, {2, 2, 2}}) {
    const int32_t group = mesh.ranks() / mesh.attnTp - 1;
    const ModelPtr fails = open(mesh, o), hangs = open(mesh, o);
    Outcome outcome = step(fails, {{group, 0, 0, {31, 1, 2, 3}, MXS_LOGITS_LAST}});
    EXPECT_EQ(outcome.status, MXS_INTERNAL) << outcome.text;
    EXPECT_NE(outcome.text.find("the model's code returned"), std::string::npos) << outcome.text;
    outcome = step(hangs, {{group, 0, 0, {30, 1, 2, 3}, MXS_LOGITS_LAST}});
    EXPECT_EQ(outcome.status, MXS_TIMEOUT) << outcome.text;
    // A rank that waits for the one that hangs, or the leader of its node.
    EXPECT_TRUE(std::regex_search(outcome.text, std::regex("rank [0-9]+(, mxs_| after mxs_)")))
        << outcome.text;
  }
}

TEST(ModelErrors, HangingSingleRankTimesOut) {
  mxs_options_t o = options();
  o.deadline_ns = 300'000'000;
  const ModelPtr model = open({1, 1, 1}, o);
  const Outcome outcome = step(model, {{0, 0, 0, {30}}});
  EXPECT_EQ(outcome.status, MXS_TIMEOUT) << outcome.text;
  EXPECT_NE(outcome.text.find("no rank made progress"), std::string::npos) << outcome.text;
}

TEST(ModelErrors, ForcedMethodsAreHonouredOrRefused) {
  mxs_options_t o = options();
  mxs_model_t *model = nullptr;
  o.variant = "hybrid";
  EXPECT_EQ(mxs_model_open(artifact({1, 1, 1}).c_str(), &o, &model), MXS_INVALID_ARGUMENT);
  EXPECT_NE(std::string(mxs_last_error()).find("compiled with: allgather"), std::string::npos);
  o.variant = nullptr;
  o.chunks = 4;
  EXPECT_EQ(mxs_model_open(artifact({1, 1, 1}).c_str(), &o, &model), MXS_INVALID_ARGUMENT);
  o.chunks = 0;
  o.micro_batches = 3;
  EXPECT_EQ(mxs_model_open(artifact({1, 1, 1}).c_str(), &o, &model), MXS_INVALID_ARGUMENT);
  EXPECT_NE(
      std::string(mxs_last_error()).find("micro_batches is 3, expected 0 (by the table), 1 or 2"),
      std::string::npos);
  o.micro_batches = 2;
  o.routing_file = "never-written.json";
  EXPECT_EQ(mxs_model_open(artifact({1, 1, 1}).c_str(), &o, &model), MXS_INVALID_ARGUMENT);
  EXPECT_NE(std::string(mxs_last_error()).find("a routing trace is of steps in one piece"),
            std::string::npos);
  o.routing_file = nullptr;
  o.size = 3;
  EXPECT_EQ(mxs_model_open(artifact({1, 1, 1}).c_str(), &o, &model), MXS_INVALID_ARGUMENT);
  EXPECT_EQ(model, nullptr);
}

TEST(ModelErrors, ADeadlineThatSumsCannotHoldIsRefused) {
  mxs_options_t o = options();
  o.deadline_ns = 9'000'000'000'000'000'000;
  mxs_model_t *model = nullptr;
  EXPECT_EQ(mxs_model_open(artifact({1, 1, 1}).c_str(), &o, &model), MXS_INVALID_ARGUMENT);
  EXPECT_NE(std::string(mxs_last_error()).find("expected at most 1000000000000000 ns (11 days)"),
            std::string::npos)
      << mxs_last_error();
  o.deadline_ns = 1'000'000'000'000'000;
  const ModelPtr longest = open({1, 1, 1}, o);
  EXPECT_EQ(step(longest, {{0, 0, 0, {1}}}).status, MXS_OK);
}

TEST(ModelErrors, EnvironmentIsChecked) {
  setenv("MXS_DEADLINE_MS", "soon", 1);
  mxs_model_t *model = nullptr;
  EXPECT_EQ(mxs_model_open(artifact({1, 1, 1}).c_str(), nullptr, &model), MXS_INVALID_ARGUMENT);
  unsetenv("MXS_DEADLINE_MS");
}

TEST(ModelErrors, ALaunchNeedsALauncher) {
  mxs_options_t o = options();
  o.launched = 1;
  mxs_model_t *model = nullptr;
  EXPECT_EQ(mxs_model_open(artifact({2, 1, 1}).c_str(), &o, &model), MXS_INVALID_ARGUMENT);
  EXPECT_NE(std::string(mxs_last_error()).find("start with mpirun or srun"), std::string::npos);
  // Nobody leads node 0.
  const ModelPtr alone = open({1, 1, 1});
  EXPECT_EQ(mxs_model_node(alone.get()), 0);
  EXPECT_EQ(mxs_model_follow(alone.get()), MXS_INVALID_ARGUMENT);
  EXPECT_EQ(mxs_model_follow(nullptr), MXS_INVALID_ARGUMENT);
}

} // namespace
