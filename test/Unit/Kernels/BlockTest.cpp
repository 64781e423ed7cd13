//===- BlockTest.cpp - Every kernel of every instruction set against double precision --------===//
//
// The rows go through the same rounding as the kernel's: what is compared is the arithmetic alone,
// with a bound from float32 sums. What the rounding itself costs is bounded separately.
//
//===----------------------------------------------------------------------===//
#include "PackedWeights.h"

#include "kernels/cpu/Engine.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

using namespace mxs;
using namespace mxs::cpu;
using namespace mxs::test;

namespace {

struct Shape {
  int64_t rows, n, k;
};

const Shape kShapes[] = {{0, 64, 64},  {1, 1, 1},     {1, 64, 64},   {2, 65, 33},   {3, 63, 17},
                         {4, 128, 96}, {5, 200, 129}, {6, 64, 512},  {7, 96, 1030}, {12, 130, 48},
                         {13, 64, 31}, {33, 64, 200}, {67, 70, 2100}};

class Block : public testing::TestWithParam<std::tuple<Isa, mxs_weight_type_t, int>> {
protected:
  void SetUp() override {
    const auto [isa, type, group] = GetParam();
    if (!isaSupported(isa))
      GTEST_SKIP() << "this processor has no " << isaName(isa);
    ASSERT_TRUE(Engine::create(isa, engine).ok());
  }

  /// Rows as the engine reads them, from x [rows][k].
  std::vector<uint8_t> prepare(const RowLayout &layout, const std::vector<float> &x, int64_t rows) {
    // Garbage around the rows must not matter.
    std::vector<uint8_t> memory(layout.bytes(rows) + 64, 0x7f);
    for (int64_t row = 0; row < rows; ++row)
      putRow(engine.kernels(), layout, memory.data(), rows, row, 0, layout.k,
             x.data() + row * layout.k);
    return memory;
  }

  /// The value that the kernel reads as x[row, k].
  static double rowValue(const RowLayout &layout, const RowView &view, int64_t row, int64_t k) {
    const uint8_t *data = view.data + row * view.stride;
    if (layout.form == RowForm::F32)
      return reinterpret_cast<const float *>(data)[k];
    if (layout.form == RowForm::Bf16)
      return mxs_bf16_to_f32(reinterpret_cast<const uint16_t *>(data)[k]);
    return double(view.scales[row * view.groups + k / layout.rowGroup]) *
           reinterpret_cast<const int8_t *>(data)[k];
  }

