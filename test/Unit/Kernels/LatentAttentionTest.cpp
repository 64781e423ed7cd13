//===- LatentAttentionTest.cpp - Latent attention, both forms, in double precision -----------===//
//
// Expected values make every head's keys and values from the latent vectors, whichever form the
// kernels take.
//
//===----------------------------------------------------------------------===//
#include "GrowingSequences.h"
#include "PackedWeights.h"

#include "kernels/cpu/LatentAttention.h"

#include <cmath>
#include <map>

using namespace mxs;
using namespace mxs::cpu;
using namespace mxs::test;

namespace {

constexpr int kQueryNope = 0, kQueryRope = 1, kLatent = 2, kRope = 3;
/// Where all rows are said to be a prompt.
constexpr int64_t kAll = 1000000;

class LatentHeads : public GrowingSequences {
public:
  LatentHeads(Isa isa, CacheType type, mxs_weight_type_t weights, const LatentShape &shape,
              int64_t capacity, int sequences, int threads)
      : GrowingSequences({type,
                          shape.heads,
                          shape.valueDim,
                          {shape.heads * shape.nopeDim, shape.heads * shape.ropeDim,
                           shape.latentDim, shape.ropeDim},
                          shape.latentDim + shape.ropeDim,
                          capacity,
                          1.0f / static_cast<float>(shape.latentDim)},
                         sequences, threads),
        shape(shape),
        attention(attentionKernels(isa), threads, sequences, shape.latentDim, capacity),
        wUk(weights, 1, shape.heads * shape.latentDim, shape.nopeDim, 0, 1),
        wUv(weights, 1, shape.heads * shape.valueDim, shape.latentDim, 0, 2) {
    EXPECT_TRUE(Engine::create(isa, engine).ok());
    space.reserve(latentAttentionBytes(shape, sequences * capacity, threads));
    planned = space.capacity();
  }

  /// Relative to the size of its sums.
  double tolerance() const { return 1e-5 * std::sqrt(double(shape.latentDim)); }
  void expectNear(int sequence, const std::vector<int64_t> &positions) const {
    GrowingSequences::expectNear(sequence, positions, {0, shape.heads / 2, shape.heads - 1},
                                 tolerance());
  }

private:
  void attend(const std::vector<AttentionSequence> &sequences,
              const std::vector<std::vector<float>> &inputs, float *out) override {
    LatentCall call;
    call.shape = shape;
    call.type = sizes.type;
    call.capacity = sizes.capacity;
    call.stepRows = kAll;
    call.scale = sizes.scale;
    call.sequences = sequences.data();
    call.count = int64_t(sequences.size());
    call.qNope = inputs[kQueryNope].data();
    call.qRope = inputs[kQueryRope].data();
    call.latent = inputs[kLatent].data();
    call.rope = inputs[kRope].data();
    call.wUk = &wUk.handle();
    call.wUv = &wUv.handle();
    call.out = out;
    ASSERT_TRUE(latentAttention(engine, attention, pool, space, call).ok());
    EXPECT_EQ(space.capacity(), planned) << "more workspace than was planned";
  }

  double score(int sequence, int64_t position, int64_t head, int64_t p) const override {
    const std::vector<float> qNope = row(kQueryNope, sequence, position),
                             qRope = row(kQueryRope, sequence, position),
                             r = cachedRow(kRope, sequence, p);
    const std::vector<double> &key =
        product(keys, wUk, sequence, p, head, shape.nopeDim, [&](int64_t d, int64_t l) {
          return std::make_pair(head * shape.latentDim + l, d);
        });
    double sum = 0;
    for (int64_t d = 0; d < shape.nopeDim; ++d)
      sum += key[size_t(d)] * double(qNope[size_t(head * shape.nopeDim + d)]);
    for (int64_t d = 0; d < shape.ropeDim; ++d)
      sum += double(qRope[size_t(head * shape.ropeDim + d)]) * double(r[size_t(d)]);
    return sum;
  }
  std::vector<double> value(int sequence, int64_t p, int64_t head) const override {
    return product(values, wUv, sequence, p, head, shape.valueDim, [&](int64_t v, int64_t l) {
      return std::make_pair(head * shape.valueDim + v, l);
    });
  }

