//===- SchedulerTest.cpp - Admission, shares and ends, on a model made of arithmetic -----------===//
#include "serve/Scheduler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

using namespace mxs;

namespace {

constexpr int64_t kVocab = 50;

ServeLimits limits(int groups = 2, int slots = 3) {
  ServeLimits l;
  l.vocab = kVocab;
  l.maxBatchTokens = 16;
  l.maxContext = 24;
  l.groups = groups;
  l.slots = slots;
  l.eos = {49};
  return l;
}

/// The token that follows `tokens` in the model of this test; never the end of sequence.
int32_t follower(const std::vector<int32_t> &tokens) {
  uint32_t hash = 17;
  for (int32_t token : tokens)
    hash = hash * 31 + uint32_t(token);
  return int32_t(hash % 48);
}

struct Told {
  std::vector<int32_t> tokens;
  int32_t finish = MXS_FINISH_NONE, status = MXS_OK;
  std::string error;
};

/// A scheduler with that model behind it, which checks every step against the limits.
class Bench {
public:
  explicit Bench(const ServeLimits &l, SchedulerOptions o = {16, 1000, 16})
      : served(l), options(o), scheduler(l, o, [this](const mxs_event_t &e) { hear(e); }) {}

  uint64_t add(std::vector<int32_t> prompt, int64_t newTokens,
               const std::function<void(Request &)> &change = {}) {
    auto request = std::make_unique<Request>();
    request->id = nextId++;
    request->prompt = std::move(prompt);
    request->maxNewTokens = newTokens;
    if (change)
      change(*request);
    const uint64_t id = request->id;
    scheduler.add(std::move(request));
    return id;
  }

  /// One step; false when there was nothing to do.
  bool step() {
    const StepBatch &batch = scheduler.plan();
    if (batch.sequences.empty())
      return false;
    check(batch);
    StepTokens results;
    const int32_t *token = batch.tokens.data();
    for (const mxs_sequence_t &s : batch.sequences) {
      std::vector<int32_t> &cache = caches[{s.group, s.slot}];
      EXPECT_LE(s.position, int64_t(cache.size())) << "a hole in the cache";
      cache.resize(size_t(s.position));
      cache.insert(cache.end(), token, token + s.num_tokens);
      token += s.num_tokens;
      results.tokens.push_back(s.logits ? follower(cache) : -1);
      results.statuses.push_back(s.logits && notFinite(cache) ? MXS_INTERNAL : MXS_OK);
      results.logprobs.push_back(0);
    }
    scheduler.apply(results);
    return true;
  }
  void runAll() {
    for (int i = 0; i < 10000 && step(); ++i) {
    }
    EXPECT_TRUE(scheduler.idle());
  }

  ServeLimits served;
  SchedulerOptions options;
  Scheduler scheduler;
  std::map<uint64_t, Told> told;
  std::function<bool(const std::vector<int32_t> &)> notFinite = [](const auto &) { return false; };
  std::vector<int64_t> stepTokens;
  std::vector<mxs_sequence_t> last; ///< of the last step

private:
  void check(const StepBatch &batch) {
    std::set<std::pair<int, int>> slots;
    int64_t tokens = 0;
    for (size_t i = 0; i < batch.sequences.size(); ++i) {
      const mxs_sequence_t &s = batch.sequences[i];
      EXPECT_TRUE(s.group >= 0 && s.group < served.groups);
      EXPECT_TRUE(s.slot >= 0 && s.slot < served.slots);
      EXPECT_TRUE(slots.insert({s.group, s.slot}).second) << "a slot twice";
      EXPECT_TRUE(i == 0 || batch.sequences[i - 1].group <= s.group);
      EXPECT_GT(s.num_tokens, 0);
      EXPECT_LE(s.num_tokens, options.maxPrefillChunk);
      EXPECT_LE(s.position + s.num_tokens, served.maxContext);
      EXPECT_EQ(batch.prompts.at(i), int64_t(batch.requests[i]->prompt.size()));
      tokens += s.num_tokens;
    }
    EXPECT_EQ(tokens, int64_t(batch.tokens.size()));
    EXPECT_LE(tokens, options.maxBatchTokens);
    EXPECT_LE(scheduler.runningCount(), options.maxRunning);
    stepTokens.push_back(tokens);
    last = batch.sequences;
  }

