//===- Linear.cpp - y = x W^T on n64-packed weights ------------------------------------------===//
//
// Rows are taken two, then one at a time; every output element is its own sum over ascending K in
// one accumulator, so the row count does not change a bit. A part of 16 columns is four SSE
// vectors per row: two rows of accumulators and the weights fit the 16 registers of any x86-64.
//
//===----------------------------------------------------------------------===//
#include "kernels/cpu/Kernels.h"

#include <algorithm>
#include <cstring>

using namespace mxs;

void cpu::packN64(const float *w, float *packed, int64_t n, int64_t k) {
  std::fill_n(packed, packedSize(n, k), 0.0f);
  for (int64_t row = 0; row < n; ++row)
    for (int64_t i = 0; i < k; ++i)
      packed[(row / kPackColumns * k + i) * kPackColumns + row % kPackColumns] = w[row * k + i];
}

/// `Rows` rows times one column block. acc[r][c] += x[r][i] * block[i][c], i ascending. The columns
/// are split in four so that the accumulators of a part stay in registers.
template <int Rows>
static void multiplyBlock(const float *x, const float *block, float *y, int64_t k, int64_t n,
                          int64_t columns) {
  constexpr int part = 16;
  for (int64_t first = 0; first < columns; first += part) {
    float acc[Rows][part] = {};
    const float *weights = block + first;
    for (int64_t i = 0; i < k; ++i, weights += cpu::kPackColumns)
      for (int r = 0; r < Rows; ++r) {
        const float value = x[r * k + i];
        for (int c = 0; c < part; ++c)
          acc[r][c] += value * weights[c];
      }
    const size_t used = std::min<int64_t>(part, columns - first);
    for (int r = 0; r < Rows; ++r)
      std::memcpy(y + r * n + first, acc[r], used * sizeof(float));
  }
}

void cpu::linear(const float *x, const float *packed, float *y, int64_t rows, int64_t k,
                 int64_t n) {
  for (int64_t column = 0; column < n; column += kPackColumns) {
    const float *block = packed + column * k;
    const int64_t columns = std::min(kPackColumns, n - column);
    int64_t row = 0;
    for (; row + 2 <= rows; row += 2)
      multiplyBlock<2>(x + row * k, block, y + row * n + column, k, n, columns);
    for (; row < rows; ++row)
      multiplyBlock<1>(x + row * k, block, y + row * n + column, k, n, columns);
  }
}
