//===- AttentionTest.cpp - Attention over the cache against double precision -----------------===//
#include "kernels/cpu/Attention.h"
#include "RandomFloats.h"
#include "threads/ThreadPool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

using namespace mxs;

namespace {

/// Sequences that grow by steps. Row values depend on (sequence, position) alone.
class Model {
public:
  Model(const cpu::AttentionKernels &kernels, cpu::CacheType type, int heads, int kvHeads,
        int64_t dim, int64_t capacity, int sequences, int threads)
      : type(type), heads(heads), kvHeads(kvHeads), dim(dim), capacity(capacity), pool(threads),
        attention(kernels, threads, sequences, dim, capacity),
        slotBytes(2 * kvHeads * dim * capacity * cpu::cacheElementBytes(type)),
        cache(static_cast<size_t>(slotBytes * sequences)), lengths(sequences), outputs(sequences) {
    // What was never stored must not be used.
    std::memset(cache.data(), 0xff, cache.size()); // NaN in both types
  }

  static std::vector<float> row(int what, int sequence, int64_t position, int64_t floats) {
    return randomFloats(floats, static_cast<unsigned>(what + 10 * sequence + 1000 * position));
  }

  /// One call with `rows[i]` new rows of sequence i; 0 leaves it out.
  void step(const std::vector<int64_t> &rows) {
    std::vector<cpu::AttentionSequence> sequences;
    std::vector<float> q, k, v;
    int64_t total = 0;
    for (size_t i = 0; i < rows.size(); ++i) {
      if (rows[i] == 0)
        continue;
      sequences.push_back({cache.data() + slotBytes * int64_t(i), lengths[i], rows[i], total});
      total += rows[i];
      for (int64_t r = 0; r < rows[i]; ++r)
        for (auto [all, what, width] :
             {std::make_tuple(&q, 0, heads), std::make_tuple(&k, 1, kvHeads),
              std::make_tuple(&v, 2, kvHeads)}) {
          const std::vector<float> values = row(what, int(i), lengths[i] + r, width * dim);
          all->insert(all->end(), values.begin(), values.end());
        }
      lengths[i] += rows[i];
    }
    std::vector<float> out(static_cast<size_t>(total * heads * dim), NAN);
    cpu::AttentionCall call;
    call.type = type;
    call.heads = heads;
    call.kvHeads = kvHeads;
    call.headDim = dim;
    call.capacity = capacity;
    call.scale = 0.3f;
    call.sequences = sequences.data();
    call.count = int64_t(sequences.size());
    call.q = q.data();
    call.k = k.data();
    call.v = v.data();
    call.out = out.data();
    attention.run(call, pool);
    int64_t at = 0;
    for (size_t i = 0; i < rows.size(); ++i) {
      outputs[i].insert(outputs[i].end(), out.begin() + at,
                        out.begin() + at + rows[i] * heads * dim);
      at += rows[i] * heads * dim;
    }
  }

  /// All rows of a sequence so far: [length, heads, D].
  const std::vector<float> &output(int sequence) const { return outputs[size_t(sequence)]; }

  std::vector<double> expected(int sequence, int64_t position, int head) const {
    const std::vector<float> q = row(0, sequence, position, heads * dim);
    const int64_t kv = head / (heads / kvHeads) * dim;
    std::vector<double> result(size_t(dim), 0.0);
    double sum = 0;
    for (int64_t p = 0; p <= position; ++p) {
      const std::vector<float> k = row(1, sequence, p, kvHeads * dim);
      const std::vector<float> v = row(2, sequence, p, kvHeads * dim);
      double score = 0;
      for (int64_t d = 0; d < dim; ++d)
        score += double(q[size_t(head * dim + d)]) * double(stored(k[size_t(kv + d)]));
      const double weight = std::exp(0.3 * score);
      sum += weight;
      for (int64_t d = 0; d < dim; ++d)
        result[size_t(d)] += weight * double(stored(v[size_t(kv + d)]));
    }
    for (double &value : result)
      value /= sum;
    return result;
  }

private:
  /// What the cache keeps of a number, written from the definition of bfloat16.
  float stored(float value) const {
    if (type == cpu::CacheType::F32 || value == 0)
      return value;
    int exponent = 0;
    const float fraction = std::frexp(value, &exponent); // in [0.5, 1): 8 bits of it are kept
    return std::ldexp(std::nearbyint(fraction * 256), exponent - 8);
  }