  void hear(const mxs_event_t &event) {
    Told &t = told[event.request];
    EXPECT_EQ(t.finish, MXS_FINISH_NONE) << "an event after the last one";
    EXPECT_EQ(event.index, int64_t(t.tokens.size()));
    if (event.token >= 0)
      t.tokens.push_back(event.token);
    t.finish = event.finish;
    t.status = event.status;
    t.error = event.error ? event.error : "";
    EXPECT_EQ(event.status != MXS_OK, event.finish == MXS_FINISH_ERROR);
    EXPECT_EQ(event.error != nullptr, event.finish == MXS_FINISH_ERROR);
  }

  std::map<std::pair<int, int>, std::vector<int32_t>> caches;
  uint64_t nextId = 1;
};

std::vector<int32_t> alone(std::vector<int32_t> tokens, int64_t count) {
  std::vector<int32_t> generated;
  for (int64_t i = 0; i < count; ++i) {
    generated.push_back(follower(tokens));
    tokens.push_back(generated.back());
  }
  return generated;
}

TEST(Scheduler, RandomArrivalsGetTheTokensTheyGetAlone) {
  std::mt19937 engine(3);
  for (const SchedulerOptions &options :
       {SchedulerOptions{16, 1000, 16}, {16, 1000, 3}, {1, 2, 1}, {2, 1000, 2}, {5, 4, 5}}) {
    Bench bench(limits(), options);
    std::map<uint64_t, std::vector<int32_t>> expected;
    for (int arrived = 0; arrived < 200;) {
      for (int i = int(engine() % 4); i > 0; --i, ++arrived) {
        std::vector<int32_t> prompt(1 + engine() % 12);
        for (int32_t &token : prompt)
          token = int32_t(engine() % 48);
        const int64_t count = int64_t(engine() % 10);
        expected[bench.add(prompt, count)] = alone(prompt, count);
      }
      bench.step();
    }
    bench.runAll();
    ASSERT_EQ(bench.told.size(), expected.size());
    for (const auto &[id, tokens] : expected) {
      EXPECT_EQ(bench.told[id].tokens, tokens) << id;
      EXPECT_EQ(bench.told[id].finish, MXS_FINISH_LENGTH);
    }
  }
}

TEST(Scheduler, DecodingGoesFirstAndPromptsDoNotStarve) {
  Bench bench(limits(1, 20), {8, 100, 8});
  for (int i = 0; i < 12; ++i)
    bench.add({i}, 20);
  for (int i = 0; i < 10; ++i)
    bench.step(); // all decode now: more of them than a step has room for
  const uint64_t prompt = bench.add(std::vector<int32_t>(10, 1), 1);
  bench.step();
  EXPECT_EQ(bench.stepTokens.back(), 8);
  const int64_t ofPrompt = std::count_if(bench.last.begin(), bench.last.end(),
                                         [](const auto &s) { return s.slot == 12; });
  EXPECT_EQ(ofPrompt, 1) << "an eighth of the step is the prompt's";
  for (int i = 0; i < 12; ++i)
    bench.step();
  EXPECT_NE(bench.told[prompt].finish, MXS_FINISH_NONE);
  bench.runAll();
}

TEST(Scheduler, DecodingSequencesTakeTurns) {
  Bench bench(limits(1, 8), {3, 100, 3});
  for (int i = 0; i < 6; ++i)
    bench.add({i}, 15);
  for (int i = 0; i < 20; ++i) {
    bench.step();
    size_t least = 100, most = 0;
    for (uint64_t id = 1; id <= 6; ++id) {
      least = std::min(least, bench.told[id].tokens.size());
      most = std::max(most, bench.told[id].tokens.size());
    }
    EXPECT_LE(most - least, i < 6 ? 6u : 5u) << "step " << i;
  }
  bench.runAll();
}

TEST(Scheduler, LeastLoadedGroup) {
  Bench bench(limits(2, 3));
  const auto groupsNow = [&] {
    std::vector<int> counts(2);
    bench.step();
    for (const auto &s : bench.last)
      ++counts[size_t(s.group)];
    return counts;
  };
  for (int i = 0; i < 4; ++i)
    bench.add({1}, 8);
  EXPECT_EQ(groupsNow(), (std::vector<int>{2, 2}));
  // As many sequences in both: the one that promised less.
  Bench uneven(limits(2, 3));
  uneven.add({1}, 20);
  uneven.add({1}, 2);
  uneven.add({1}, 2);
  uneven.step();
  EXPECT_EQ(std::count_if(uneven.last.begin(), uneven.last.end(),
                          [](const auto &s) { return s.group == 1; }),
            2);
}

// 4 groups on 2 nodes: 0 and 1 on the first.
TEST(Scheduler, FewSequencesAreSpreadOverNodes) {
  ServeLimits l = limits(4);
  l.nodes = 2;
  Bench bench(l);
  const std::vector<std::vector<int>> expected = {{0}, {0, 2}, {0, 1, 2}, {0, 1, 2, 3}};
  for (const std::vector<int> &groups : expected) {
    bench.add({1, 2, 3}, 12);
    bench.step();
    std::vector<int> used;
    for (const mxs_sequence_t &s : bench.last)
      used.push_back(s.group);
    EXPECT_EQ(used, groups);
  }
}

// 3 groups on 2 nodes: the second one begins on the first node, as the planner counts, too
// (balancedGroupRows).
TEST(Scheduler, NodesMayHoldUnequallyManyGroups) {
  ServeLimits l = limits(3);
  l.nodes = 2;
  Bench bench(l);
  bench.add({1, 2, 3}, 12);
  bench.add({1, 2, 3}, 12);
  bench.step();
  ASSERT_EQ(bench.last.size(), 2u);
  EXPECT_EQ(bench.last[0].group, 0);
  EXPECT_EQ(bench.last[1].group, 2);
}

TEST(Scheduler, EndsAndReasons) {
  Bench bench(limits());
  const std::vector<int32_t> prompt = {4, 5}, tokens = alone(prompt, 30);
  const uint64_t stop = bench.add(prompt, 9, [&](Request &r) { r.stopIds = {tokens[2]}; });
  const uint64_t sequence =
      bench.add(prompt, 9, [&](Request &r) { r.stopSequences = {{99, 98}, {tokens[4], tokens[5]}}; });
  const uint64_t full = bench.add(prompt, 100);
  const uint64_t none = bench.add(prompt, 0);
  bench.runAll();
  const auto first = [&](int64_t count) {
    return std::vector<int32_t>(tokens.begin(), tokens.begin() + count);
  };
  EXPECT_EQ(bench.told[stop].finish, MXS_FINISH_STOP);
  EXPECT_EQ(bench.told[stop].tokens, first(3)) << "the stop id is told too";
  EXPECT_EQ(bench.told[sequence].finish, MXS_FINISH_STOP);
  EXPECT_EQ(bench.told[sequence].tokens, first(6));
  // 24 positions: 2 of the prompt and 22 tokens that are read again; the 23rd has no place.
  EXPECT_EQ(bench.told[full].finish, MXS_FINISH_LENGTH);
  EXPECT_EQ(bench.told[full].tokens, first(23));
  EXPECT_EQ(bench.told[none].finish, MXS_FINISH_LENGTH);
  EXPECT_TRUE(bench.told[none].tokens.empty());
}

TEST(Scheduler, CancelFreesTheSlot) {
  Bench bench(limits(1, 1));
  const uint64_t a = bench.add({1}, 20), b = bench.add({2}, 2), c = bench.add({3}, 2);
  bench.step();
  bench.step();
  EXPECT_TRUE(bench.scheduler.cancel(a));
  EXPECT_TRUE(bench.scheduler.cancel(c)) << "while it waits";
  EXPECT_FALSE(bench.scheduler.cancel(a)) << "it is gone";
  bench.runAll();
  EXPECT_EQ(bench.told[a].finish, MXS_FINISH_CANCELLED);
  EXPECT_EQ(bench.told[a].tokens, alone({1}, 2));
  EXPECT_EQ(bench.told[c].finish, MXS_FINISH_CANCELLED);
  EXPECT_EQ(bench.told[b].tokens, alone({2}, 2));
}

TEST(Scheduler, DeadlinesEndWhatRunsAndWhatWaits) {
  Bench bench(limits(1, 1));
  const auto now = ServeClock::now();
  const auto soon = [&](Request &r) { r.deadline = now + std::chrono::seconds(1); };
  const uint64_t runs = bench.add({1}, 20, soon), waits = bench.add({2}, 2, soon);
  const uint64_t other = bench.add({3}, 2);
  bench.step();
  bench.scheduler.expire(now);
  EXPECT_EQ(bench.told[runs].finish, MXS_FINISH_NONE);
  bench.scheduler.expire(now + std::chrono::seconds(2));
  for (uint64_t id : {runs, waits}) {
    EXPECT_EQ(bench.told[id].finish, MXS_FINISH_ERROR);
    EXPECT_EQ(bench.told[id].status, MXS_TIMEOUT);
  }
  EXPECT_NE(bench.told[waits].error.find("waited for a cache slot"), std::string::npos);
  bench.runAll();
  EXPECT_EQ(bench.told[other].tokens, alone({3}, 2));
}

TEST(Scheduler, LogitsThatAreNoNumbersEndOneRequest) {
  Bench bench(limits());
  bench.notFinite = [](const auto &cache) { return cache.size() == 4 && cache[0] == 7; };
  const uint64_t bad = bench.add({7, 1}, 9), good = bench.add({8, 1}, 9);
  bench.runAll();
  EXPECT_EQ(bench.told[bad].finish, MXS_FINISH_ERROR);
  EXPECT_EQ(bench.told[bad].status, MXS_INTERNAL);
  EXPECT_EQ(bench.told[bad].tokens, alone({7, 1}, 2)) << "no silent token";
  EXPECT_NE(bench.told[bad].error.find("not numbers"), std::string::npos);
  EXPECT_EQ(bench.told[good].tokens, alone({8, 1}, 9));
}

TEST(Request, Refusals) {
  const std::vector<int32_t> prompt = {1, 2, 3}, outside = {1, 50}, stops = {1, 2};
  const std::vector<int32_t> lengths = {2}, zero = {0};
  const auto refused = [&](const std::function<void(mxs_request_t &)> &change, const char *why) {
    mxs_request_t given{};
    given.size = sizeof given;
    given.tokens = prompt.data();
    given.num_tokens = 3;
    given.max_new_tokens = 4;
    change(given);
    Request request;
    const Status status = Request::create(given, limits(), request);
    EXPECT_EQ(status.ok(), !*why) << status.message();
    EXPECT_NE(status.message().find(why), std::string::npos) << status.message();
  };
  refused([](auto &) {}, "");
  refused([](auto &r) { r.size = 8; }, "mxs_request_t::size");
  refused([](auto &r) { r.num_tokens = 0; }, "prompt is empty");
  refused([](auto &r) { r.tokens = nullptr; }, "prompt");
  refused([&](auto &r) { r.tokens = outside.data(), r.num_tokens = 2; }, "outside the vocabulary");
  std::vector<int32_t> tooLong(25, 1);
  refused([&](auto &r) { r.tokens = tooLong.data(), r.num_tokens = 25; }, "context is 24");
  refused([](auto &r) { r.max_new_tokens = -1; }, "max_new_tokens");
  refused([](auto &r) { r.sampling.min_p = -1; }, "min_p");
  refused([&](auto &r) { r.stop_ids = outside.data(), r.num_stop_ids = 2; }, "stop_ids");
  refused([&](auto &r) { r.num_stop_ids = 2; }, "stop_ids");
  refused([&](auto &r) { r.num_stop_sequences = 1; }, "stop_sequences");
  refused([&](auto &r) {
    r.stop_sequences = stops.data(), r.stop_lengths = zero.data(), r.num_stop_sequences = 1;
  }, "stop sequence 0 has length 0");
  refused([&](auto &r) {
    r.stop_sequences = stops.data(), r.stop_lengths = lengths.data(), r.num_stop_sequences = 1;
  }, "");
}

TEST(Request, TheModelsOwnEnd) {
  const int32_t token = 1;
  mxs_request_t given{};
  given.size = sizeof given;
  given.tokens = &token;
  given.num_tokens = 1;
  Request request;
  ASSERT_TRUE(Request::create(given, limits(), request).ok());
  EXPECT_EQ(request.stopIds, std::vector<int32_t>{49});
  given.ignore_eos = 1;
  ASSERT_TRUE(Request::create(given, limits(), request).ok());
  EXPECT_TRUE(request.stopIds.empty());
}

} // namespace
