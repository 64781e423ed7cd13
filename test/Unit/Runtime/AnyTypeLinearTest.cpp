//===- AnyTypeLinearTest.cpp - The plain kernel on weights of every type --------------------===//
#include "kernels/cpu/Kernels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <vector>

using namespace mxs;

namespace {

/// Matrices in one type, written element by element, beside the values that they stand for.
struct Sample {
  Sample(mxs_weight_type_t type, int64_t matrices, int64_t n, int64_t k, int64_t group)
      : values(size_t(matrices * n * k)),
        data(size_t(matrices * mxs_weight_data_bytes(type, n, k))),
        scales(size_t(matrices * mxs_weight_scale_bytes(type, n, k, group) / 2)) {
    std::mt19937 engine(5);
    std::uniform_int_distribution<int> any(-127, 127), four(-7, 7);
    weight.layout = WeightLayout::N64;
    weight.type = type;
    weight.group = group;
    weight.n = n, weight.k = k, weight.matrices = matrices;
    weight.data = data.data();
    weight.scales = scales.data();
    for (uint16_t &scale : scales)
      scale = mxs_bf16_from_f32(float(any(engine) + 128) / 1024);
    for (int64_t m = 0; m < matrices; ++m)
      for (int64_t i = 0; i < n; ++i)
        for (int64_t j = 0; j < k; ++j)
          values[size_t((m * n + i) * k + j)] =
              put(m, i, j, type == MXS_WEIGHT_I4 ? four(engine) : any(engine));
  }

  /// Writes q, or q / 128 in a type without scales; returns its value.
  float put(int64_t m, int64_t i, int64_t j, int q) {
    const mxs_weight_type_t type = weight.type;
    uint8_t *at = data.data() + m * mxs_weight_data_bytes(type, weight.n, weight.k) +
                  mxs_weight_data_offset(type, weight.k, i, j);
    const float plain = float(q) / 128;
    const uint16_t half = mxs_bf16_from_f32(plain);
    switch (type) {
    case MXS_WEIGHT_F32:
      std::memcpy(at, &plain, sizeof plain);
      return plain;
    case MXS_WEIGHT_BF16:
      std::memcpy(at, &half, sizeof half);
      return mxs_bf16_to_f32(half);
    case MXS_WEIGHT_I8:
      *at = static_cast<uint8_t>(q);
      break;
    case MXS_WEIGHT_I4:
      *at = static_cast<uint8_t>(j % 8 < 4 ? (*at & 0xf0) | (q + 8) : (*at & 15) | (q + 8) << 4);
      break;
    }
    const int64_t scale = mxs_weight_scale_index(weight.k, weight.group, i, j);
    return q * mxs_bf16_to_f32(weight.matrixScales(m)[scale]);
  }

  std::vector<float> values; ///< [matrices][N][K]
  std::vector<uint8_t> data;
  std::vector<uint16_t> scales;
  mxs_weight_t weight;
};

TEST(AnyTypeLinear, MatchesDoublePrecision) {
  for (mxs_weight_type_t type : {MXS_WEIGHT_F32, MXS_WEIGHT_BF16, MXS_WEIGHT_I8, MXS_WEIGHT_I4})
    for (auto [n, k, group] : {std::tuple<int64_t, int64_t, int64_t>{1, 1, 32},
                               {64, 32, 32},
                               {65, 37, 32},
                               {130, 200, 128}}) {
      const int64_t matrices = 3, rows = 2;
      const Sample sample(type, matrices, n, k, group);
      std::mt19937 engine(6);
      std::uniform_real_distribution<float> uniform(-1.0f, 1.0f);
      std::vector<float> x(size_t(rows * k)), y(size_t(rows * n));
      for (float &value : x)
        value = uniform(engine);
      for (int64_t m = 0; m < matrices; ++m) {
        std::fill(y.begin(), y.end(), NAN);
        cpu::linear(x.data(), sample.weight, m, y.data(), rows);
        for (int64_t row = 0; row < rows; ++row)
          for (int64_t i = 0; i < n; ++i) {
            double expected = 0, size = 0;
            for (int64_t j = 0; j < k; ++j) {
              const double product =
                  double(x[size_t(row * k + j)]) * sample.values[size_t((m * n + i) * k + j)];
              expected += product;
              size += std::fabs(product);
            }
            ASSERT_NEAR(y[size_t(row * n + i)], expected, 1e-5 * size + 1e-7)
                << mxs_weight_type_name(type) << " " << n << "x" << k << " matrix " << m;
          }
      }
    }
}

TEST(Embedding, RowsOfEitherType) {
  const float table[] = {0.5f, -1.0f, 2.0f, 3.0f};
  const uint16_t half[] = {0x3f00, 0xbf80, 0x4000, 0x4040};
  mxs_weight_t weight;
  weight.layout = WeightLayout::Rows;
  weight.n = 2, weight.k = 2;
  const int32_t tokens[] = {7, 6, 8, 5};
  for (mxs_weight_type_t type : {MXS_WEIGHT_F32, MXS_WEIGHT_BF16}) {
    weight.type = type;
    weight.data = type == MXS_WEIGHT_F32 ? static_cast<const void *>(table) : half;
    std::vector<float> out(8, NAN);
    cpu::embedding(tokens, 4, weight, 6, out.data());
    EXPECT_EQ(out, (std::vector<float>{2, 3, 0.5f, -1, 0, 0, 0, 0})) << mxs_weight_type_name(type);
  }
}

} // namespace