  Engine engine;
};

TEST_P(Block, MatchesDoublePrecision) {
  const auto [isa, type, group] = GetParam();
  for (const Shape &s : kShapes) {
    SCOPED_TRACE(testing::Message() << s.rows << " rows, N " << s.n << ", K " << s.k);
    const PackedWeights w(type, 2, s.n, s.k, group, 7);
    const RowLayout layout = engine.rowLayout(w.handle());
    const std::vector<float> x = randomFloats(s.rows * s.k, 8);
    const std::vector<uint8_t> memory = prepare(layout, x, s.rows);
    const RowView view = layout.view(memory.data(), s.rows, 0);
    for (int64_t block = 0; block < mxs_weight_blocks(s.n); ++block) {
      std::vector<float> y(s.rows * kBlockColumns + 64, NAN);
      // What is read ahead changes nothing; a small block behind a large one is read beyond its
      // end.
      const BlockStart next = block % 2 ? blockStart(w.handle(), 0, 0) : BlockStart{};
      engine.multiply(view, s.rows, w.handle(), 1, block, y.data(), next);
      for (int64_t row = 0; row < s.rows; ++row)
        for (int64_t c = 0; c < kBlockColumns; ++c) {
          double expected = 0, sizes = 0, exact = 0, rounding = 0;
          const int64_t n = block * kBlockColumns + c;
          for (int64_t k = 0; n < s.n && k < s.k; ++k) {
            const double weight = w.value(1, n, k);
            const double product = rowValue(layout, view, row, k) * weight;
            expected += product;
            sizes += std::fabs(product);
            exact += double(x[row * s.k + k]) * weight;
            // Rows rounded to bfloat16 (2^-9 each) or to int8 (half of a scale).
            if (layout.form == RowForm::Bf16)
              rounding += std::fabs(product) / 512;
            else if (layout.form == RowForm::I8)
              rounding +=
                  std::fabs(weight) * 0.5001 * view.scales[row * view.groups + k / layout.rowGroup];
          }
          const double actual = y[row * kBlockColumns + c];
          // A float32 sum in any order: at most K roundings of half an ulp of the partial sums.
          ASSERT_NEAR(actual, expected, 6e-8 * sizes * double(s.k + 2)) << row << "," << n;
          ASSERT_NEAR(actual, exact, 6e-8 * sizes * double(s.k + 2) + rounding);
        }
      for (size_t i = s.rows * kBlockColumns; i < y.size(); ++i)
        ASSERT_TRUE(std::isnan(y[i])) << "writes behind the tile";
    }
  }
}

TEST_P(Block, ARowDoesNotDependOnOthers) {
  const auto [isa, type, group] = GetParam();
  const int64_t rows = 29, k = 1100;
  const PackedWeights w(type, 1, 64, k, group, 9);
  const RowLayout layout = engine.rowLayout(w.handle());
  const std::vector<uint8_t> memory = prepare(layout, randomFloats(rows * k, 10), rows);
  std::vector<float> whole(rows * kBlockColumns), part(rows * kBlockColumns);
  engine.multiply(layout.view(memory.data(), rows, 0), rows, w.handle(), 0, 0, whole.data());
  for (int64_t first = 0; first < rows; first += 5)
    for (int64_t count = 1; first + count <= rows; count += 3) {
      engine.multiply(layout.view(memory.data(), rows, first), count, w.handle(), 0, 0,
                      part.data());
      ASSERT_EQ(std::memcmp(part.data(), whole.data() + first * kBlockColumns,
                            count * kBlockColumns * sizeof(float)),
                0)
          << count << " rows from " << first;
    }
}

/// A float tile that is alone may take the block in two parts, so that it asks for what comes next
/// in time; few rows take turns, part by part.
TEST_P(Block, AskingAheadChangesNoBit) {
  const auto [isa, type, group] = GetParam();
  for (int64_t k : {1, 8, 16, 17, 31, 32, 33, 35, 66, 130})
    for (int64_t rows : {1, 2, 3, 4, 5, 6, 7, 19, 24, 25, 31, 96}) { // many ask in another way
      const PackedWeights w(type, 2, 64, k, group, 13);
      const RowLayout layout = engine.rowLayout(w.handle());
      const std::vector<uint8_t> memory = prepare(layout, randomFloats(rows * k, 14), rows);
      std::vector<float> last(rows * kBlockColumns), followed(rows * kBlockColumns);
      const RowView view = layout.view(memory.data(), rows, 0);
      engine.multiply(view, rows, w.handle(), 0, 0, last.data());
      engine.multiply(view, rows, w.handle(), 0, 0, followed.data(), blockStart(w.handle(), 1, 0));
      ASSERT_EQ(std::memcmp(last.data(), followed.data(), last.size() * sizeof(float)), 0)
          << rows << " rows, K " << k;
      for (int64_t row = 0; row < rows; ++row) {
        engine.multiply(layout.view(memory.data(), rows, row), 1, w.handle(), 0, 0, last.data());
        ASSERT_EQ(std::memcmp(last.data(), followed.data() + row * kBlockColumns,
                              kBlockColumns * sizeof(float)),
                  0)
            << "row " << row << " of " << rows << ", K " << k;
      }
    }
}

/// Integer kernels add products of neighbours, and of steps, up in 16 bits for a while: all as
/// large as they can be, in every combination of signs, and beside small ones.
TEST_P(Block, LargestProductsFit) {
  const auto [isa, type, group] = GetParam();
  const std::pair<float, float> pairs[] = {{1, 1}, {-1, -1}, {1, -1}, {-1, 1}, {1, 0.01f}, {0, -1}};
  const auto repeated = [](std::pair<float, float> pair, int64_t count) {
    std::vector<float> values(count);
    for (int64_t i = 0; i < count; ++i)
      values[i] = i % 2 ? pair.second : pair.first;
    return values;
  };
  for (int64_t k : {8, 40, 64, 300})
    for (const auto &weight : pairs) {
      const PackedWeights w(type, 64, k, group, repeated(weight, 64 * k));
      const RowLayout layout = engine.rowLayout(w.handle());
      for (const auto &value : pairs)
        for (int64_t rows = 1; rows <= 9; ++rows) {
          const auto memory = prepare(layout, repeated(value, rows * k), rows);
          const RowView view = layout.view(memory.data(), rows, 0);
          std::vector<float> y(rows * kBlockColumns);
          engine.multiply(view, rows, w.handle(), 0, 0, y.data());
          double expected = 0;
          for (int64_t i = 0; i < k; ++i)
            expected += rowValue(layout, view, 0, i) * w.value(0, 0, i);
          for (float actual : y)
            ASSERT_NEAR(actual, expected, 1e-5 * double(k))
                << rows << " rows of " << value.first << ", " << value.second << "; weights "
                << weight.first << ", " << weight.second << "; K " << k;
        }
    }
}

TEST_P(Block, NotANumberStaysInItsRow) {
  const auto [isa, type, group] = GetParam();
  const int64_t rows = 3, k = 64;
  const PackedWeights w(type, 1, 64, k, group, 11);
  const RowLayout layout = engine.rowLayout(w.handle());
  std::vector<float> x = randomFloats(rows * k, 12);
  x[k + 5] = NAN;
  const std::vector<uint8_t> memory = prepare(layout, x, rows);
  std::vector<float> y(rows * kBlockColumns);
  engine.multiply(layout.view(memory.data(), rows, 0), rows, w.handle(), 0, 0, y.data());
  for (int64_t c = 0; c < kBlockColumns; ++c) {
    EXPECT_FALSE(std::isnan(y[c]));
    EXPECT_TRUE(std::isnan(y[kBlockColumns + c]));
    EXPECT_FALSE(std::isnan(y[2 * kBlockColumns + c]));
  }
}

std::string caseName(const testing::TestParamInfo<Block::ParamType> &info) {
  const auto [isa, type, group] = info.param;
  return std::string(isaName(isa)) + "_" + mxs_weight_type_name(type) +
         (group ? "_g" + std::to_string(group) : "");
}

INSTANTIATE_TEST_SUITE_P(Float, Block,
                         testing::Combine(testing::ValuesIn(kAllIsas),
                                          testing::Values(MXS_WEIGHT_F32, MXS_WEIGHT_BF16),
                                          testing::Values(0)),
                         caseName);
INSTANTIATE_TEST_SUITE_P(Quantised, Block,
                         testing::Combine(testing::ValuesIn(kAllIsas),
                                          testing::Values(MXS_WEIGHT_I8, MXS_WEIGHT_I4),
                                          testing::Values(32, 128)),
                         caseName);

} // namespace
