//===- GrowingSequences.h - Sequences whose attention is tested step by step --------*- C++ -*-===//
#ifndef MIXSERVE_TEST_UNIT_KERNELS_GROWINGSEQUENCES_H
#define MIXSERVE_TEST_UNIT_KERNELS_GROWINGSEQUENCES_H

#include "kernels/cpu/Attention.h"
#include "threads/ThreadPool.h"

#include <gtest/gtest.h>

#include <vector>

namespace mxs::test {

/// Tests that run once with the kernels of each instruction set.
class IsaTest : public testing::TestWithParam<cpu::Isa> {
protected:
  void SetUp() override {
    if (!cpu::isaSupported(GetParam()))
      GTEST_SKIP() << "this processor has no " << cpu::isaName(GetParam());
  }
};
inline std::string isaTestName(const testing::TestParamInfo<cpu::Isa> &info) {
  return cpu::isaName(info.param);
}

/// Sequences with a cache slot each that grow by steps, in any company and pieces, and what their
/// rows must give: softmax(scale * score) over the positions seen, in double precision. A kind of
/// attention derives from it. Input rows depend on (input, sequence, position) alone.
class GrowingSequences {
public:
  struct Sizes {
    cpu::CacheType type;
    int64_t heads, resultDim;    ///< the result's rows are [heads, resultDim]
    std::vector<int64_t> inputs; ///< widths of the rows that a call is given
    int64_t cacheWidth;          ///< numbers of a position in the cache
    int64_t capacity;            ///< positions of a slot
    float scale;
  };
  GrowingSequences(Sizes sizes, int sequences, int threads);
  virtual ~GrowingSequences() = default;

  /// One call with `rows[i]` new rows of sequence i; 0 leaves it out.
  void step(const std::vector<int64_t> &rows);
  /// All rows of a sequence so far: [length, heads, resultDim].
  const std::vector<float> &output(int sequence) const { return outputs[size_t(sequence)]; }

  /// [resultDim] of one row and head.
  std::vector<double> expected(int sequence, int64_t position, int64_t head) const;
  /// Fails the test where one of these rows is further than `tolerance` from what it must be.
  void expectNear(int sequence, const std::vector<int64_t> &positions,
                  const std::vector<int64_t> &ofHeads, double tolerance) const;
  /// Fails the test unless sequence 0 has the same bits in both.
  void expectSameBits(const GrowingSequences &other) const;

  /// Tells that the first `length` rows of a sequence are its prompt.
  void setPrompt(int sequence, int64_t length) { prompts[size_t(sequence)] = length; }

protected:
  /// One call: `inputs` and `out` have a row for each row of the sequences.
  virtual void attend(const std::vector<cpu::AttentionSequence> &sequences,
                      const std::vector<std::vector<float>> &inputs, float *out) = 0;
  /// Of a row and position `p` of its sequence, before it is scaled.
  virtual double score(int sequence, int64_t position, int64_t head, int64_t p) const = 0;
  /// [resultDim] of position `p`.
  virtual std::vector<double> value(int sequence, int64_t p, int64_t head) const = 0;

  std::vector<float> row(int input, int sequence, int64_t position) const;
  /// The same, as the cache keeps it.
  std::vector<float> cachedRow(int input, int sequence, int64_t position) const;

  const Sizes sizes;
  ThreadPool pool;

private:
  const int64_t slotBytes;
  std::vector<char> cache;
  std::vector<int64_t> lengths, prompts;
  std::vector<std::vector<float>> outputs;
};

} // namespace mxs::test

#endif // MIXSERVE_TEST_UNIT_KERNELS_GROWINGSEQUENCES_H
