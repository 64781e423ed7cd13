//===- BatchTest.cpp - Batch descriptors: checks, wire form, rows; the KV cache -------------===//
#include "RandomFloats.h"
#include "core/KvCache.h"
#include "core/StepPlan.h"

#include <gtest/gtest.h>

#include <fstream>
#include <random>
#include <sstream>

using namespace mxs;

namespace {

Manifest manifest() {
  Manifest m;
  m.vocab = 100;
  m.attnDp = 2;
  m.maxBatchTokens = 16;
  m.maxSeqs = 3;
  m.maxContext = 10;
  m.variants = {"allgather", "hybrid"};
  return m;
}

Status create(const std::vector<mxs_sequence_t> &sequences, const std::vector<int32_t> &tokens,
              Batch &out) {
  const mxs_batch_t batch{sizeof batch,  int32_t(sequences.size()), sequences.data(),
                          tokens.data(), int64_t(tokens.size()),    nullptr,
                          nullptr};
  return Batch::create(batch, manifest(), out);
}

TEST(Batch, RefusesWhatIsWrong) {
  Batch batch;
  ASSERT_TRUE(create({{0, 0, 0, 2, 2}, {1, 0, 9, 1, 1}}, {1, 2, 3}, batch).ok());
  struct {
    std::vector<mxs_sequence_t> sequences;
    std::vector<int32_t> tokens;
    mxs_status_t code;
    const char *message;
  } const cases[] = {
      {{}, {}, MXS_INVALID_ARGUMENT, "no sequence"},
      {{{1, 0, 0, 1, 0}, {0, 0, 0, 1, 0}}, {1, 2}, MXS_INVALID_ARGUMENT, "ascending group"},
      {{{2, 0, 0, 1, 0}}, {1}, MXS_INVALID_ARGUMENT, "group 2 is outside [0, 2)"},
      {{{-1, 0, 0, 1, 0}}, {1}, MXS_INVALID_ARGUMENT, "group -1"},
      {{{0, -1, 0, 1, 0}}, {1}, MXS_INVALID_ARGUMENT, "slot -1"},
      {{{0, 3, 0, 1, 0}}, {1}, MXS_RESOURCE_EXHAUSTED, "3 cache slots"},
      {{{0, 1, 0, 1, 0}, {0, 1, 0, 1, 0}}, {1, 2}, MXS_INVALID_ARGUMENT, "occurs twice"},
      {{{0, 0, 0, 0, 0}}, {}, MXS_INVALID_ARGUMENT, "must be positive"},
      {{{0, 0, -1, 1, 0}}, {1}, MXS_INVALID_ARGUMENT, "position -1"},
      {{{0, 0, 9, 2, 0}}, {1, 2}, MXS_RESOURCE_EXHAUSTED, "context of 10"},
      {{{0, 0, INT64_MAX, 1, 0}}, {1}, MXS_RESOURCE_EXHAUSTED, "context of 10"},
      {{{0, 0, 0, 1, 3}}, {1}, MXS_INVALID_ARGUMENT, "MXS_LOGITS"},
      {{{0, 0, 0, 2, 0}}, {1}, MXS_INVALID_ARGUMENT, "have 2 tokens, num_tokens is 1"},
      {{{0, 0, 0, 1, 0}}, {100}, MXS_INVALID_ARGUMENT, "vocabulary has ids 0 to 99"},
      {{{0, 0, 0, 1, 0}}, {-1}, MXS_INVALID_ARGUMENT, "id -1"},
      {{{0, 0, 0, 17, 0}}, std::vector<int32_t>(17), MXS_RESOURCE_EXHAUSTED, "max-batch-tokens"},
  };
  for (const auto &[sequences, tokens, code, message] : cases) {
    const Status status = create(sequences, tokens, batch);
    EXPECT_EQ(status.code(), code) << status.message();
    EXPECT_NE(status.message().find(message), std::string::npos) << status.message();
  }
  mxs_sequence_t sequence{0, 0, 0, 1, 1};
  const int32_t token = 1;
  mxs_sampling_t sampling{};
  sampling.top_p = 2;
  const auto expectRefused = [&](const mxs_batch_t &given, const char *message) {
    const Status status = Batch::create(given, manifest(), batch);
    EXPECT_EQ(status.code(), MXS_INVALID_ARGUMENT);
    EXPECT_NE(status.message().find(message), std::string::npos) << status.message();
  };
  const int32_t prompt = -1;
  expectRefused({sizeof(mxs_batch_t), 1, &sequence, &token, 1, &sampling, nullptr},
                "sequence 0: top_p is 2");
  expectRefused({sizeof(mxs_batch_t), 1, &sequence, &token, 1, nullptr, &prompt},
                "sequence 0: its prompt of -1 tokens is negative");
  mxs_batch_t wrongSize{};
  EXPECT_EQ(Batch::create(wrongSize, manifest(), batch).code(), MXS_INVALID_ARGUMENT);
}

TEST(Batch, WireFormSurvivesAndDamageIsRefused) {
  Batch batch, copy;
  ASSERT_TRUE(create({{0, 2, 1, 2, 2}, {1, 0, 0, 3, 1}}, {1, 2, 3, 4, 5}, batch).ok());
  batch.variant = 1;
  batch.chunks = 4;
  batch.wantLogits = 1;
  batch.sampling = {{0.5f, 3, 0.9f, 0.1f, 1.2f, 1, 99}, {}};
  batch.prompts = {0, 7};
  ByteWriter writer;
  batch.write(writer);
  const std::string bytes = writer.take();
  ByteReader reader(bytes);
  ASSERT_TRUE(Batch::read(reader, manifest(), copy).ok());
  EXPECT_EQ(copy.tokens, batch.tokens);
  EXPECT_EQ(copy.sequences[1].num_tokens, 3);
  EXPECT_EQ(copy.variant, 1);
  EXPECT_EQ(copy.chunks, 4);
  EXPECT_EQ(copy.samplingOf(0).seed, 99u);
  EXPECT_EQ(copy.samplingOf(0).top_k, 3);
  EXPECT_EQ(copy.promptOf(1), 7);
  for (size_t size = 0; size < bytes.size(); ++size) {
    const std::string cut = bytes.substr(0, size);
    ByteReader cutReader(cut);
    EXPECT_FALSE(Batch::read(cutReader, manifest(), copy).ok()) << size;
  }
  std::mt19937 engine(1);
  for (int round = 0; round < 5000; ++round) {
    std::string damaged = bytes;
    damaged[engine() % damaged.size()] = char(engine());
    ByteReader damagedReader(damaged);
    if (!Batch::read(damagedReader, manifest(), copy).ok())
      continue;
    // It may be another legal batch: everything that ranks index with is inside.
    ASSERT_TRUE(copy.variant == 0 || copy.variant == 1);
    ASSERT_GE(copy.chunks, 1);
    int64_t tokens = 0;
    for (const mxs_sequence_t &s : copy.sequences) {
      ASSERT_TRUE(s.group >= 0 && s.group < 2 && s.slot >= 0 && s.slot < 3);
      ASSERT_TRUE(s.num_tokens > 0 && s.position >= 0 && s.position + s.num_tokens <= 10);
      tokens += s.num_tokens;
    }
    ASSERT_EQ(tokens, copy.totalTokens());
    ASSERT_TRUE(copy.sampling.empty() || copy.sampling.size() == copy.sequences.size());
    ASSERT_TRUE(copy.prompts.empty() || copy.prompts.size() == copy.sequences.size());
    for (size_t i = 0; i < copy.sequences.size(); ++i)
      ASSERT_GE(copy.promptOf(i), 0);
    for (int32_t token : copy.tokens)
      ASSERT_TRUE(token >= 0 && token < 100);
  }
}

TEST(StepPlan, RowsPositionsAndAskedRows) {
  Batch batch;
  ASSERT_TRUE(
      create({{0, 0, 4, 3, 1}, {0, 1, 0, 2, 2}, {1, 0, 9, 1, 0}}, {1, 2, 3, 4, 5, 6}, batch).ok());
  Topology topology;
  topology.devices = 4;
  topology.attnTp = 2;
  topology.experts = 8;
  StepPlan plan;
  plan.batch = batch;
  ASSERT_TRUE(plan.update(topology).ok());
  EXPECT_EQ(plan.positions, (std::vector<int32_t>{4, 5, 6, 0, 1, 9}));
  EXPECT_EQ(plan.groupBegin, (std::vector<int64_t>{0, 5, 6}));
  EXPECT_EQ(plan.groupSequences, (std::vector<size_t>{0, 2, 3}));
  EXPECT_EQ(plan.rows.askedRows(0), 3);
  EXPECT_EQ(plan.rows.askedRows(1), 0);
  EXPECT_EQ(plan.rows.askedOwnedRows(0).size(), 0); // owns rows 0, 1
  const RowList asked = plan.rows.askedOwnedRows(1);
  EXPECT_EQ(std::vector<int32_t>(asked.begin(), asked.end()), (std::vector<int32_t>{0, 1, 2}));
}

TEST(KvCache, SlotsLieSideBySide) {
  KvCache cache;
  ASSERT_TRUE(cache.create({{0, 2, 3, false}, {1, 1, 5, true}}, /*slots=*/2, 65).ok());
  EXPECT_EQ(cache.capacity(), 128); // whole blocks
  // Keys and values of 128 positions, in 4 and in 2 bytes.
  const int64_t first = 2 * 128 * 2 * 3 * 4, second = 2 * 128 * 1 * 5 * 2;
  EXPECT_EQ(cache.slot(0, 1) - cache.slot(0, 0), first);
  EXPECT_EQ(cache.slot(1, 0) - cache.slot(0, 1), first);
  EXPECT_EQ(cache.slot(1, 1) - cache.slot(1, 0), second);
  cache.slot(1, 1)[second - 1] = 1; // the last byte is ours
}

TEST(KvCache, ALatentSlotHoldsOneRowAPosition) {
  KvCache cache;
  CacheEntry latent;
  latent.latentDim = 32;
  latent.ropeDim = 16;
  latent.heads = 7; // read the same rows
  ASSERT_TRUE(cache.create({latent, {1, 2, 3, false}}, /*slots=*/2, 64).ok());
  EXPECT_EQ(cache.slot(0, 1) - cache.slot(0, 0), 64 * (32 + 16) * 4);
  EXPECT_EQ(cache.slot(1, 0) - cache.slot(0, 1), 64 * (32 + 16) * 4);
}

/// What /proc/self/smaps says in line `key` of the mapping that holds `address`.
std::string mappingLine(const void *address, const std::string &key) {
  std::ifstream maps("/proc/self/smaps");
  bool inside = false;
  for (std::string line; std::getline(maps, line);) {
    unsigned long long from = 0, to = 0;
    if (std::sscanf(line.c_str(), "%llx-%llx ", &from, &to) == 2)
      inside =
          reinterpret_cast<uintptr_t>(address) >= from && reinterpret_cast<uintptr_t>(address) < to;
    else if (inside && line.rfind(key + ":", 0) == 0)
      return line.substr(key.size() + 1) + " ";
  }
  return "";
}

TEST(KvCache, LongSlotsAskForHugePagesAndNothingIsTouchedBeforeItIsUsed) {
  if (!std::ifstream("/sys/kernel/mm/transparent_hugepage/enabled"))
    GTEST_SKIP() << "this kernel has no transparent huge pages";
  KvCache longer, shorter;
  // A head's keys of a slot: 4 MiB, and 32 KiB, which huge pages would back many times over.
  ASSERT_TRUE(longer.create({{0, 2, 128, false}}, /*slots=*/4, 8192).ok());
  ASSERT_TRUE(shorter.create({{0, 2, 128, false}}, /*slots=*/400, 64).ok());
  EXPECT_NE(mappingLine(longer.slot(0, 0), "VmFlags").find(" hg "), std::string::npos);
  EXPECT_EQ(mappingLine(shorter.slot(0, 0), "VmFlags").find(" hg "), std::string::npos);
  // So its pages come to the memory of the processor that computes with them first.
  EXPECT_EQ(std::stoll(mappingLine(longer.slot(0, 0), "Rss")), 0);
}

TEST(KvCache, ImpossibleSizesAreRefused) {
  KvCache cache;
  EXPECT_EQ(cache.create({{0, 65536, 65536, false}}, 1 << 20, 1 << 24).code(),
            MXS_RESOURCE_EXHAUSTED);
  KvCache none;
  EXPECT_TRUE(none.create({}, 4, 100).ok());
}

} // namespace
