//===- MicroBatchesTest.cpp - How a step is cut in halves -----------------------------------===//
#include "core/MicroBatches.h"

#include <gtest/gtest.h>

using namespace mxs;

namespace {

Manifest twoGroups() {
  Manifest m;
  m.vocab = 1000;
  m.attnDp = 2;
  m.maxBatchTokens = 64;
  m.maxSeqs = 4;
  m.maxContext = 40;
  m.variants = {"allgather"};
  return m;
}

/// Token i of the batch is i.
Batch batchOf(std::vector<mxs_sequence_t> sequences) {
  Batch batch;
  for (const mxs_sequence_t &s : sequences)
    for (int32_t i = 0; i < s.num_tokens; ++i)
      batch.tokens.push_back(int32_t(batch.tokens.size()));
  batch.sequences = std::move(sequences);
  return batch;
}

struct Cut {
  int32_t group, slot;
  int64_t position;
  std::vector<int32_t> tokens;
  bool operator==(const Cut &o) const {
    return group == o.group && slot == o.slot && position == o.position && tokens == o.tokens;
  }
};
std::ostream &operator<<(std::ostream &out, const Cut &cut) {
  out << "{" << cut.group << ", " << cut.slot << ", " << cut.position << ":";
  for (int32_t token : cut.tokens)
    out << " " << token;
  return out << "}";
}

std::vector<Cut> cutsOf(const Batch &batch) {
  std::vector<Cut> cuts;
  auto token = batch.tokens.begin();
  for (const mxs_sequence_t &s : batch.sequences) {
    cuts.push_back({s.group, s.slot, s.position, {token, token + s.num_tokens}});
    token += s.num_tokens;
  }
  EXPECT_EQ(token, batch.tokens.end());
  return cuts;
}

TEST(MicroBatches, APromptIsCutInTheMiddle) {
  Batch early, late;
  ASSERT_TRUE(splitBatch(batchOf({{0, 2, 7, 5, MXS_LOGITS_LAST}}), early, late));
  EXPECT_EQ(cutsOf(early), (std::vector<Cut>{{0, 2, 7, {0, 1}}}));
  EXPECT_EQ(cutsOf(late), (std::vector<Cut>{{0, 2, 9, {2, 3, 4}}}));
  EXPECT_EQ(early.sequences[0].logits, MXS_LOGITS_NONE);
  EXPECT_EQ(late.sequences[0].logits, MXS_LOGITS_LAST);
}

TEST(MicroBatches, SequencesThatGenerateAreLate) {
  Batch early, late;
  // 2 + 8 + 6 rows: 8 of them early, out of the prompts' 7 + 5 in proportion.
  ASSERT_TRUE(splitBatch(batchOf({{0, 0, 5, 1, MXS_LOGITS_LAST},
                                  {0, 1, 0, 8, MXS_LOGITS_LAST},
                                  {0, 2, 9, 1, MXS_LOGITS_LAST},
                                  {0, 3, 0, 6, MXS_LOGITS_NONE}}),
                         early, late));
  EXPECT_EQ(cutsOf(early),
            (std::vector<Cut>{{0, 1, 0, {1, 2, 3, 4}}, {0, 3, 0, {10, 11, 12, 13}}}));
  EXPECT_EQ(cutsOf(late),
            (std::vector<Cut>{
                {0, 0, 5, {0}}, {0, 1, 4, {5, 6, 7, 8}}, {0, 2, 9, {9}}, {0, 3, 4, {14, 15}}}));
}

TEST(MicroBatches, EveryGroupIsCutForItself) {
  Batch early, late;
  // Group 0 has one token to spare, group 1 four of its eight rows.
  ASSERT_TRUE(splitBatch(
      batchOf({{0, 0, 5, 1, 1}, {0, 1, 5, 1, 1}, {0, 2, 0, 2, 1}, {1, 0, 0, 8, 1}}), early, late));
  EXPECT_EQ(cutsOf(early), (std::vector<Cut>{{0, 2, 0, {2}}, {1, 0, 0, {4, 5, 6, 7}}}));
  EXPECT_EQ(late.totalTokens(), 7);
}

TEST(MicroBatches, WhatBelongsToASequenceFollowsIt) {
  Batch whole = batchOf({{0, 0, 5, 1, 1}, {0, 1, 0, 4, 1}}), early, late;
  whole.sampling.resize(2);
  whole.sampling[1].top_k = 7;
  whole.prompts = {3, 4};
  whole.wantLogits = 1;
  ASSERT_TRUE(splitBatch(whole, early, late));
  EXPECT_EQ(early.samplingOf(0).top_k, 7);
  EXPECT_EQ(early.prompts, (std::vector<int32_t>{4}));
  EXPECT_EQ(late.samplingOf(1).top_k, 7);
  EXPECT_EQ(late.prompts, whole.prompts);
  EXPECT_EQ(late.wantLogits, 1);
}

TEST(MicroBatches, WhatCannotBeCutIsNot) {
  Batch early, late;
  EXPECT_FALSE(splitBatch(batchOf({{0, 0, 5, 1, 1}, {1, 0, 5, 1, 1}}), early, late));
  EXPECT_FALSE(splitBatch(batchOf({{0, 0, 0, 4, MXS_LOGITS_ALL}}), early, late));
  // Of 9 rows 2 could be early, of 8 they are enough.
  std::vector<mxs_sequence_t> sequences = {{0, 0, 0, 3, 1}};
  for (int32_t slot = 1; slot < 6; ++slot)
    sequences.push_back({0, slot, 5, 1, 1});
  EXPECT_TRUE(splitBatch(batchOf(sequences), early, late));
  sequences.push_back({0, 6, 5, 1, 1});
  EXPECT_FALSE(splitBatch(batchOf(sequences), early, late));
  Batch routed = batchOf({{0, 0, 0, 4, 1}});
  routed.wantRouting = 1;
  EXPECT_FALSE(splitBatch(routed, early, late));
}

TEST(MicroBatches, HalvesTravelTogether) {
  const Manifest m = twoGroups();
  Batch early, late, readEarly, readLate;
  ASSERT_TRUE(splitBatch(batchOf({{0, 0, 0, 6, 1}}), early, late));
  ByteWriter out;
  writeHalves(late, &early, out);
  EXPECT_LE(out.written().size(), largestHalvesBytes(m));
  bool hasEarly = false;
  ByteReader in(out.written());
  ASSERT_TRUE(readHalves(in, m, readLate, readEarly, hasEarly).ok());
  EXPECT_TRUE(hasEarly);
  for (size_t length = 0; length < out.written().size(); ++length) {
    ByteReader cut(out.written().data(), length);
    EXPECT_FALSE(readHalves(cut, m, readLate, readEarly, hasEarly).ok()) << length;
  }
  for (const std::string &wrong : {out.written() + "x", '\2' + out.written().substr(1)}) {
    ByteReader reader(wrong);
    EXPECT_FALSE(readHalves(reader, m, readLate, readEarly, hasEarly).ok());
  }
  ByteReader again(out.written());
  ASSERT_TRUE(readHalves(again, m, readLate, readEarly, hasEarly).ok());
  EXPECT_EQ(cutsOf(readEarly), cutsOf(early));
  EXPECT_EQ(cutsOf(readLate), cutsOf(late));

  out.clear();
  writeHalves(late, nullptr, out);
  ByteReader one(out.written());
  ASSERT_TRUE(readHalves(one, m, readLate, readEarly, hasEarly).ok());
  EXPECT_FALSE(hasEarly);
  for (size_t length = 0; length < out.written().size(); ++length) {
    ByteReader cut(out.written().data(), length);
    EXPECT_FALSE(readHalves(cut, m, readLate, readEarly, hasEarly).ok()) << length;
  }
}

} // namespace
