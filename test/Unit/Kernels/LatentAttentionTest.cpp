//===- LatentAttentionTest.cpp - Latent attention against the formula without absorption -----===//
//
// Expected values make every head's keys and values from the latent vectors, in double precision:
// another formula than the kernels'.
//
//===----------------------------------------------------------------------===//
#include "PackedWeights.h"

#include "kernels/cpu/LatentAttention.h"
#include "threads/ThreadPool.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

using namespace mxs;
using namespace mxs::cpu;
using namespace mxs::test;

namespace {

constexpr int kQueryNope = 0, kQueryRope = 1, kLatent = 2, kRope = 3;

/// Sequences that grow by steps. Row values depend on (sequence, position) alone.
class Model {
public:
  Model(Isa isa, CacheType type, mxs_weight_type_t weights, const LatentShape &shape,
        int64_t capacity, int sequences, int threads)
      : type(type), shape(shape), capacity(capacity),
        scale(1.0f / static_cast<float>(shape.latentDim)), pool(threads),
        attention(attentionKernels(isa), threads, sequences, shape.latentDim, capacity),
        wUk(weights, 1, shape.heads * shape.latentDim, shape.nopeDim, 0, 1),
        wUv(weights, 1, shape.heads * shape.valueDim, shape.latentDim, 0, 2),
        slotBytes((shape.latentDim + shape.ropeDim) * capacity * cacheElementBytes(type)),
        cache(static_cast<size_t>(slotBytes * sequences)), lengths(sequences), outputs(sequences) {
    // What was never stored must not be used.
    std::memset(cache.data(), 0xff, cache.size()); // NaN in both types
    EXPECT_TRUE(Engine::create(isa, engine).ok());
  }

  int64_t width(int what) const {
    return what == kQueryNope   ? shape.heads * shape.nopeDim
           : what == kQueryRope ? shape.heads * shape.ropeDim
           : what == kLatent    ? shape.latentDim
                                : shape.ropeDim;
  }
  std::vector<float> row(int what, int sequence, int64_t position) const {
    return randomFloats(width(what), static_cast<unsigned>(what + 10 * sequence + 1000 * position));
  }

  /// One call with `rows[i]` new rows of sequence i; 0 leaves it out.
  void step(const std::vector<int64_t> &rows) {
    std::vector<AttentionSequence> sequences;
    std::vector<float> inputs[4];
    int64_t total = 0;
    for (size_t i = 0; i < rows.size(); ++i) {
      if (rows[i] == 0)
        continue;
      sequences.push_back({cache.data() + slotBytes * int64_t(i), lengths[i], rows[i], total});
      total += rows[i];
      for (int64_t r = 0; r < rows[i]; ++r)
        for (int what = 0; what < 4; ++what) {
          const std::vector<float> values = row(what, int(i), lengths[i] + r);
          inputs[what].insert(inputs[what].end(), values.begin(), values.end());
        }
      lengths[i] += rows[i];
    }
    const int64_t outWidth = shape.heads * shape.valueDim;
    std::vector<float> out(static_cast<size_t>(total * outWidth), NAN);
    LatentCall call;
    call.shape = shape;
    call.type = type;
    call.capacity = capacity;
    call.scale = scale;
    call.sequences = sequences.data();
    call.count = int64_t(sequences.size());
    call.qNope = inputs[kQueryNope].data();
    call.qRope = inputs[kQueryRope].data();
    call.latent = inputs[kLatent].data();
    call.rope = inputs[kRope].data();
    call.wUk = &wUk.handle();
    call.wUv = &wUv.handle();
    call.out = out.data();
    ASSERT_TRUE(latentAttention(engine, attention, pool, space, call).ok());
    int64_t at = 0;
    for (size_t i = 0; i < rows.size(); ++i) {
      outputs[i].insert(outputs[i].end(), out.begin() + at, out.begin() + at + rows[i] * outWidth);
      at += rows[i] * outWidth;
    }
  }

  /// All rows of a sequence so far: [length, A, V].
  const std::vector<float> &output(int sequence) const { return outputs[size_t(sequence)]; }

  /// [V] of one row and head.
  std::vector<double> expected(int sequence, int64_t position, int64_t head) const {
    const LatentShape &s = shape;
    const std::vector<float> qNope = row(kQueryNope, sequence, position);
    const std::vector<float> qRope = row(kQueryRope, sequence, position);
    std::vector<double> result(size_t(s.valueDim), 0.0);
    double sum = 0;
    for (int64_t p = 0; p <= position; ++p) {
      const std::vector<float> c = stored(row(kLatent, sequence, p));
      const std::vector<float> r = stored(row(kRope, sequence, p));
      double score = 0;
      for (int64_t d = 0; d < s.nopeDim; ++d) {
        double key = 0;
        for (int64_t l = 0; l < s.latentDim; ++l)
          key += double(wUk.value(0, head * s.latentDim + l, d)) * double(c[size_t(l)]);
        score += key * double(qNope[size_t(head * s.nopeDim + d)]);
      }
      for (int64_t d = 0; d < s.ropeDim; ++d)
        score += double(qRope[size_t(head * s.ropeDim + d)]) * double(r[size_t(d)]);
      const double weight = std::exp(double(scale) * score);
      sum += weight;
      for (int64_t v = 0; v < s.valueDim; ++v) {
        double value = 0;
        for (int64_t l = 0; l < s.latentDim; ++l)
          value += double(wUv.value(0, head * s.valueDim + v, l)) * double(c[size_t(l)]);
        result[size_t(v)] += weight * value;
      }
    }
    for (double &value : result)
      value /= sum;
    return result;
  }