  const cpu::CacheType type;
  const int heads, kvHeads;
  const int64_t dim, capacity;
  ThreadPool pool;
  cpu::Attention attention;
  const int64_t slotBytes;
  std::vector<char> cache;
  std::vector<int64_t> lengths;
  std::vector<std::vector<float>> outputs;
};

class AttentionIsa : public testing::TestWithParam<cpu::Isa> {
protected:
  void SetUp() override {
    if (!cpu::isaSupported(GetParam()))
      GTEST_SKIP() << "this processor has no " << cpu::isaName(GetParam());
  }
  const cpu::AttentionKernels &kernels = cpu::attentionKernels(GetParam());
};

TEST_P(AttentionIsa, MatchesDoublePrecision) {
  for (cpu::CacheType type : {cpu::CacheType::F32, cpu::CacheType::BF16})
    for (auto [heads, kvHeads, dim] : {std::make_tuple(4, 2, 16), std::make_tuple(3, 1, 24),
                                       std::make_tuple(2, 2, 128), std::make_tuple(20, 1, 8)}) {
      Model model(kernels, type, heads, kvHeads, dim, 320, 2, 2);
      model.step({70, 3});
      model.step({1, 250});
      model.step({1, 1});
      model.step({219, 9});
      const std::vector<int64_t> positions[] = {{0, 1, 63, 64, 69, 70, 71, 255, 256, 257, 290},
                                                {0, 2, 3, 100, 252, 253, 254, 262}};
      for (int sequence = 0; sequence < 2; ++sequence)
        for (int64_t position : positions[sequence])
          for (int head = 0; head < heads; ++head) {
            const std::vector<double> expected = model.expected(sequence, position, head);
            for (int64_t d = 0; d < dim; ++d)
              ASSERT_NEAR(model.output(sequence)[size_t((position * heads + head) * dim + d)],
                          expected[size_t(d)], 2e-6)
                  << "position " << position << " head " << head << " of D " << dim;
          }
    }
}

TEST_P(AttentionIsa, ARowsBitsDependOnNothingButItsSequence) {
  // Whole prompt, alone, one thread.
  Model whole(kernels, cpu::CacheType::F32, 8, 2, 32, 640, 3, 1);
  whole.step({600, 0, 0});
  // In pieces, beside others, split over three threads.
  Model pieces(kernels, cpu::CacheType::F32, 8, 2, 32, 640, 3, 3);
  pieces.step({17, 5, 0});
  pieces.step({300, 1, 40});
  for (int i = 0; i < 283; ++i) // decode: few tiles, so spans are shared out
    pieces.step({1, 0, 0});
  ASSERT_EQ(whole.output(0).size(), pieces.output(0).size());
  EXPECT_EQ(std::memcmp(whole.output(0).data(), pieces.output(0).data(),
                        whole.output(0).size() * sizeof(float)),
            0);
}

TEST_P(AttentionIsa, LargeScoresDoNotOverflow) {
  cpu::Attention attention(kernels, 1, 1, 1, 64);
  ThreadPool pool(1);
  std::vector<char> slot(2 * 64 * sizeof(float));
  const std::vector<float> q = {0, 0, 200}, k = {1, -1, 1}, v = {3, 100, 5};
  std::vector<float> out(3);
  const cpu::AttentionSequence sequence{slot.data(), 0, 3, 0};
  cpu::AttentionCall call;
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
                         testing::Values(cpu::Isa::Reference, cpu::Isa::Avx2, cpu::Isa::Avx512),
                         [](const testing::TestParamInfo<cpu::Isa> &info) {
                           return std::string(cpu::isaName(info.param));
                         });

} // namespace
