//===- RunToolTest.cpp - mixserve-run from outside: exit codes and messages -----------------===//
#include "HandMadeArtifact.h"
#include "HandMadeShape.h"
#include "test/Tools/Command.h"

#include "core/MappedFile.h"
#include "core/Safetensors.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>

using mixserve::test::Finished;
using mixserve::test::runCommand;

namespace {

Finished run(const std::string &arguments) {
  return runCommand(std::string(HM_RUN_TOOL) + " " + arguments);
}

bool contains(const std::string &text, const std::string &part) {
  return text.find(part) != std::string::npos;
}

class RunTool : public testing::Test {
protected:
  void SetUp() override {
    folder = handmade::freshFolder();
    handmade::writeArtifact(folder, {2, 2, 2});
  }
  std::string folder;
};

std::vector<int32_t> greedy(std::vector<int32_t> tokens, int count) {
  std::vector<int32_t> generated;
  for (int i = 0; i < count; ++i) {
    const std::vector<double> logits = handmade::referenceLogits(tokens);
    const auto last = logits.end() - HM_VOCAB;
    generated.push_back(int32_t(std::max_element(last, logits.end()) - last));
    tokens.push_back(generated.back());
  }
  return generated;
}

std::string listed(const std::vector<int32_t> &ids) {
  std::string text;
  for (int32_t id : ids)
    text += (text.empty() ? "" : ",") + std::to_string(id);
  return text;
}

/// A verification file of two prompts; `error` is added to one logit.
std::string verificationFile(float error, int32_t tokenError = 0) {
  mxs::SafetensorsWriter file;
  int number = 0;
  for (const std::vector<int32_t> &prompt : {std::vector<int32_t>{3, 1, 4, 1, 5}, {9, 2, 6}}) {
    const std::string n = std::to_string(number++);
    const std::vector<double> exact = handmade::referenceLogits(prompt);
    std::vector<float> logits(exact.begin(), exact.end());
    logits[7] += error;
    std::vector<int32_t> generated = greedy(prompt, 2);
    generated[1] = (generated[1] + tokenError) % HM_VOCAB;
    file.add("prompt" + n, {int64_t(prompt.size())},
             std::vector<int64_t>(prompt.begin(), prompt.end()));
    file.add("greedy" + n, {2}, std::vector<int64_t>(generated.begin(), generated.end()));
    file.add("logits" + n, {int64_t(prompt.size()), HM_VOCAB}, logits);
  }
  const std::string path = handmade::freshFolder() + ".safetensors";
  EXPECT_TRUE(file.write(path).ok());
  return path;
}

TEST_F(RunTool, GeneratesTheSameOneByOneAndMixed) {
  const std::string arguments =
      folder + " --prompt-ids 3,1,4 --prompt-ids 9,2 --prompt-ids 5 --max-new-tokens 2";
  const Finished single = run(arguments), mixed = run(arguments + " --mixed");
  EXPECT_EQ(single.code, 0) << single.text;
  EXPECT_EQ(single.text, listed(greedy({3, 1, 4}, 2)) + "\n" + listed(greedy({9, 2}, 2)) + "\n" +
                             listed(greedy({5}, 2)) + "\n");
  EXPECT_EQ(mixed.text, single.text);
  EXPECT_TRUE(contains(run(arguments + " --json").text, "\"sequences\""));
}

TEST_F(RunTool, SamplesTheSameHoweverManyRunTogether) {
  const std::string prompts = handmade::freshFolder() + ".txt";
  std::ofstream(prompts) << "3,1,4\n\n9,2 \n5\n";
  const std::string arguments = folder + " --prompt-file " + prompts +
                                " --max-new-tokens 8 --json --logprobs --temperature 1.2 --top-k 9"
                                " --top-p 0.95 --min-p 0.01 --repetition-penalty 1.1 --seed ";
  const Finished one = run(arguments + "7"), three = run(arguments + "7 --concurrency 3");
  EXPECT_EQ(one.code, 0) << one.text;
  const auto tokens = [](const Finished &finished) {
    const auto all = nlohmann::json::parse(finished.text)["sequences"];
    EXPECT_EQ(all.size(), 3u);
    std::vector<std::vector<int32_t>> result;
    for (const auto &sequence : all) {
      EXPECT_EQ(sequence["finish"], "length");
      EXPECT_EQ(sequence["logprobs"].size(), 8u);
      result.push_back(sequence["tokens"]);
    }
    return result;
  };
  EXPECT_EQ(tokens(one), tokens(three));
  EXPECT_NE(tokens(one), tokens(run(arguments + "8")));
  // A stop id ends a sequence, and is shown.
  const std::vector<int32_t> all = greedy({3, 1, 4}, 3);
  const auto end = std::find(all.begin(), all.end(), all[2]) + 1;
  const Finished stopped = run(folder + " --prompt-ids 3,1,4 --stop-ids " + std::to_string(all[2]));
  EXPECT_EQ(stopped.text, listed({all.begin(), end}) + "\n");
}

/// The least temperature draws: tokens differ from greedy ones only where logits nearly tie.
TEST_F(RunTool, TheLeastTemperatureIsTaken) {
  const Finished cold = run(folder + " --prompt-ids 3,1,4 --temperature 1e-5 --seed 3");
  EXPECT_EQ(cold.code, 0) << cold.text;
}

TEST_F(RunTool, Verifies) {
  const Finished good = run(folder + " --verify " + verificationFile(0));
  EXPECT_EQ(good.code, 0) << good.text;
  const Finished mixed = run(folder + " --mixed --verify " + verificationFile(0));
  EXPECT_EQ(mixed.code, 0) << mixed.text;
  const Finished bad = run(folder + " --verify " + verificationFile(0.01f));
  EXPECT_EQ(bad.code, 4);
  EXPECT_TRUE(contains(bad.text, "largest logit difference 1.00e-02")) << bad.text;
  EXPECT_EQ(run(folder + " --tolerance 0.1 --verify " + verificationFile(0.01f)).code, 0);
  const Finished token = run(folder + " --verify " + verificationFile(0, 1));
  EXPECT_EQ(token.code, 4);
  EXPECT_TRUE(contains(token.text, "greedy token 1 differs")) << token.text;
  EXPECT_EQ(run(folder + " --verify " + verificationFile(NAN)).code, 4);
}

TEST_F(RunTool, OutputIsAVerificationFile) {
  const std::string output = handmade::freshFolder() + ".safetensors";
  const std::string stats = handmade::freshFolder() + ".json";
  ASSERT_EQ(run(folder + " --prompt-ids 3,1,4 --max-new-tokens 3 --output " + output +
                " --stats=" + stats)
                .code,
            0);
  EXPECT_EQ(run(folder + " --verify " + output).code, 0);
  std::string text;
  ASSERT_TRUE(mxs::readFile(stats, 1 << 20, text).ok());
  EXPECT_TRUE(contains(text, "mixserve.stats/v1"));
  EXPECT_TRUE(contains(text, "attn_ag"));
}

TEST_F(RunTool, UsageErrors) {
  for (const std::string &arguments :
       {std::string(), folder, folder + " --prompt-ids 1 --nonsense", folder + " b --prompt-ids 1",
        folder + " --prompt-ids", folder + " --prompt-ids 1 --deadline 30",
        folder + " --prompt-ids 1 --method quick", folder + " --prompt-ids 1 --top-p 1.5",
        folder + " --prompt-ids 1 --temperature -1", folder + " --prompt-ids 1 --concurrency 0",
        folder + " --prompt-ids 1 --logprobs", folder + " --verify x --top-k 3",
        folder + " --prompt-ids 1 --top-p 0.5",
        folder + " --prompt-ids 1 --temperature 0 --top-k 3", folder + " --prompt-ids 1 --seed 3"})
    EXPECT_EQ(run(arguments).code, 1) << arguments;
  EXPECT_TRUE(contains(run(folder + " --promt-ids 1").text, "did you mean '--prompt-ids'"));
  EXPECT_TRUE(contains(run(folder + " --prompt-ids 1 --min-p 0.1").text,
                       "nothing is drawn without --temperature; give one above 0"));
  EXPECT_EQ(run("--help").code, 0);
  EXPECT_TRUE(contains(run("--version").text, "mixserve"));
}

TEST_F(RunTool, BadInput) {
  struct {
    std::string arguments, message;
  } const cases[] = {
      {folder + " --prompt-ids 32", "outside the vocabulary"},
      {folder + " --prompt-ids 1,x", "is no token id"},
      {folder + " --prompt-ids 1 --stop-ids 1,x", "--stop-ids: 'x' is no token id"},
      {folder + " --prompt-ids 1 --stop-ids 77", "stop_ids"},
      {folder + " --prompt-file " + folder + "/none", "--prompt-file"},
      {folder + " --prompt-ids 1 --max-new-tokens 99", "exceed the artifact's context"},
      {folder + " --prompt-ids 1 --method hybrid", "no dispatch method 'hybrid'"},
      {folder + " --prompt-ids 1 --chunks 4",
       "only the methods hybrid-fused and hier-ep work in chunks"},
      {folder + " --prompt-ids 1 --repetition-penalty 1e-38",
       "repetition_penalty is 1e-38, expected [0.01, 100], or 0 (off)"},
      {folder + " --prompt-ids 1 --repetition-penalty 3e38", "repetition_penalty is 3e+38"},
      {folder + "-missing --prompt-ids 1", "no such folder"},
      {folder + " --verify " + folder + "/none", "cannot open"},
      {folder + " --verify " + folder + "/plan.json", "safetensors"},
      {folder + " --verify " + folder + "/weights/shared.safetensors", "'prompt0' is missing"},
      {folder + " --prompt-ids 1 --output " + folder + "/none/x", "cannot write"},
  };
  for (const auto &[arguments, message] : cases) {
    const Finished result = run(arguments);
    EXPECT_EQ(result.code, 2) << arguments;
    EXPECT_TRUE(contains(result.text, message)) << result.text;
  }
}

TEST_F(RunTool, FailedRankGivesFive) {
  const Finished result = run(folder + " --prompt-ids 31");
  EXPECT_EQ(result.code, 5);
  EXPECT_TRUE(contains(result.text, "the model's code returned")) << result.text;
  EXPECT_EQ(run(folder + " --deadline 200ms --prompt-ids 30").code, 5);
}

} // namespace
