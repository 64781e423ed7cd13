//===- SamplerTest.cpp - The ranks of a group choose tokens together ---------------------------===//
#include "sample/Philox.h"
#include "sample/Sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <new>
#include <random>
#include <thread>

#ifdef COUNTS_ALLOCATIONS
static std::atomic<int64_t> allocations{0};

void *operator new(size_t bytes) {
  ++allocations;
  if (void *memory = std::malloc(bytes))
    return memory;
  throw std::bad_alloc();
}
void operator delete(void *memory) noexcept { std::free(memory); }
void operator delete(void *memory, size_t) noexcept { std::free(memory); }
#endif

using namespace mxs;

namespace {

constexpr int64_t kVocab = 1024;
constexpr int kRows = 320;

struct Sequence {
  std::vector<int32_t> tokens;
  std::vector<float> logits; ///< [kVocab]
  mxs_sampling_t sampling{};
};

/// The ranks of one group as threads; the exchange is a rendezvous that counts its bytes.
class Group {
public:
  explicit Group(int parts) : samplers(size_t(parts)), shares(size_t(parts)) {
    for (int part = 0; part < parts; ++part)
      EXPECT_TRUE(samplers[size_t(part)].create({parts, part, kVocab / parts, kRows, kRows, 64}).ok());
  }

  /// The token and logprob of each sequence, as node 0 puts them together.
  std::vector<Pick> pick(const std::vector<Sequence> &sequences) {
    std::vector<std::vector<Pick>> picks(samplers.size());
    std::vector<std::thread> threads;
    for (size_t part = 1; part < samplers.size(); ++part)
      threads.emplace_back([&, part] { runPart(part, sequences, picks[part]); });
    runPart(0, sequences, picks[0]);
    for (std::thread &thread : threads)
      thread.join();
    std::vector<Pick> merged(sequences.size());
    for (size_t i = 0; i < sequences.size(); ++i)
      for (const std::vector<Pick> &part : picks) {
        const Pick &p = part[i];
        if (p.token == Pick::kNotFinite ||
            (merged[i].token != Pick::kNotFinite && p.token >= 0 &&
             (merged[i].token < 0 || p.value > merged[i].value)))
          merged[i] = p;
      }
    return merged;
  }

  int64_t bytes = 0; ///< given by one rank, over all exchanges
  int exchanges = 0;

private:
  void runPart(size_t part, const std::vector<Sequence> &sequences, std::vector<Pick> &picks) {
    const int64_t local = kVocab / int64_t(samplers.size());
    std::vector<SampledRow> rows;
    for (size_t i = 0; i < sequences.size(); ++i) {
      const Sequence &s = sequences[i];
      samplers[part].history().record(int(i), 0, s.tokens.data(), int64_t(s.tokens.size()));
      rows.push_back({s.logits.data() + int64_t(part) * local, int(i), int64_t(s.tokens.size()),
                      s.sampling});
    }
    const auto exchange = [&](const void *own, void *all, int64_t count) {
      share(part, own, all, count);
      return okStatus();
    };
    EXPECT_TRUE(samplers[part].pick(rows, exchange, picks).ok());
  }

  void share(size_t part, const void *own, void *all, int64_t count) {
    std::unique_lock<std::mutex> lock(mutex);
    shares[part].assign(static_cast<const char *>(own), static_cast<const char *>(own) + count);
    meet(lock);
    for (size_t i = 0; i < shares.size(); ++i) {
      EXPECT_EQ(int64_t(shares[i].size()), count) << "the ranks disagree";
      std::memcpy(static_cast<char *>(all) + int64_t(i) * count, shares[i].data(), size_t(count));
    }
    if (part == 0) {
      bytes += count;
      ++exchanges;
    }
    meet(lock);
  }

  void meet(std::unique_lock<std::mutex> &lock) {
    const int mine = round;
    if (++waiting == int(samplers.size())) {
      waiting = 0;
      ++round;
      met.notify_all();
    }
    met.wait(lock, [&] { return round != mine; });
  }