  const LatentShape &sizes() const { return shape; }

private:
  /// What the cache keeps of the numbers.
  std::vector<float> stored(std::vector<float> values) const {
    for (float &value : values)
      if (type == CacheType::BF16)
        value = mxs_bf16_to_f32(mxs_bf16_from_f32(value));
    return values;
  }

  const CacheType type;
  const LatentShape shape;
  const int64_t capacity;
  const float scale;
  ThreadPool pool;
  Attention attention;
  Engine engine;
  Workspace space;
  const PackedWeights wUk, wUv;
  const int64_t slotBytes;
  std::vector<char> cache;
  std::vector<int64_t> lengths;
  std::vector<std::vector<float>> outputs;
};

class LatentAttentionIsa : public testing::TestWithParam<Isa> {
protected:
  void SetUp() override {
    if (!isaSupported(GetParam()))
      GTEST_SKIP() << "this processor has no " << isaName(GetParam());
  }
};

void expectNear(const Model &model, int sequence, const std::vector<int64_t> &positions) {
  const LatentShape &s = model.sizes();
  for (int64_t position : positions)
    for (int64_t head : {int64_t(0), s.heads / 2, s.heads - 1}) {
      const std::vector<double> expected = model.expected(sequence, position, head);
      for (int64_t v = 0; v < s.valueDim; ++v)
        ASSERT_NEAR(model.output(sequence)[size_t((position * s.heads + head) * s.valueDim + v)],
                    expected[size_t(v)], 1e-5 * std::sqrt(double(s.latentDim)))
            << "position " << position << " head " << head << " of L " << s.latentDim;
    }
}

// Heads that share a column block of the weights, more heads than a tile has rows, results of odd
// length; prompts, pieces and decode side by side.
TEST_P(LatentAttentionIsa, MatchesTheFormulaWithoutAbsorption) {
  for (CacheType type : {CacheType::F32, CacheType::BF16})
    for (mxs_weight_type_t weights : {MXS_WEIGHT_F32, MXS_WEIGHT_BF16})
      for (const LatentShape &shape :
           {LatentShape{3, 32, 16, 24, 40}, LatentShape{20, 80, 16, 10, 7},
            LatentShape{1, 16, 32, 2, 1}}) {
        Model model(GetParam(), type, weights, shape, 320, 2, 2);
        model.step({70, 3});
        model.step({1, 120});
        model.step({1, 1});
        model.step({194, 9});
        expectNear(model, 0, {0, 63, 64, 71, 255, 256, 265});
        expectNear(model, 1, {0, 3, 122, 123, 132});
      }
}

TEST_P(LatentAttentionIsa, MatchesAtTheShapeOfDeepSeek) {
  Model model(GetParam(), CacheType::BF16, MXS_WEIGHT_BF16, {16, 512, 64, 128, 128}, 128, 1, 2);
  model.step({99});
  model.step({1});
  expectNear(model, 0, {0, 95, 96, 99});
}

TEST_P(LatentAttentionIsa, ARowsBitsDependOnNothingButItsSequence) {
  const LatentShape shape{5, 48, 16, 16, 24};
  // Whole prompt, alone, one thread.
  Model whole(GetParam(), CacheType::F32, MXS_WEIGHT_F32, shape, 640, 3, 1);
  whole.step({600, 0, 0});
  // In pieces, beside others, split over three threads.
  Model pieces(GetParam(), CacheType::F32, MXS_WEIGHT_F32, shape, 640, 3, 3);
  pieces.step({17, 5, 0});
  pieces.step({400, 1, 40});
  for (int i = 0; i < 183; ++i) // decode: few tiles, so spans are shared out
    pieces.step({1, 0, 0});
  ASSERT_EQ(whole.output(0).size(), pieces.output(0).size());
  EXPECT_EQ(std::memcmp(whole.output(0).data(), pieces.output(0).data(),
                        whole.output(0).size() * sizeof(float)),
            0);
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

INSTANTIATE_TEST_SUITE_P(Each, LatentAttentionIsa, testing::ValuesIn(kAllIsas),
                         [](const testing::TestParamInfo<Isa> &info) {
                           return std::string(isaName(info.param));
                         });

} // namespace