  /// W c of a position, made once. `at` (output, l) is where its weight is.
  using Made = std::map<std::tuple<int, int64_t, int64_t>, std::vector<double>>;
  template <class Place>
  const std::vector<double> &product(Made &made, const PackedWeights &w, int sequence, int64_t p,
                                     int64_t head, int64_t outputs, const Place &at) const {
    std::vector<double> &result = made[{sequence, p, head}];
    if (!result.empty())
      return result;
    const std::vector<float> c = cachedRow(kLatent, sequence, p);
    for (int64_t i = 0; i < outputs; ++i) {
      double sum = 0;
      for (int64_t l = 0; l < shape.latentDim; ++l) {
        const auto [n, k] = at(i, l);
        sum += double(w.value(0, n, k)) * double(c[size_t(l)]);
      }
      result.push_back(sum);
    }
    return result;
  }

  const LatentShape shape;
  Attention attention;
  Engine engine;
  Workspace space;
  int64_t planned = 0;
  const PackedWeights wUk, wUv;
  mutable Made keys, values;
};

class LatentAttentionIsa : public IsaTest {};

// Heads that share a column block of the weights, more heads than a tile has rows, results of odd
// length; prompts, pieces and decode side by side. Rows are absorbed; the first ones of a sequence
// are expanded; all are.
TEST_P(LatentAttentionIsa, MatchesTheFormula) {
  const std::pair<int64_t, int64_t> prompts[] = {{0, 0}, {71, 123}, {kAll, kAll}, {200, 0}};
  for (CacheType type : {CacheType::F32, CacheType::BF16})
    for (mxs_weight_type_t weights : {MXS_WEIGHT_F32, MXS_WEIGHT_BF16})
      for (const LatentShape &shape :
           {LatentShape{3, 32, 16, 24, 40}, LatentShape{20, 80, 16, 10, 7},
            LatentShape{1, 16, 32, 2, 1}})
        for (const auto &[first, second] : prompts) {
          LatentHeads model(GetParam(), type, weights, shape, 320, 2, 2);
          model.setPrompt(0, first);
          model.setPrompt(1, second);
          model.step({70, 3});
          model.step({1, 120});
          model.step({1, 1});
          model.step({194, 9});
          model.expectNear(0, {0, 63, 64, 71, 72, 199, 200, 255, 256, 265});
          model.expectNear(1, {0, 3, 122, 123, 132});
        }
}

TEST_P(LatentAttentionIsa, MatchesAtTheShapeOfDeepSeek) {
  for (int64_t prompt : {int64_t(0), int64_t(99)}) {
    LatentHeads model(GetParam(), CacheType::BF16, MXS_WEIGHT_BF16, {16, 512, 64, 128, 128}, 128, 1,
                      2);
    model.setPrompt(0, prompt);
    model.step({99});
    model.step({1});
    model.expectNear(0, {0, 95, 96, 98, 99});
  }
}

TEST_P(LatentAttentionIsa, ARowsBitsDependOnNothingButItsSequence) {
  const LatentShape shape{5, 48, 16, 16, 24};
  std::vector<std::vector<float>> forms;
  for (int64_t prompt : {int64_t(0), int64_t(450)}) {
    // All rows alone, one thread.
    LatentHeads whole(GetParam(), CacheType::F32, MXS_WEIGHT_F32, shape, 640, 3, 1);
    whole.setPrompt(0, prompt);
    whole.step({600, 0, 0});
    // In pieces, beside others, split over three threads.
    LatentHeads pieces(GetParam(), CacheType::F32, MXS_WEIGHT_F32, shape, 640, 3, 3);
    pieces.setPrompt(0, prompt);
    pieces.setPrompt(1, 100);
    pieces.step({17, 5, 0});
    pieces.step({1, 60, 2});
    pieces.step({300, 50, 40});
    for (int i = 0; i < 282; ++i) // decode: few tiles, so spans are shared out
      pieces.step({1, 0, i % 2});
    whole.expectSameBits(pieces);
    forms.push_back(whole.output(0));
  }
  EXPECT_NE(forms[0], forms[1]) << "the prompt was not expanded";
}

// Many prompts that are shorter than a block, some beside decoding rows.
TEST_P(LatentAttentionIsa, ShortPromptsShareAGroup) {
  LatentHeads model(GetParam(), CacheType::F32, MXS_WEIGHT_F32, {2, 32, 16, 16, 16}, 320, 7, 2);
  const std::vector<int64_t> rows = {5, 1, 64, 65, 300, 2, 20};
  for (int i : {0, 2, 3, 4, 6})
    model.setPrompt(i, rows[size_t(i)]);
  model.step(rows);
  for (size_t i = 0; i < rows.size(); ++i)
    model.expectNear(int(i), {0, rows[i] / 2, rows[i] - 1});
}

TEST(LatentAttention, APromptIsExpandedWhereThatIsLessWork) {
  const LatentShape deepSeek{16, 512, 64, 128, 128};
  EXPECT_FALSE(expandsPrompt(deepSeek, 0, 4096)); // not known
  EXPECT_FALSE(expandsPrompt(deepSeek, 100, 0));
  EXPECT_TRUE(expandsPrompt(deepSeek, 1, 1)); // in one step
  EXPECT_TRUE(expandsPrompt(deepSeek, 4096, 4096));
  EXPECT_TRUE(expandsPrompt(deepSeek, 100000, 171));
  EXPECT_FALSE(expandsPrompt(deepSeek, 100000, 170));
  EXPECT_TRUE(expandsPrompt(deepSeek, 340, 170)); // the context is short in the first step
  EXPECT_FALSE(expandsPrompt({1, 16, 16, 24, 16}, 100, 4096)); // latent vectors are no longer
}

TEST_P(LatentAttentionIsa, RefusesWeightsThatDoNotFit) {
  Engine engine;
  ASSERT_TRUE(Engine::create(GetParam(), engine).ok());
  ThreadPool pool(1);
  Workspace space;
  Attention attention(attentionKernels(GetParam()), 1, 1, 16, 64);
  const PackedWeights good(MXS_WEIGHT_F32, 1, 32, 16, 0, 1);
  const PackedWeights wide(MXS_WEIGHT_F32, 1, 32, 17, 0, 1), odd(MXS_WEIGHT_BF16, 1, 32, 15, 0, 1);
  const PackedWeights scaled(MXS_WEIGHT_I8, 1, 32, 16, 32, 1);
  LatentCall call;
  call.shape = {2, 16, 16, 16, 16};
  const auto message = [&](const PackedWeights &uk, const PackedWeights &uv) {
    call.wUk = &uk.handle();
    call.wUv = &uv.handle();
    return latentAttention(engine, attention, pool, space, call).message();
  };
  EXPECT_EQ(message(good, good), "");
  EXPECT_NE(message(wide, good).find("w_uk of latent attention must be packed and [32, 16]"),
            std::string::npos);
  EXPECT_NE(message(good, scaled).find("w_uv of latent attention must be f32 or bf16"),
            std::string::npos);
  call.shape.nopeDim = 15;
  EXPECT_NE(message(odd, good).find("even number of inputs"), std::string::npos);
  call.shape = {4, 8, 16, 16, 8};
  EXPECT_NE(message(good, PackedWeights(MXS_WEIGHT_F32, 1, 32, 8, 0, 1)).find("multiples of 16"),
            std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Each, LatentAttentionIsa, testing::ValuesIn(kAllIsas), isaTestName);

} // namespace
