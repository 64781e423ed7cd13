//===- EngineTest.cpp - Requests through the C ABI, on the hand-made model ---------------------===//
#include "HandMadeArtifact.h"
#include "HandMadeShape.h"
#include "mixserve_rt.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <thread>

using nlohmann::json;

namespace {

struct Told {
  std::vector<int32_t> tokens;
  std::vector<float> logprobs;
  int32_t finish = MXS_FINISH_NONE, status = MXS_OK;
  std::string error;
  uint64_t queuedNs = 0;
};

/// Model, engine and what was told; everything is checked for order.
class Server {
public:
  explicit Server(const handmade::Mesh &mesh, mxs_engine_options_t options = {},
                  const handmade::Edit &edit = {}) {
    const std::string folder = handmade::freshFolder();
    handmade::writeArtifact(folder, mesh, edit);
    mxs_options_t open{};
    open.size = sizeof open;
    EXPECT_EQ(mxs_model_open(folder.c_str(), &open, &model), MXS_OK) << mxs_last_error();
    options.size = sizeof options;
    options.user = this;
    options.on_event = [](void *user, const mxs_event_t *event) {
      static_cast<Server *>(user)->hear(*event);
    };
    EXPECT_EQ(mxs_engine_open(model, &options, &engine), MXS_OK) << mxs_last_error();
  }
  ~Server() {
    EXPECT_EQ(mxs_engine_close(engine), MXS_OK) << mxs_last_error();
    EXPECT_EQ(mxs_model_close(model), MXS_OK) << mxs_last_error();
  }