  std::vector<Sampler> samplers;
  std::vector<std::vector<char>> shares;
  std::mutex mutex;
  std::condition_variable met;
  int waiting = 0, round = 0;
};

std::vector<float> randomLogits(unsigned seed, float spread = 2.0f) {
  std::mt19937 engine(seed);
  std::normal_distribution<float> normal(0.0f, spread);
  std::vector<float> row(kVocab);
  for (float &value : row)
    value = normal(engine);
  return row;
}

mxs_sampling_t sampling(float temperature, int32_t topK = 0, float topP = 0, float minP = 0,
                        float penalty = 0, uint64_t seed = 1) {
  return {temperature, topK, topP, minP, penalty, 1, seed};
}

const std::vector<mxs_sampling_t> kinds = {
    sampling(0),           sampling(0, 0, 0, 0, 1.7f),  sampling(1),
    sampling(0.6f),        sampling(1, 40),             sampling(1, 0, 0.9f),
    sampling(1, 0, 0.999f), sampling(1.3f, 0, 0, 0.05f), sampling(0.8f, 50, 0.95f, 0.02f, 1.2f),
    sampling(3, 1000),     sampling(5, 0, 0, 0.001f)};

TEST(Sampler, TheSameTokensHoweverTheVocabularyIsCut) {
  Group one(1), two(2), four(4);
  std::vector<Sequence> sequences;
  for (unsigned i = 0; i < kRows; ++i) {
    sequences.push_back({{1, 2, int32_t(i)}, randomLogits(i), kinds[i % kinds.size()]});
    sequences.back().sampling.seed = i / 8;
  }
  const std::vector<Pick> a = one.pick(sequences), b = two.pick(sequences),
                          c = four.pick(sequences);
  for (size_t i = 0; i < kRows; ++i) {
    ASSERT_GE(a[i].token, 0);
    ASSERT_EQ(a[i].token, b[i].token) << i;
    ASSERT_EQ(a[i].token, c[i].token) << i;
    ASSERT_NEAR(a[i].logprob, c[i].logprob, 1e-5);
    // logprob: of the raw logits, whatever was done to them.
    double sum = 0;
    for (float value : sequences[i].logits)
      sum += std::exp(double(value));
    ASSERT_NEAR(a[i].logprob, sequences[i].logits[size_t(a[i].token)] - std::log(sum), 1e-5);
  }
}

TEST(Sampler, ASequenceDoesNotSeeTheOthers) {
  Group together(2), alone(2);
  std::vector<Sequence> sequences;
  for (unsigned i = 0; i < 8; ++i)
    sequences.push_back({{3, int32_t(i)}, randomLogits(i), kinds[i]});
  const std::vector<Pick> all = together.pick(sequences);
  for (size_t i = 0; i < 8; ++i)
    EXPECT_EQ(alone.pick({sequences[i]})[0].token, all[i].token) << i;
}

TEST(Sampler, DrawsFollowTheDistribution) {
  // Some 20000 draws; every token's count within five standard deviations.
  for (const mxs_sampling_t &kind : {sampling(1), sampling(0.7f, 6), sampling(1, 0, 0.8f)}) {
    Group group(2);
    Sequence s;
    s.logits = randomLogits(9);
    s.sampling = kind;
    s.sampling.seed = 77;
    std::map<int32_t, double> exact;
    CandidateFilter filter;
    TopCandidates top;
    top.create(kVocab);
    std::vector<float> row = s.logits;
    for (float &value : row)
      value /= kind.temperature;
    std::vector<Candidate> all(kVocab);
    top.find(row.data(), kVocab, 0, kVocab, all.data());
    RowMass mass{all[0].logit, sumOfExp(row.data(), kVocab, all[0].logit)};
    std::vector<Candidate> kept = all;
    if (isFiltered(kind)) {
      ASSERT_GE(filter.draw(kind, {{all.data(), kVocab, true}}, mass, 0), 0);
      kept = filter.kept();
    }
    double total = 0;
    for (const Candidate &c : kept)
      total += exact[c.token] = std::exp(double(c.logit) - double(mass.max));
    std::map<int32_t, int> counts;
    constexpr int draws = 64 * kRows;
    std::vector<Sequence> many(kRows, s);
    for (int i = 0; i < draws / kRows; ++i) {
      for (size_t j = 0; j < kRows; ++j)
        many[j].sampling.seed = uint64_t(i) * kRows + j;
      for (const Pick &pick : group.pick(many))
        ++counts[pick.token];
    }
    for (const auto &[token, count] : counts)
      ASSERT_TRUE(exact.count(token)) << "a token that the filters drop: " << token;
    for (const auto &[token, weight] : exact) {
      const double p = weight / total, expected = draws * p;
      ASSERT_NEAR(counts[token], expected, 5 * std::sqrt(expected * (1 - p)) + 3) << token;
    }
  }
}

TEST(Sampler, RepetitionPenaltyCountsEachTokenOnce) {
  Group group(2);
  Sequence s{{5, 5, 5, 900, 5}, std::vector<float>(kVocab, -3.0f), sampling(0, 0, 0, 0, 2)};
  s.logits[5] = 4.0f;   // 2 after the penalty, 1 were it applied twice
  s.logits[900] = -0.5f; // -1 after it
  s.logits[7] = 1.5f;
  EXPECT_EQ(group.pick({s})[0].token, 5);
  s.logits[7] = 2.5f;
  EXPECT_EQ(group.pick({s})[0].token, 7);
  s.logits[5] = s.logits[7] = -2.0f;
  EXPECT_EQ(group.pick({s})[0].token, 900);
  s.logits[7] = -0.9f;
  EXPECT_EQ(group.pick({s})[0].token, 7);
  // A shorter sequence in the same slot does not see what was there before.
  s.tokens = {1};
  s.logits[900] = -0.5f;
  EXPECT_EQ(group.pick({s})[0].token, 900);
}

TEST(Sampler, LogitsThatAreNoNumbersAreReportedAndHarmNobodyElse) {
  for (float bad : {NAN, INFINITY, -INFINITY})
    for (const mxs_sampling_t &kind : kinds)
      for (size_t at : {size_t(0), size_t(kVocab - 1)}) {
        Group group(4);
        std::vector<Sequence> sequences(3, Sequence{{1}, randomLogits(4), kind});
        const int32_t expected = group.pick(sequences)[0].token;
        sequences[1].logits[at] = bad;
        const std::vector<Pick> picks = group.pick(sequences);
        EXPECT_EQ(picks[0].token, expected);
        EXPECT_EQ(picks[1].token, Pick::kNotFinite);
        EXPECT_EQ(picks[2].token, expected);
      }
}

TEST(Sampler, SendsWhatSamplingNeeds) {
  const auto sent = [](const mxs_sampling_t &kind, float spread) {
    Group group(4);
    group.pick({Sequence{{1}, randomLogits(6, spread), kind}});
    return std::pair(group.exchanges, group.bytes);
  };
  mxs_sampling_t plain{};
  EXPECT_EQ(sent(plain, 2), std::pair(0, int64_t(0))) << "greedy moves nothing";
  EXPECT_EQ(sent(sampling(1), 2), std::pair(1, int64_t(32)));
  EXPECT_EQ(sent(sampling(1, 40), 2), std::pair(1, int64_t(32 + 40 * 8)));
  EXPECT_EQ(sent(sampling(1, 0, 0.9f), 4), std::pair(1, int64_t(32 + 128 * 8)));
  // A flat distribution: the first candidates are not enough, the parts themselves travel.
  EXPECT_EQ(sent(sampling(1, 0, 0.9f), 0.01f),
            std::pair(2, int64_t(32 + 128 * 8 + kVocab / 4 * 4)));
}

#ifdef COUNTS_ALLOCATIONS
/// From the first pick on: the parts that a rank is told of are all like its own.
TEST(Sampler, AllocatesNothingWhenItRuns) {
  constexpr int parts = 4;
  Sampler sampler;
  ASSERT_TRUE(sampler.create({parts, 0, kVocab / parts, 8, 8, 64}).ok());
  std::vector<Sequence> sequences;
  std::vector<SampledRow> rows;
  for (size_t i = 0; i < 8; ++i)
    sequences.push_back({{1, 2, 3}, randomLogits(unsigned(i), i % 2 ? 3.0f : 0.01f), kinds[i + 3]});
  for (size_t i = 0; i < 8; ++i) {
    sampler.history().record(int(i), 0, sequences[i].tokens.data(), 3);
    rows.push_back({sequences[i].logits.data(), int(i), 3, sequences[i].sampling});
  }
  const Sampler::Exchange exchange = [](const void *own, void *all, int64_t bytes) {
    for (int part = 0; part < parts; ++part)
      std::memcpy(static_cast<char *>(all) + part * bytes, own, size_t(bytes));
    return okStatus();
  };
  std::vector<Pick> picks;
  picks.reserve(rows.size());
  const int64_t before = allocations;
  for (int i = 0; i < 10; ++i)
    ASSERT_TRUE(sampler.pick(rows, exchange, picks).ok());
  EXPECT_EQ(allocations - before, 0);
}
#endif

} // namespace
