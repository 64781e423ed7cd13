//===- KernelsAvx512Vnni.cpp - int8 and int4 dot products with AVX-512 VNNI ------------------===//
//
// vpdpbusd multiplies unsigned by signed bytes. The weights are made the unsigned side (q + 128; a
// nibble is q + 8 already), and what that adds is a multiple of the row's sum of q in the group,
// known when the row was quantised: the dots start at its negative.
//
//===----------------------------------------------------------------------===//
#include "kernels/cpu/Avx2Kernels.h"
#include "kernels/cpu/Avx512Kernels.h"
#include "kernels/cpu/Avx512Vector.h"
#include "kernels/cpu/IntTiles.h"

using namespace mxs::cpu;

namespace {

using V = Avx512Vector;

/// Four k. Four rows: with more, a group's end takes more time than its dots have slack.
struct I8Step {
  static constexpr int kMostRows = 4;
  static constexpr int64_t kAheadBytes = 2048;
  static constexpr int64_t partSteps(int64_t) { return 2048; }
  static constexpr int columns(int) { return 4; }
  static constexpr bool kPinsRows = false, kTakesSeveral = false;
  static constexpr int unroll(int) { return 1; }
  static constexpr int kPerStep = 4, kRowBytes = 4, kBias = 128;
  template <int R, int C, class Rows>
  static MXS_INLINE void step(__m512i (&dots)[R][C], const Rows &x, const uint8_t *w) {
    const __m512i flip = _mm512_set1_epi8(-128);
    __m512i weights[C];
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c)
      weights[c] = _mm512_xor_si512(V::loadCells(w + c * 4 * V::kCells), flip);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const __m512i row = V::broadcastCell(x.at(r));
#pragma GCC unroll 8
      for (int c = 0; c < C; ++c)
        dots[r][c] = _mm512_dpbusd_epi32(dots[r][c], weights[c], row);
    }
  }
};

/// Eight k.
struct I4Step {
  static constexpr int kMostRows = 4;
  static constexpr int64_t kAheadBytes = 2048;
  static constexpr int64_t partSteps(int64_t) { return 2048; }
  static constexpr int columns(int) { return 4; }
  static constexpr bool kPinsRows = false, kTakesSeveral = false;
  static constexpr int unroll(int) { return 1; }
  static constexpr int kPerStep = 8, kRowBytes = 8, kBias = 8;
  template <int R, int C, class Rows>
  static MXS_INLINE void step(__m512i (&dots)[R][C], const Rows &x, const uint8_t *w) {
    const __m512i mask = _mm512_set1_epi8(15);
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) {
      const __m512i cells = V::loadCells(w + c * 4 * V::kCells);
      const __m512i low = _mm512_and_si512(cells, mask);
      const __m512i high = _mm512_and_si512(_mm512_srli_epi16(cells, 4), mask);
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
        dots[r][c] = _mm512_dpbusd_epi32(dots[r][c], low, V::broadcastCell(x.at(r)));
        dots[r][c] = _mm512_dpbusd_epi32(dots[r][c], high, V::broadcastCell(x.at(r) + 4));
      }
    }
  }
};

void toBf16(const float *x, uint16_t *out, int64_t count) {
  kReferenceKernels.toBf16(x, out, count); // no kernel of this set reads such rows
}

} // namespace

void avx512::blockI8(const RowView &x, int64_t rows, const BlockView &w, float *y) {
  IntBlock<V, I8Step>::run(x, rows, w, y);
}

void avx512::blockI4(const RowView &x, int64_t rows, const BlockView &w, float *y) {
  IntBlock<V, I4Step>::run(x, rows, w, y);
}

const KernelSet mxs::cpu::kAvx512VnniKernels = {
    {RowForm::F32, RowForm::F32, RowForm::I8, RowForm::I8},
    {avx512::blockF32, avx512::blockBf16Widened, avx512::blockI8, avx512::blockI4},
    avx512::swiglu,
    avx512::addScaled,
    toBf16,
    avx2::toI8};
