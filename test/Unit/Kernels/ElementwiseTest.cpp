//===- ElementwiseTest.cpp - Activation, sums and roundings of every instruction set ---------===//
#include "PackedWeights.h"

#include "kernels/cpu/Engine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

using namespace mxs;
using namespace mxs::cpu;
using namespace mxs::test;

namespace {

class Elementwise : public testing::TestWithParam<Isa> {
protected:
  void SetUp() override {
    if (!isaSupported(GetParam()))
      GTEST_SKIP() << "this processor has no " << isaName(GetParam());
    ASSERT_TRUE(Engine::create(GetParam(), engine).ok());
  }
  Engine engine;
};

TEST_P(Elementwise, SwigluMatchesDoublePrecision) {
  std::vector<float> gate(64 * 40), up(gate.size(), 1.5f), out(gate.size());
  for (size_t i = 0; i < gate.size(); ++i) {
    const double t = double(i) / double(gate.size()) * 2 - 1;
    gate[i] = static_cast<float>(100 * t * t * t); // dense near 0, to the ends of exp
  }
  engine.kernels().swiglu(gate.data(), up.data(), out.data(), static_cast<int64_t>(gate.size()));
  for (size_t i = 0; i < gate.size(); ++i) {
    const double expected = double(gate[i]) / (1 + std::exp(-double(gate[i]))) * 1.5;
    ASSERT_NEAR(out[i], expected, std::fabs(expected) * 1e-6 + 1e-30) << gate[i];
  }
}

TEST_P(Elementwise, SwigluKeepsNotANumber) {
  std::vector<float> gate(64, 1.0f), up(64, 1.0f), out(64);
  gate[3] = NAN;
  up[40] = NAN;
  engine.kernels().swiglu(gate.data(), up.data(), out.data(), 64);
  for (int i = 0; i < 64; ++i)
    EXPECT_EQ(std::isnan(out[i]), i == 3 || i == 40) << i;
}

TEST_P(Elementwise, AddScaled) {
  for (int64_t count : {0, 1, 7, 16, 33, 100}) {
    const std::vector<float> y = randomFloats(count, 1), before = randomFloats(count, 2);
    std::vector<float> out = before;
    engine.kernels().addScaled(0.75f, y.data(), out.data(), count);
    for (int64_t i = 0; i < count; ++i)
      ASSERT_NEAR(out[i], before[i] + 0.75 * y[i], 2e-7);
  }
}

TEST_P(Elementwise, Bf16RoundsToNearestEven) {
  std::vector<float> x = randomFloats(67, 3);
  x[0] = 1.00390625f; // halfway between two bfloat16
  x[1] = 1.01171875f; // halfway, the even one above
  std::vector<uint16_t> out(x.size());
  engine.kernels().toBf16(x.data(), out.data(), static_cast<int64_t>(x.size()));
  for (size_t i = 0; i < x.size(); ++i)
    EXPECT_EQ(out[i], mxs_bf16_from_f32(x[i])) << x[i];
}

/// Sets without 32-bit sums of four products: neighbours of a sign must not be too large together.
bool addsNeighbours(Isa isa) { return isa == Isa::Avx2 || isa == Isa::Avx512; }

/// What a group's scale is, times 127.
float scaledTo127(Isa isa, const std::vector<float> &x) {
  float largest = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    largest = std::max(largest, std::fabs(x[i]));
    if (addsNeighbours(isa) && i % 2 == 1)
      largest = std::max(largest, std::fabs(x[i - 1] + x[i]));
  }
  return largest;
}

TEST_P(Elementwise, I8IsAsExactAsTheProductsAllow) {
  for (int64_t count : {1, 5, 32, 48, 64}) {
    std::vector<float> x = randomFloats(count, 4);
    x[count / 2] = -3.0f;
    std::vector<int8_t> out(count);
    float scale = 0;
    int32_t sum = 0, expected = 0;
    engine.kernels().toI8(x.data(), out.data(), count, &scale, &sum);
    EXPECT_NEAR(scale, scaledTo127(GetParam(), x) / 127, 1e-6f * scale);
    for (int64_t i = 0; i < count; ++i) {
      EXPECT_NEAR(out[i] * scale, x[i], scale * 0.5001f);
      expected += out[i];
    }
    EXPECT_EQ(sum, expected);
  }
}

TEST_P(Elementwise, I8IsTheSameInEverySetOfItsKind) {
  const KernelSet &plain = addsNeighbours(GetParam()) ? kAvx2Kernels : kReferenceKernels;
  for (int64_t count : {1, 5, 32, 64}) {
    const std::vector<float> x = randomFloats(count, 5);
    std::vector<int8_t> out(count), plainOut(count);
    float scale = 0, plainScale = 0;
    int32_t sum = 0, plainSum = 0;
    engine.kernels().toI8(x.data(), out.data(), count, &scale, &sum);
    plain.toI8(x.data(), plainOut.data(), count, &plainScale, &plainSum);
    EXPECT_EQ(out, plainOut);
    EXPECT_EQ(scale, plainScale);
    EXPECT_EQ(sum, plainSum);
  }
}

/// 255 * 128 fits in 16 bits, 255 * 129 does not. Values that round up as much as they can, and
/// values as large as float32 goes.
TEST_P(Elementwise, NeighboursOfASignStayBelow16Bits) {
  if (!addsNeighbours(GetParam()))
    GTEST_SKIP() << "adds products up in 32 bits";
  for (unsigned seed = 0; seed < 2000; ++seed) {
    std::vector<float> x = randomFloats(64, seed);
    for (size_t i = 0; seed % 2 && i < x.size(); i += 2) { // all at the limit, half of them halves
      x[i] = float((seed + i) % 256) / 2;
      x[i + 1] = 127 - x[i];
    }
    if (seed % 5 == 0)
      for (float &value : x)
        value = std::copysign(3e38f, value);
    std::vector<int8_t> out(64);
    float scale = 0;
    int32_t sum = 0;
    engine.kernels().toI8(x.data(), out.data(), 64, &scale, &sum);
    ASSERT_TRUE(std::isfinite(scale));
    for (int64_t i = 0; i < 64; i += 2) {
      ASSERT_LE(std::max<int>(out[i], 0) + std::max<int>(out[i + 1], 0), 128);
      ASSERT_GE(std::min<int>(out[i], 0) + std::min<int>(out[i + 1], 0), -128);
    }
  }
}

TEST_P(Elementwise, I8OfOddGroups) {
  const float infinity = std::numeric_limits<float>::infinity();
  for (float odd : {0.0f, 1e-38f, 1e-42f, NAN, infinity, -infinity}) {
    std::vector<float> x(32, 0.0f);
    x[7] = odd;
    std::vector<int8_t> out(32, 1);
    float scale = -1;
    int32_t sum = -1;
    engine.kernels().toI8(x.data(), out.data(), 32, &scale, &sum);
    EXPECT_EQ(out, std::vector<int8_t>(32, 0)) << odd;
    EXPECT_EQ(sum, 0);
    EXPECT_EQ(std::isnan(scale), !std::isfinite(odd));
  }
}

INSTANTIATE_TEST_SUITE_P(Isa, Elementwise, testing::ValuesIn(kAllIsas),
                         [](const auto &info) { return std::string(isaName(info.param)); });

} // namespace