  mxs_status_t submit(const std::vector<int32_t> &prompt, int64_t newTokens, uint64_t &id,
                      const mxs_sampling_t &sampling = {},
                      const std::function<void(mxs_request_t &)> &change = {}) {
    mxs_request_t request{};
    request.size = sizeof request;
    request.tokens = prompt.data();
    request.num_tokens = int32_t(prompt.size());
    request.max_new_tokens = newTokens;
    request.sampling = sampling;
    if (change)
      change(request);
    return mxs_engine_submit(engine, &request, &id);
  }
  void wait() { ASSERT_EQ(mxs_engine_wait(engine, 60'000'000'000), MXS_OK) << mxs_last_error(); }
  Told of(uint64_t id) {
    std::lock_guard<std::mutex> lock(mutex);
    return told[id];
  }
  json stats() { return json::parse(mxs_engine_stats(engine)); }

  mxs_model_t *model = nullptr;
  mxs_engine_t *engine = nullptr;
  std::function<void(const mxs_event_t &)> onEvent;

private:
  void hear(const mxs_event_t &event) {
    {
      std::lock_guard<std::mutex> lock(mutex);
      Told &t = told[event.request];
      EXPECT_EQ(t.finish, MXS_FINISH_NONE) << "an event after the last one";
      EXPECT_EQ(event.index, int64_t(t.tokens.size()));
      if (event.token >= 0) {
        t.tokens.push_back(event.token);
        t.logprobs.push_back(event.logprob);
      }
      t.finish = event.finish;
      t.queuedNs = event.queued_ns;
      t.status = event.status;
      t.error = event.error ? event.error : "";
    }
    if (onEvent)
      onEvent(event);
  }

  std::mutex mutex;
  std::map<uint64_t, Told> told;
};

const handmade::Mesh one{1, 1, 1}, four{2, 2, 2}, spanning{4, 1, 2};

struct Case {
  std::vector<int32_t> prompt;
  int64_t newTokens;
  mxs_sampling_t sampling;
};

std::vector<Case> randomCases(int count, unsigned seed) {
  std::mt19937 engine(seed);
  std::vector<Case> cases;
  for (int i = 0; i < count; ++i) {
    Case c{std::vector<int32_t>(1 + engine() % 14), int64_t(1 + engine() % 8), {}};
    for (int32_t &token : c.prompt)
      token = int32_t(engine() % 30); // 30 and 31 make the hand-made model hang and fail
    const uint64_t s = engine();
    const mxs_sampling_t kinds[] = {{},
                                    {1.0f, 0, 0, 0, 0, 1, s},
                                    {0.7f, 5, 0, 0, 0, 1, s},
                                    {1.5f, 0, 0.8f, 0, 1.3f, 1, s},
                                    {1.0f, 8, 0.9f, 0.05f, 0, 1, s},
                                    {0, 0, 0, 0, 1.5f, 1, 0}};
    c.sampling = kinds[i % 6];
    cases.push_back(std::move(c));
  }
  return cases;
}

// One at a time, prompts whole: what every sequence gets alone.
std::vector<Told> alone(const handmade::Mesh &mesh, const std::vector<Case> &cases) {
  Server server(mesh);
  std::vector<Told> results;
  for (const Case &c : cases) {
    uint64_t id = 0;
    EXPECT_EQ(server.submit(c.prompt, c.newTokens, id, c.sampling), MXS_OK) << mxs_last_error();
    server.wait();
    results.push_back(server.of(id));
  }
  return results;
}

class EngineMeshes : public testing::TestWithParam<handmade::Mesh> {};

TEST_P(EngineMeshes, ManyTogetherGetTheTokensTheyGetAlone) {
  const std::vector<Case> cases = randomCases(60, 5);
  const std::vector<Told> expected = alone(GetParam(), cases);
  for (int32_t chunk : {0, 3}) {
    mxs_engine_options_t options{};
    options.max_prefill_chunk = chunk;
    options.max_batch_tokens = chunk ? 7 : 0;
    Server server(GetParam(), options);
    std::vector<uint64_t> ids(cases.size());
    // Two threads submit while the engine runs.
    const auto submit = [&](size_t from) {
      for (size_t i = from; i < cases.size(); i += 2)
        ASSERT_EQ(server.submit(cases[i].prompt, cases[i].newTokens, ids[i], cases[i].sampling),
                  MXS_OK)
            << mxs_last_error();
    };
    std::thread other(submit, 1);
    submit(0);
    other.join();
    server.wait();
    for (size_t i = 0; i < cases.size(); ++i) {
      const Told got = server.of(ids[i]);
      EXPECT_EQ(got.tokens, expected[i].tokens) << i << ", chunk " << chunk;
      EXPECT_EQ(got.finish, MXS_FINISH_LENGTH);
      for (size_t t = 0; t < got.tokens.size() && cases[i].sampling.logprob; ++t)
        EXPECT_NEAR(got.logprobs[t], expected[i].logprobs[t], 1e-4);
    }
    const json stats = server.stats();
    EXPECT_EQ(stats["finished"]["length"], cases.size());
    EXPECT_EQ(stats["running"], 0);
    EXPECT_LE(stats["peak_running"], HM_MAX_SEQS * (GetParam().ranks() / GetParam().attnTp));
    if (chunk == 0) {
      EXPECT_LT(stats["steps"], 250) << "sequences share steps";
    }
  }
}

TEST_P(EngineMeshes, GreedyTokensAndLogprobsAreTheReferences) {
  Server server(GetParam());
  const std::vector<int32_t> prompt = {3, 1, 4, 1, 5};
  mxs_sampling_t sampling{};
  sampling.logprob = 1;
  std::vector<float> logits(prompt.size() * HM_VOCAB);
  uint64_t id = 0;
  ASSERT_EQ(server.submit(prompt, 3, id, sampling,
                          [&](auto &r) { r.prompt_logits = logits.data(); }),
            MXS_OK);
  server.wait();
  std::vector<int32_t> tokens = prompt;
  for (size_t i = 0; i < 3; ++i) {
    const std::vector<double> all = handmade::referenceLogits(tokens);
    const std::vector<double> last(all.end() - HM_VOCAB, all.end());
    const auto best = std::max_element(last.begin(), last.end());
    double sum = 0;
    for (double value : last)
      sum += std::exp(value);
    ASSERT_EQ(server.of(id).tokens[i], best - last.begin());
    EXPECT_NEAR(server.of(id).logprobs[i], *best - std::log(sum), 1e-4);
    tokens.push_back(int32_t(best - last.begin()));
  }
  const std::vector<double> expected = handmade::referenceLogits(prompt);
  for (size_t i = 0; i < logits.size(); ++i)
    ASSERT_NEAR(logits[i], expected[i], 1e-4);
}

INSTANTIATE_TEST_SUITE_P(Meshes, EngineMeshes, testing::Values(one, four, spanning),
                         [](const auto &info) {
                           return std::to_string(info.param.nodes) + "x" +
                                  std::to_string(info.param.devices);
                         });

TEST(Engine, GreedyMovesNoSampleBytesAndSamplingLittle) {
  Server server(four);
  uint64_t id = 0;
  const auto sampleBytes = [&] {
    int64_t sum = 0;
    const json stats = json::parse(mxs_model_stats(server.model));
    for (const json &row : stats["bytes"])
      if (row["op"] == "sample" && row["dir"] == "out")
        sum += row["bytes"].get<int64_t>();
    return sum;
  };
  ASSERT_EQ(server.submit({1, 2}, 3, id), MXS_OK);
  server.wait();
  EXPECT_EQ(sampleBytes(), 0);
  ASSERT_EQ(server.submit({1, 2}, 3, id, {1, 0, 0, 0, 0, 0, 9}), MXS_OK);
  server.wait();
  EXPECT_EQ(sampleBytes(), 3 * 2 * 32) << "a summary per token, to each other rank of the group";
}

TEST(Engine, QueueIsBoundedAndCancelFreesSlots) {
  mxs_engine_options_t options{};
  options.max_queued = 3;
  options.max_running = 1;
  Server server(one, options);
  // The first token of the first request holds the engine until this test lets it go.
  std::atomic<bool> go{false}, held{false};
  server.onEvent = [&](const mxs_event_t &event) {
    held = true;
    while (event.request == 1 && event.index == 0 && !go)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
  };
  std::vector<uint64_t> ids(5);
  ASSERT_EQ(server.submit({1}, 20, ids[0]), MXS_OK);
  while (!held)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  for (size_t i = 1; i < 4; ++i)
    ASSERT_EQ(server.submit({1}, 2, ids[i]), MXS_OK) << i;
  EXPECT_EQ(server.submit({1}, 2, ids[4]), MXS_RESOURCE_EXHAUSTED);
  EXPECT_NE(std::string(mxs_last_error()).find("queue is full"), std::string::npos);
  EXPECT_EQ(server.stats()["waiting"], 3);
  EXPECT_EQ(mxs_engine_cancel(server.engine, ids[0]), MXS_OK);
  EXPECT_EQ(mxs_engine_cancel(server.engine, ids[2]), MXS_OK);
  EXPECT_EQ(mxs_engine_cancel(server.engine, 12345), MXS_OK);
  EXPECT_EQ(mxs_engine_wait(server.engine, 1'000'000), MXS_TIMEOUT);
  go = true;
  server.wait();
  EXPECT_EQ(server.of(ids[0]).finish, MXS_FINISH_CANCELLED);
  EXPECT_LE(server.of(ids[0]).tokens.size(), 2u);
  EXPECT_EQ(server.of(ids[2]).finish, MXS_FINISH_CANCELLED);
  EXPECT_TRUE(server.of(ids[2]).tokens.empty());
  for (size_t i : {1, 3})
    EXPECT_EQ(server.of(ids[i]).finish, MXS_FINISH_LENGTH);
  EXPECT_EQ(server.submit({1}, 2, ids[4]), MXS_OK) << "there is room again";
  server.wait();
}

TEST(Engine, WhatIsSubmittedInAPauseBeginsTogether) {
  Server server(one);
  std::vector<uint64_t> ids(2);
  ASSERT_EQ(mxs_engine_pause(server.engine), MXS_OK);
  for (uint64_t &id : ids) {
    ASSERT_EQ(server.submit({1, 2}, 3, id), MXS_OK);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  EXPECT_EQ(mxs_engine_wait(server.engine, 1'000'000), MXS_TIMEOUT);
  EXPECT_EQ(server.stats()["steps"], 0);
  EXPECT_EQ(server.stats()["waiting"], 2);
  ASSERT_EQ(mxs_engine_resume(server.engine), MXS_OK);
  server.wait();
  EXPECT_EQ(server.stats()["steps"], 3) << "a prompt's step for both, then two more tokens";
  EXPECT_EQ(server.stats()["peak_running"], 2);

  // Closing ends what is held.
  ASSERT_EQ(mxs_engine_pause(server.engine), MXS_OK);
  ASSERT_EQ(server.submit({1}, 2, ids[0]), MXS_OK);
  EXPECT_EQ(mxs_engine_pause(nullptr), MXS_INVALID_ARGUMENT);
  EXPECT_EQ(mxs_engine_resume(nullptr), MXS_INVALID_ARGUMENT);
}

TEST(Engine, TellsHowLongARequestWaited) {
  mxs_engine_options_t options{};
  options.max_running = 1;
  Server server(one, options);
  constexpr auto pause = std::chrono::milliseconds(5);
  server.onEvent = [&](const mxs_event_t &) { std::this_thread::sleep_for(pause); };
  uint64_t first = 0, second = 0, never = 0;
  ASSERT_EQ(server.submit({1}, 3, first), MXS_OK);
  ASSERT_EQ(server.submit({1}, 1, second), MXS_OK);
  ASSERT_EQ(server.submit({1}, 1, never), MXS_OK);
  ASSERT_EQ(mxs_engine_cancel(server.engine, never), MXS_OK);
  server.wait();
  EXPECT_GT(server.of(first).queuedNs, 0u);
  // Submitted at most the first token's pause later, it waited for the other two.
  EXPECT_GE(server.of(second).queuedNs, uint64_t(std::chrono::nanoseconds(2 * pause).count()));
  EXPECT_EQ(server.of(never).queuedNs, 0u) << "no step computed it";
}

TEST(Engine, DeadlineOfARequest) {
  Server server(one);
  uint64_t id = 0, other = 0;
  server.onEvent = [&](const mxs_event_t &) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  };
  ASSERT_EQ(server.submit({1}, 20, id, {}, [](auto &r) { r.deadline_ns = 1; }), MXS_OK);
  ASSERT_EQ(server.submit({1}, 2, other), MXS_OK);
  server.wait();
  EXPECT_EQ(server.of(id).finish, MXS_FINISH_ERROR);
  EXPECT_EQ(server.of(id).status, MXS_TIMEOUT);
  EXPECT_EQ(server.of(other).finish, MXS_FINISH_LENGTH);
}

TEST(Engine, EndOfSequenceIdsOfTheArtifact) {
  Server probe(one);
  uint64_t id = 0;
  ASSERT_EQ(probe.submit({3, 1}, 5, id), MXS_OK);
  probe.wait();
  const std::vector<int32_t> tokens = probe.of(id).tokens;
  Server server(one, {}, [&](json &manifest) { manifest["model"]["eos"] = {tokens[2]}; });
  const int64_t first = std::find(tokens.begin(), tokens.end(), tokens[2]) - tokens.begin();
  ASSERT_EQ(server.submit({3, 1}, 5, id), MXS_OK);
  server.wait();
  EXPECT_EQ(server.of(id).finish, MXS_FINISH_STOP);
  EXPECT_EQ(int64_t(server.of(id).tokens.size()), first + 1);
  ASSERT_EQ(server.submit({3, 1}, 5, id, {}, [](auto &r) { r.ignore_eos = 1; }), MXS_OK);
  server.wait();
  EXPECT_EQ(server.of(id).tokens, tokens);
}

TEST(Engine, FailedStepEndsAllAndNamesTheCulprit) {
  Server server(four);
  uint64_t other = 0, bad = 0;
  ASSERT_EQ(server.submit({1, 2}, 20, other), MXS_OK);
  ASSERT_EQ(server.submit({31}, 2, bad), MXS_OK); // makes the ranks of its group fail
  server.wait();
  const Told culprit = server.of(bad);
  EXPECT_EQ(culprit.finish, MXS_FINISH_ERROR);
  EXPECT_EQ(culprit.status, MXS_INTERNAL);
  EXPECT_NE(culprit.error.find("rank "), std::string::npos) << culprit.error;
  EXPECT_NE(culprit.error.find("the model's code returned"), std::string::npos) << culprit.error;
  EXPECT_EQ(server.of(other).finish, MXS_FINISH_ERROR);
  EXPECT_EQ(server.of(other).error, culprit.error);
  uint64_t id = 0;
  EXPECT_EQ(server.submit({1}, 2, id), MXS_ABORTED);
  EXPECT_NE(std::string(mxs_last_error()).find("the model's code returned"), std::string::npos);
}

TEST(Engine, CloseTellsWhatIsLeft) {
  std::map<uint64_t, int32_t> ends;
  uint64_t id = 0;
  {
    Server server(one);
    server.onEvent = [&](const mxs_event_t &event) { ends[event.request] = event.finish; };
    for (int i = 0; i < 10; ++i)
      ASSERT_EQ(server.submit({1, 2, 3}, 20, id), MXS_OK);
  }
  ASSERT_EQ(ends.size(), 10u);
  for (const auto &[request, finish] : ends)
    EXPECT_NE(finish, MXS_FINISH_NONE) << request;
}

TEST(Engine, CallsFromTheCallback) {
  Server server(one);
  std::atomic<int> chained{0};
  std::atomic<int> closed{-1}, waited{-1};
  server.onEvent = [&](const mxs_event_t &event) {
    if (event.finish == MXS_FINISH_NONE)
      return;
    waited = mxs_engine_wait(server.engine, 1);
    closed = mxs_engine_close(server.engine);
    uint64_t next = 0;
    if (chained++ < 3) {
      EXPECT_EQ(server.submit({2}, 2, next), MXS_OK);
    }
  };
  uint64_t id = 0;
  ASSERT_EQ(server.submit({1}, 2, id), MXS_OK);
  while (chained < 4)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  server.wait();
  EXPECT_EQ(waited, MXS_INVALID_ARGUMENT);
  EXPECT_EQ(closed, MXS_INVALID_ARGUMENT);
}

TEST(Engine, Misuse) {
  Server server(one);
  mxs_engine_t *second = nullptr;
  mxs_engine_options_t options{};
  EXPECT_EQ(mxs_engine_open(server.model, &options, &second), MXS_INVALID_ARGUMENT);
  options.size = sizeof options;
  EXPECT_EQ(mxs_engine_open(server.model, &options, &second), MXS_INVALID_ARGUMENT);
  options.on_event = [](void *, const mxs_event_t *) {};
  EXPECT_EQ(mxs_engine_open(server.model, &options, &second), MXS_INVALID_ARGUMENT);
  EXPECT_NE(std::string(mxs_last_error()).find("has an engine already"), std::string::npos);
  options.max_batch_tokens = HM_MAX_TOKENS + 1;
  EXPECT_EQ(mxs_engine_open(server.model, &options, &second), MXS_INVALID_ARGUMENT);
  EXPECT_EQ(mxs_model_close(server.model), MXS_INVALID_ARGUMENT);
  mxs_batch_t batch{};
  mxs_step_output_t output{};
  output.size = sizeof output;
  EXPECT_EQ(mxs_model_step(server.model, &batch, &output), MXS_INVALID_ARGUMENT);
  uint64_t id = 0;
  EXPECT_EQ(server.submit({99}, 1, id), MXS_INVALID_ARGUMENT);
  EXPECT_EQ(server.stats()["refused"], 1);
  EXPECT_EQ(mxs_engine_submit(server.engine, nullptr, &id), MXS_INVALID_ARGUMENT);
}

/// Every call of a host says so by its name and goes on living.
TEST(Engine, NullPointersAreRefusedByTheNameOfTheCall) {
  Server server(one);
  const auto said = [](const std::string &call) {
    const std::string text = mxs_last_error();
    EXPECT_EQ(text.rfind(call + ": ", 0), 0u) << text;
    EXPECT_NE(text.find("must not be null"), std::string::npos) << text;
  };
  const auto refused = [&](mxs_status_t status, const std::string &call) {
    EXPECT_EQ(status, MXS_INVALID_ARGUMENT) << call;
    said(call);
  };
  mxs_model_t *model = nullptr;
  mxs_engine_t *engine = nullptr;
  mxs_batch_t batch{};
  mxs_step_output_t output{};
  mxs_engine_options_t options{};
  mxs_request_t request{};
  uint64_t id = 0;
  refused(mxs_model_open(nullptr, nullptr, &model), "mxs_model_open");
  refused(mxs_model_open("none", nullptr, nullptr), "mxs_model_open");
  refused(mxs_model_follow(nullptr), "mxs_model_follow");
  refused(mxs_model_step(nullptr, &batch, &output), "mxs_model_step");
  refused(mxs_model_step(server.model, nullptr, &output), "mxs_model_step");
  refused(mxs_model_step(server.model, &batch, nullptr), "mxs_model_step");
  EXPECT_EQ(mxs_model_node(nullptr), -1);
  said("mxs_model_node");
  EXPECT_STREQ(mxs_model_manifest(nullptr), "{}");
  said("mxs_model_manifest");
  EXPECT_STREQ(mxs_model_stats(nullptr), "{}");
  said("mxs_model_stats");
  refused(mxs_engine_open(nullptr, &options, &engine), "mxs_engine_open");
  refused(mxs_engine_open(server.model, nullptr, &engine), "mxs_engine_open");
  refused(mxs_engine_open(server.model, &options, nullptr), "mxs_engine_open");
  refused(mxs_engine_submit(nullptr, &request, &id), "mxs_engine_submit");
  refused(mxs_engine_submit(server.engine, nullptr, &id), "mxs_engine_submit");
  refused(mxs_engine_submit(server.engine, &request, nullptr), "mxs_engine_submit");
  refused(mxs_engine_pause(nullptr), "mxs_engine_pause");
  refused(mxs_engine_resume(nullptr), "mxs_engine_resume");
  refused(mxs_engine_cancel(nullptr, 1), "mxs_engine_cancel");
  refused(mxs_engine_wait(nullptr, 1), "mxs_engine_wait");
  EXPECT_STREQ(mxs_engine_stats(nullptr), "{}");
  said("mxs_engine_stats");
  EXPECT_EQ(mxs_engine_close(nullptr), MXS_OK);
  EXPECT_EQ(mxs_model_close(nullptr), MXS_OK);
}

} // namespace
