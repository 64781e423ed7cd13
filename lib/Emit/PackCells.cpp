//===- PackCells.cpp - Rows of a weight to packed column blocks -------------===//
//
// Built with -O3: the loops over a group and over the values of a row are meant to be vectorised.
// None of them depends on how: the bytes are the same on every machine.
//
//===----------------------------------------------------------------------===//
#include "PackCells.h"

#include <algorithm>
#include <cstring>

using namespace mixserve;

static constexpr int64_t kColumns = MXS_WEIGHT_COLUMNS;
static constexpr int64_t kLargestGroup = 128;

void mixserve::transposeCells(const uint32_t *in, int64_t pitch, int64_t cells, uint32_t *out) {
  // 16 cells of a row are a cache line, 64 rows of them stay in the first-level cache.
  constexpr int64_t tile = 16;
  for (int64_t first = 0; first < cells; first += tile) {
    const int64_t count = std::min(tile, cells - first);
    for (int64_t c = 0; c < count; ++c)
      for (int64_t row = 0; row < kColumns; ++row)
        out[(first + c) * kColumns + row] = in[row * pitch + first + c];
  }
}

void mixserve::roundToBf16(const float *in, int64_t count, uint16_t *out) {
  // mxs_bf16_from_f32 without its branch.
  for (int64_t i = 0; i < count; ++i) {
    uint32_t bits;
    std::memcpy(&bits, &in[i], sizeof bits);
    const uint32_t nearest = (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16, quiet = bits >> 16 | 0x40u;
    out[i] = static_cast<uint16_t>((bits & 0x7fffffffu) > 0x7f800000u ? quiet : nearest);
  }
}

/// Bits of the largest magnitude; as integers they order like the magnitudes, NaN above all.
static int32_t largestMagnitude(const float *in, int64_t count) {
  int32_t largest = 0;
  for (int64_t i = 0; i < count; ++i) {
    int32_t bits;
    std::memcpy(&bits, &in[i], sizeof bits);
    largest = std::max(largest, bits & 0x7fffffff);
  }
  return largest;
}

/// out[i] = in[i] / scale, to the nearest integer (ties to even), in [-limit, limit].
static void divideAndRound(const float *in, int64_t count, float scale, float limit, int8_t *out) {
  constexpr float shift = 0x1.8p23f; // adding it leaves no bits behind the point
  for (int64_t i = 0; i < count; ++i) {
    const float q = std::min(std::max(in[i] / scale, -limit), limit);
    out[i] = static_cast<int8_t>(static_cast<int32_t>((q + shift) - shift));
  }
}

/// Cells of 8 values each; `q` is padded with zeros to a multiple of 8.
static void joinNibbles(const int8_t *q, int64_t cells, uint8_t *out) {
  for (int64_t i = 0; i < cells; ++i)
    for (int64_t j = 0; j < 4; ++j)
      out[4 * i + j] = static_cast<uint8_t>((q[8 * i + j] + 8) | (q[8 * i + 4 + j] + 8) << 4);
}

bool mixserve::quantiseRow(mxs_weight_type_t type, const float *row, RowRange range, int64_t group,
                           uint32_t *cells, uint16_t *scales) {
  const float limit = type == MXS_WEIGHT_I8 ? 127.0f : 7.0f;
  constexpr int32_t infinity = 0x7f800000;
  if (largestMagnitude(row, range.count) >= infinity)
    return false;
  const int64_t v = mxs_weight_interleave(type);
  for (int64_t first = 0; first < range.size; first += group) {
    const int32_t bits = largestMagnitude(row + first, std::min(group, range.count - first));
    float largest;
    std::memcpy(&largest, &bits, sizeof largest);
    const uint16_t scale = mxs_bf16_from_f32(largest / limit);
    scales[first / group * kColumns] = scale;

    const int64_t size = std::min(group, range.size - first);
    int8_t q[kLargestGroup] = {};
    if (scale != 0)
      divideAndRound(row + range.begin + first, size, mxs_bf16_to_f32(scale), limit, q);
    uint8_t *out = reinterpret_cast<uint8_t *>(cells + first / v);
    if (type == MXS_WEIGHT_I8)
      std::memcpy(out, q, (size + v - 1) / v * v);
    else
      joinNibbles(q, (size + v - 1) / v, out);
  }
  return true;
}
