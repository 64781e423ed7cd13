//===- LinearTest.cpp - linear against a double-precision reference; row independence -------===//
#include "RandomFloats.h"
#include "kernels/cpu/Kernels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <vector>

using namespace mxs;

namespace {

std::vector<float> pack(const std::vector<float> &w, int64_t n, int64_t k) {
  std::vector<float> packed(cpu::packedSize(n, k));
  cpu::packN64(w.data(), packed.data(), n, k);
  return packed;
}

TEST(Linear, MatchesDoublePrecision) {
  for (auto [rows, k, n] : {std::tuple{0, 8, 8},
                            {1, 1, 1},
                            {3, 17, 63},
                            {5, 64, 64},
                            {2, 33, 65},
                            {7, 96, 200},
                            {12, 64, 320}}) {
    std::vector<float> x = randomFloats(rows * k, 1), w = randomFloats(n * k, 2);
    std::vector<float> packed = pack(w, n, k), y(rows * n, NAN);
    cpu::linear(x.data(), packed.data(), y.data(), rows, k, n);
    for (int r = 0; r < rows; ++r)
      for (int c = 0; c < n; ++c) {
        double expected = 0;
        for (int i = 0; i < k; ++i)
          expected += double(x[r * k + i]) * w[c * k + i];
        ASSERT_NEAR(y[r * n + c], expected, 1e-5) << rows << "x" << k << "x" << n;
      }
  }
}

TEST(Linear, RowDoesNotDependOnOtherRows) {
  const int64_t rows = 11, k = 77, n = 130;
  std::vector<float> x = randomFloats(rows * k, 3), packed = pack(randomFloats(n * k, 4), n, k);
  std::vector<float> whole(rows * n), alone(n);
  cpu::linear(x.data(), packed.data(), whole.data(), rows, k, n);
  for (int64_t row = 0; row < rows; ++row) {
    cpu::linear(x.data() + row * k, packed.data(), alone.data(), 1, k, n);
    EXPECT_EQ(std::memcmp(alone.data(), whole.data() + row * n, n * sizeof(float)), 0) << row;
  }
  for (int64_t count = 1; count <= rows; ++count) {
    std::vector<float> part(count * n);
    cpu::linear(x.data(), packed.data(), part.data(), count, k, n);
    EXPECT_EQ(std::memcmp(part.data(), whole.data(), part.size() * sizeof(float)), 0) << count;
  }
}

} // namespace
