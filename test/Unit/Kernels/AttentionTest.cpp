//===- AttentionTest.cpp - Attention over cached keys and values against double precision ----===//
#include "GrowingSequences.h"

#include <algorithm>
#include <tuple>

using namespace mxs;
using namespace mxs::cpu;
using namespace mxs::test;

namespace {

constexpr int kQuery = 0, kKey = 1, kValue = 2;

class CachedHeads : public GrowingSequences {
public:
  CachedHeads(Isa isa, CacheType type, int64_t heads, int64_t kvHeads, int64_t dim,
              int64_t capacity, int sequences, int threads)
      : GrowingSequences({type,
                          heads,
                          dim,
                          {heads * dim, kvHeads * dim, kvHeads * dim},
                          2 * kvHeads * dim,
                          capacity,
                          0.3f},
                         sequences, threads),
        kvHeads(kvHeads), dim(dim),
        attention(attentionKernels(isa), threads, sequences, dim, capacity) {}

private:
  void attend(const std::vector<AttentionSequence> &sequences,
              const std::vector<std::vector<float>> &inputs, float *out) override {
    AttentionCall call;
    call.type = sizes.type;
    call.heads = int(sizes.heads);
    call.kvHeads = int(kvHeads);
    call.headDim = dim;
    call.capacity = sizes.capacity;
    call.scale = sizes.scale;
    call.sequences = sequences.data();
    call.count = int64_t(sequences.size());
    call.q = inputs[kQuery].data();
    call.k = inputs[kKey].data();
    call.v = inputs[kValue].data();
    call.out = out;
    attention.run(call, pool);
  }

  double score(int sequence, int64_t position, int64_t head, int64_t p) const override {
    const std::vector<float> q = row(kQuery, sequence, position), k = cachedRow(kKey, sequence, p);
    double sum = 0;
    for (int64_t d = 0; d < dim; ++d)
      sum += double(q[size_t(head * dim + d)]) * double(k[size_t(kvHead(head) * dim + d)]);
    return sum;
  }
  std::vector<double> value(int sequence, int64_t p, int64_t head) const override {
    const std::vector<float> v = cachedRow(kValue, sequence, p);
    const auto begin = v.begin() + kvHead(head) * dim;
    return std::vector<double>(begin, begin + dim);
  }
  int64_t kvHead(int64_t head) const { return head / (sizes.heads / kvHeads); }

  const int64_t kvHeads, dim;
  Attention attention;
};

class AttentionIsa : public IsaTest {};

TEST_P(AttentionIsa, MatchesDoublePrecision) {
  for (CacheType type : {CacheType::F32, CacheType::BF16})
    for (auto [heads, kvHeads, dim] : {std::make_tuple(4, 2, 16), std::make_tuple(3, 1, 24),
                                       std::make_tuple(2, 2, 128), std::make_tuple(20, 1, 8)}) {
      CachedHeads model(GetParam(), type, heads, kvHeads, dim, 320, 2, 2);
      model.step({70, 3});
      model.step({1, 250});
      model.step({1, 1});
      model.step({219, 9});
      std::vector<int64_t> all;
      for (int head = 0; head < heads; ++head)
        all.push_back(head);
      model.expectNear(0, {0, 1, 63, 64, 69, 70, 71, 255, 256, 257, 290}, all, 2e-6);
      model.expectNear(1, {0, 2, 3, 100, 252, 253, 254, 262}, all, 2e-6);
    }
}

TEST_P(AttentionIsa, ARowsBitsDependOnNothingButItsSequence) {
  // Whole prompt, alone, one thread.
  CachedHeads whole(GetParam(), CacheType::F32, 8, 2, 32, 640, 3, 1);
  whole.step({600, 0, 0});
  // In pieces, beside others, split over three threads.
  CachedHeads pieces(GetParam(), CacheType::F32, 8, 2, 32, 640, 3, 3);
  pieces.step({17, 5, 0});
  pieces.step({300, 1, 40});
  for (int i = 0; i < 283; ++i) // decode: few tiles, so spans are shared out
    pieces.step({1, 0, 0});
  whole.expectSameBits(pieces);
}

/// Rows in tiles of 6, 4, 2 and 1, columns in whole vectors and a rest, terms in fours and a rest.
TEST_P(AttentionIsa, ARowsBitsDoNotDependOnItsTile) {
  for (CacheType type : {CacheType::F32, CacheType::BF16}) {
    CachedHeads whole(GetParam(), type, 5, 1, 18, 192, 2, 1);
    whole.step({131, 0});
    CachedHeads pieces(GetParam(), type, 5, 1, 18, 192, 2, 2);
    for (int64_t rows : {3, 1, 1, 2, 7, 50, 1, 66})
      pieces.step({rows, 1});
    whole.expectSameBits(pieces);
  }
}

TEST_P(AttentionIsa, LargeScoresDoNotOverflow) {
  Attention attention(attentionKernels(GetParam()), 1, 1, 1, 64);
  ThreadPool pool(1);
  std::vector<char> slot(2 * 64 * sizeof(float));
  const std::vector<float> q = {0, 0, 200}, k = {1, -1, 1}, v = {3, 100, 5};
  std::vector<float> out(3);
  const AttentionSequence sequence{slot.data(), 0, 3, 0, 0};
  AttentionCall call;
  call.headDim = 1;
  call.capacity = 64;
  call.sequences = &sequence;
  call.count = 1;
  call.q = q.data();
  call.k = k.data();
  call.v = v.data();
  call.out = out.data();
  attention.run(call, pool);
  EXPECT_FLOAT_EQ(out[2], 4.0f);
}

INSTANTIATE_TEST_SUITE_P(Each, AttentionIsa,
                         testing::Values(Isa::Reference, Isa::Avx2, Isa::Avx512), isaTestName);

} // namespace
