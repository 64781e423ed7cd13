//===- ElementwiseTest.cpp - Activation, sums and roundings of every instruction set ---------===//
#include "PackedWeights.h"

#include "kernels/cpu/Avx2Kernels.h"
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

/// Sets that add up two products in 16 bits: neighbours of the same sign must leave room.
bool addsNeighbours(Isa isa) { return isa == Isa::Avx2 || isa == Isa::Avx512; }

/// KernelSet::toI8, element by element.
struct Group {
  std::vector<int8_t> q;
  float scale = 0;
  int32_t sum = 0;

  Group(const std::vector<float> &x, bool pairs) {
    float largest = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      largest = std::max(largest, std::fabs(x[i]));
      if (pairs && i % 2 == 1)
        largest = std::max(largest, std::fabs(x[i - 1] + x[i]));
    }
    scale = largest / 127;
    for (float value : x) {
      q.push_back(static_cast<int8_t>(std::nearbyint(value * (127 / largest))));
      sum += q.back();
    }
  }
};

using ToI8 = void (*)(const float *, int8_t *, int64_t, float *, int32_t *);

void expectSameBits(ToI8 toI8, bool pairs) {
  for (int64_t count : {1, 2, 5, 32, 48, 64})
    for (unsigned seed = 0; seed < 20; ++seed) {
      std::vector<float> x = randomFloats(count, seed);
      if (seed % 2) // two that are more together than any other alone, or two that are not
        x[count / 4 * 2] = -3, x[std::min(count / 4 * 2 + 1, count - 1)] = seed % 4 == 1 ? -1 : 1;
      std::vector<int8_t> out(count);
      float scale = 0;
      int32_t sum = 0;
      toI8(x.data(), out.data(), count, &scale, &sum);
      const Group expected(x, pairs);
      ASSERT_EQ(out, expected.q) << count << " values, seed " << seed;
      ASSERT_EQ(scale, expected.scale);
      ASSERT_EQ(sum, expected.sum);
      for (int64_t i = 0; i < count; ++i)
        ASSERT_NEAR(out[i] * scale, x[i], scale * 0.5001f);
    }
}

TEST_P(Elementwise, I8IsRoundedAsItsProductsAllow) {
  expectSameBits(engine.kernels().toI8, addsNeighbours(GetParam()));
}

#if defined(__x86_64__)
/// Both need AVX2 alone, whatever sets this processor runs them in.
class I8 : public Elementwise {};

TEST_P(I8, OfWiderSetsIsScaledByTheLargest) { expectSameBits(avx2::toI8, false); }

/// 255 * 128 fits in 16 bits, 255 * 129 does not. Values that round up as much as they can, and
/// values as large as float32 goes.
TEST_P(I8, NeighboursOfASignStayBelow16Bits) {
  for (unsigned seed = 0; seed < 2000; ++seed) {
    const int64_t count = seed % 3 == 0 ? 50 : 64;
    std::vector<float> x = randomFloats(count, seed);
    for (int64_t i = 0; seed % 2 && i < count; i += 2) { // all pairs at the limit, of halves
      x[i] = float((seed + i) % 256) / 2;
      x[i + 1] = 127 - x[i];
    }
    if (seed % 5 == 0)
      for (float &value : x)
        value = std::copysign(3e38f, value);
    std::vector<int8_t> out(count);
    float scale = 0;
    int32_t sum = 0;
    avx2::toI8Pairs(x.data(), out.data(), count, &scale, &sum);
    ASSERT_TRUE(std::isfinite(scale));
    for (int64_t i = 0; i < count; i += 2) {
      ASSERT_LE(std::max<int>(out[i], 0) + std::max<int>(out[i + 1], 0), 128);
      ASSERT_GE(std::min<int>(out[i], 0) + std::min<int>(out[i + 1], 0), -128);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Isa, I8, testing::Values(Isa::Avx2),
                         [](const auto &info) { return std::string(isaName(info.param)); });
#endif

TEST_P(Elementwise, I8OfOddGroups) {
  const float infinity = std::numeric_limits<float>::infinity();
  for (int64_t count : {10, 32})
    for (float odd : {0.0f, 1e-38f, 1e-42f, NAN, infinity, -infinity})
      for (float beside : {0.0f, odd, -odd}) {
        std::vector<float> x(count, 0.0f);
        x[6] = beside;
        x[7] = odd;
        std::vector<int8_t> out(count, 1);
        float scale = -1;
        int32_t sum = -1;
        engine.kernels().toI8(x.data(), out.data(), count, &scale, &sum);
        EXPECT_EQ(out, std::vector<int8_t>(count, 0)) << beside << ", " << odd;
        EXPECT_EQ(sum, 0);
        EXPECT_EQ(std::isnan(scale), !std::isfinite(odd));
      }
}

INSTANTIATE_TEST_SUITE_P(Isa, Elementwise, testing::ValuesIn(kAllIsas),
                         [](const auto &info) { return std::string(isaName(info.param)); });

} // namespace
