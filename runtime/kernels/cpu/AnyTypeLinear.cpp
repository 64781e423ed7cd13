//===- AnyTypeLinear.cpp - y = x W^T on packed weights of any type, plainly ------------------===//
//
// The oracle of every faster kernel: weights are turned to the float32 values that they stand for,
// 64 outputs at a time, and summed over ascending K.
//
//===----------------------------------------------------------------------===//
#include "kernels/cpu/Kernels.h"

#include <algorithm>
#include <cstring>

using namespace mxs;

/// The value of q in a cell of 4 bytes: element `at` of v.
static float cellValue(mxs_weight_type_t type, const uint8_t *cell, int64_t at) {
  switch (type) {
  case MXS_WEIGHT_F32: {
    float value;
    std::memcpy(&value, cell, sizeof value);
    return value;
  }
  case MXS_WEIGHT_BF16: {
    uint16_t bits;
    std::memcpy(&bits, cell + 2 * at, sizeof bits);
    return mxs_bf16_to_f32(bits);
  }
  case MXS_WEIGHT_I8:
    return static_cast<int8_t>(cell[at]);
  case MXS_WEIGHT_I4:
    return static_cast<float>((at < 4 ? cell[at] & 15 : cell[at - 4] >> 4) - 8);
  }
  return 0.0f;
}

/// out[c] = W[64 block + c, k] of a matrix.
static void decodeColumns(const mxs_weight_t &w, int64_t matrix, int64_t block, int64_t k,
                          float *out) {
  const int64_t v = mxs_weight_interleave(w.type);
  const uint8_t *cells = w.matrixData(matrix) + block * mxs_weight_block_bytes(w.type, w.k) +
                         k / v * (MXS_WEIGHT_COLUMNS * MXS_WEIGHT_CELL_BYTES);
  for (int64_t c = 0; c < MXS_WEIGHT_COLUMNS; ++c)
    out[c] = cellValue(w.type, cells + c * MXS_WEIGHT_CELL_BYTES, k % v);
  if (!mxs_weight_has_scales(w.type))
    return;
  const uint16_t *scales =
      w.matrixScales(matrix) + mxs_weight_scale_index(w.k, w.group, block * MXS_WEIGHT_COLUMNS, k);
  for (int64_t c = 0; c < MXS_WEIGHT_COLUMNS; ++c)
    out[c] *= mxs_bf16_to_f32(scales[c]);
}

void cpu::linear(const float *x, const mxs_weight_t &w, int64_t matrix, float *y, int64_t rows) {
  if (w.type == MXS_WEIGHT_F32) {
    linear(x, reinterpret_cast<const float *>(w.matrixData(matrix)), y, rows, w.k, w.n);
    return;
  }
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t block = 0; block < mxs_weight_blocks(w.n); ++block) {
      float sums[MXS_WEIGHT_COLUMNS] = {}, weights[MXS_WEIGHT_COLUMNS];
      for (int64_t k = 0; k < w.k; ++k) {
        decodeColumns(w, matrix, block, k, weights);
        for (int64_t c = 0; c < MXS_WEIGHT_COLUMNS; ++c)
          sums[c] += x[row * w.k + k] * weights[c];
      }
      const int64_t first = block * MXS_WEIGHT_COLUMNS;
      std::copy_n(sums, std::min<int64_t>(MXS_WEIGHT_COLUMNS, w.n - first), y + row * w.n + first);
    }
}
