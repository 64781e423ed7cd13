//===- GrowingSequences.cpp -----------------------------------------------------------------===//
#include "GrowingSequences.h"
#include "PackedWeights.h"

#include <algorithm>
#include <cmath>
#include <cstring>

using namespace mxs;
using namespace mxs::cpu;
using namespace mxs::test;

GrowingSequences::GrowingSequences(Sizes given, int sequences, int threads)
    : sizes(std::move(given)), pool(threads),
      slotBytes(sizes.cacheWidth * sizes.capacity * cacheElementBytes(sizes.type)),
      cache(static_cast<size_t>(slotBytes * sequences)), lengths(size_t(sequences)),
      prompts(size_t(sequences)), outputs(size_t(sequences)) {
  // What was never stored must not be used.
  std::memset(cache.data(), 0xff, cache.size()); // NaN in both types
}

std::vector<float> GrowingSequences::row(int input, int sequence, int64_t position) const {
  return randomFloats(sizes.inputs[size_t(input)],
                      static_cast<unsigned>(input + 10 * sequence + 1000 * position));
}

std::vector<float> GrowingSequences::cachedRow(int input, int sequence, int64_t position) const {
  std::vector<float> values = row(input, sequence, position);
  if (sizes.type == CacheType::BF16)
    for (float &value : values) {
      // From the definition of bfloat16: 8 bits of the fraction are kept, ties to even.
      int exponent = 0;
      const float fraction = std::frexp(value, &exponent); // in [0.5, 1)
      value = std::ldexp(std::nearbyint(fraction * 256), exponent - 8);
    }
  return values;
}

void GrowingSequences::step(const std::vector<int64_t> &rows) {
  std::vector<AttentionSequence> sequences;
  std::vector<std::vector<float>> inputs(sizes.inputs.size());
  int64_t total = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows[i] == 0)
      continue;
    sequences.push_back(
        {cache.data() + slotBytes * int64_t(i), lengths[i], rows[i], total, prompts[i]});
    total += rows[i];
    for (int64_t r = 0; r < rows[i]; ++r, ++lengths[i])
      for (size_t input = 0; input < inputs.size(); ++input) {
        const std::vector<float> values = row(int(input), int(i), lengths[i]);
        inputs[input].insert(inputs[input].end(), values.begin(), values.end());
      }
  }
  const int64_t width = sizes.heads * sizes.resultDim;
  std::vector<float> out(static_cast<size_t>(total * width), NAN);
  attend(sequences, inputs, out.data());
  auto at = out.begin();
  for (size_t i = 0; i < rows.size(); ++i) {
    outputs[i].insert(outputs[i].end(), at, at + rows[i] * width);
    at += rows[i] * width;
  }
}

std::vector<double> GrowingSequences::expected(int sequence, int64_t position, int64_t head) const {
  std::vector<double> result(size_t(sizes.resultDim), 0.0);
  double sum = 0;
  for (int64_t p = 0; p <= position; ++p) {
    const double weight = std::exp(double(sizes.scale) * score(sequence, position, head, p));
    const std::vector<double> values = value(sequence, p, head);
    sum += weight;
    for (size_t d = 0; d < result.size(); ++d)
      result[d] += weight * values[d];
  }
  for (double &number : result)
    number /= sum;
  return result;
}

void GrowingSequences::expectNear(int sequence, const std::vector<int64_t> &positions,
                                  const std::vector<int64_t> &ofHeads, double tolerance) const {
  for (int64_t position : positions)
    for (int64_t head : ofHeads) {
      const std::vector<double> wanted = expected(sequence, position, head);
      const int64_t at = (position * sizes.heads + head) * sizes.resultDim;
      for (int64_t d = 0; d < sizes.resultDim; ++d)
        ASSERT_NEAR(output(sequence)[size_t(at + d)], wanted[size_t(d)], tolerance)
            << "sequence " << sequence << " position " << position << " head " << head << " of "
            << sizes.heads;
    }
}

void GrowingSequences::expectSameBits(const GrowingSequences &other) const {
  const std::vector<float> &a = output(0), &b = other.output(0);
  ASSERT_EQ(a.size(), b.size());
  const auto differ = [](float x, float y) { return std::memcmp(&x, &y, sizeof x) == 0; };
  const auto [first, second] = std::mismatch(a.begin(), a.end(), b.begin(), differ);
  EXPECT_EQ(first, a.end()) << "number " << first - a.begin() << ": " << *first << " and "
                            << *second;
}
