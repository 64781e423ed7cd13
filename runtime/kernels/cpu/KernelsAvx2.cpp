//===- KernelsAvx2.cpp - Kernels for AVX2 and FMA --------------------------------------------===//
//
// 16 registers: the tile is narrow in outputs where it has many rows. bfloat16 is widened in
// registers. int8 and int4 products go through vpmaddubsw, which adds two of them up in 16 bits and
// saturates there: rows are scaled so that int8 weights never reach that (toI8Pairs; int4 never
// could, and takes the same rows), and all sums are exact.
//
//===----------------------------------------------------------------------===//
#include "kernels/cpu/Avx2Kernels.h"
#include "kernels/cpu/Avx2Vector.h"
#include "kernels/cpu/FloatSteps.h"
#include "kernels/cpu/IntTiles.h"

using namespace mxs::cpu;

namespace {

using V = Avx2Vector;

/// A part, over which a tile passes several times, for some of the outputs each, is 16 KiB. Where a
/// step holds several k, few tiles take 4 KiB: the first part, for which nobody asked, is as short
/// (1.05 to 1.18 times as fast).
constexpr int64_t kPartSteps = 64, kShortSteps = 16;

/// Few rows read memory faster behind one that goes ahead than as a tile, which reads its weights
/// in strides: float32 of two to eight 1.11 to 1.27 times as fast, nine and ten 1.09, eleven 1.05
/// (twelve 0.98), two and three of bfloat16 one by one 1.08 to 1.17. A Zen 3 reads float32 weights
/// of one row best if it is not asked to (1.19), bfloat16 if asked 1 KiB ahead (1.07; at 2 KiB
/// 0.98).
template <int Unroll, int64_t FewSteps> struct Shape {
  static constexpr int kMostRows = 6;
  static constexpr int64_t kAheadBytes = 1024;
  static constexpr bool asksSoon(int perStep) { return perStep == 2; }
  static constexpr int64_t partSteps(int64_t rows) {
    return rows <= 3 * kMostRows ? FewSteps : kPartSteps;
  }
  static constexpr bool kPinsRows = true, kTakesSeveral = false;
  static constexpr int columns(int rows) { return rows == 1 ? 8 : 2; }
  static constexpr int unroll(int) { return Unroll; }
};

/// Bursts: 1.02 to 1.06 times as fast from five tiles on, of bfloat16 from four (float32: 0.88).
struct F32Shape : Shape<4, kPartSteps> {
  static constexpr int64_t kMostLed = 11;
  static constexpr int64_t ledTiles(int64_t rows) {
    return rows < 2 || rows > kMostLed ? 0 : rows <= 1 + kMostRows ? 2 : 3;
  }
  /// Half a part where tiles follow a row: 1.01 to 1.03 times as fast up to six, seven and eight
  /// 1.02 to 1.1.
  static constexpr int64_t partSteps(int64_t rows) {
    return rows > 2 && rows <= kMostLed ? kPartSteps / 2 : Shape::partSteps(rows);
  }
  static constexpr int64_t kBurstTiles = 5;
};
struct Bf16Shape : Shape<1, kShortSteps> {
  /// Two rows that take turns 1.08 to 1.16 times as fast as with 4 KiB, four 1.02 to 1.06; others
  /// would be 0.7 to 1.0.
  static constexpr int64_t partSteps(int64_t rows) {
    return rows == 2 ? 8 : rows == 4 ? 12 : Shape::partSteps(rows);
  }
  static constexpr int64_t kBurstTiles = 4;
  static constexpr int64_t ledTiles(int64_t rows) { return rows > 1 && rows <= 3 ? rows : 0; }
};

struct IntShape {
  static constexpr int kMostRows = 4;
  /// int8 is 0.93 times as fast with 2 KiB, 0.96 with 512 bytes.
  static constexpr int64_t kAheadBytes = 1024;
  static constexpr int64_t partSteps(int64_t rows) {
    return rows <= 3 * kMostRows ? kShortSteps : kPartSteps;
  }
  /// int8 of two rows 1.03 to 1.06 times as fast (int4 1.0); three and four would be 0.97.
  static constexpr int64_t backBytes(int64_t rows) { return rows == 2 ? 1024 : 0; }
  static constexpr bool kPinsRows = true, kTakesSeveral = false;
  static constexpr int columns(int rows) { return rows == 1 ? 8 : rows == 2 ? 4 : 2; }
  static constexpr int unroll(int) { return 2; }
};

/// Four k. A weight plus 128 is unsigned: the row's sum times 128 is taken off at the start of a
/// group. Two products are at most 255 * 128 (toI8Pairs).
struct I8Step : IntShape {
  static constexpr int kPerStep = 4, kRowBytes = 4, kBias = 128;
  template <int R, int C, class Rows>
  static MXS_INLINE void step(__m256i (&dots)[R][C], const Rows &x, const uint8_t *w) {
    const __m256i ones = _mm256_set1_epi16(1), flip = _mm256_set1_epi8(-128);
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) {
      const __m256i cells = _mm256_xor_si256(V::loadCells(w + c * 4 * V::kCells), flip);
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
        const __m256i row = V::broadcastCell(x.at(r));
        dots[r][c] =
            _mm256_add_epi32(dots[r][c], _mm256_madd_epi16(_mm256_maddubs_epi16(cells, row), ones));
      }
    }
  }
};

/// Eight k. A nibble is q + 8: the row's sum times 8 is taken off at the start of a group. Up to
/// four steps' products of an output are added up in 16 bits: 16 of at most 15 * 127.
struct I4Step : IntShape {
  static constexpr int kPerStep = 8, kRowBytes = 8, kBias = 8;
  static constexpr int64_t kAheadBytes = 1536; // 1.02 to 1.05 times as fast as with 1 KiB
  static constexpr bool kTakesSeveral = true;
  static constexpr int unroll(int rows) { return rows < 3 ? 2 : 4; }
  template <int R, int C, int N, class Rows>
  static MXS_INLINE void steps(__m256i (&dots)[R][C], const Rows &x, const uint8_t *w) {
    static_assert(4 * N * 15 * 127 <= INT16_MAX && C % 2 == 0);
    const __m256i ones = _mm256_set1_epi16(1), mask = _mm256_set1_epi8(15);
    __m256i shorts[R][C];
#pragma GCC unroll 4
    for (int n = 0; n < N; ++n)
      // Nibbles of two registers, and a row's cells, are as much as finds room beside the sums.
#pragma GCC unroll 4
      for (int pair = 0; pair < C; pair += 2) {
        __m256i low[2], high[2];
#pragma GCC unroll 2
        for (int c = 0; c < 2; ++c) {
          const __m256i cells = V::loadCells(w + n * kStepBytes + (pair + c) * 4 * V::kCells);
          low[c] = _mm256_and_si256(cells, mask);
          high[c] = _mm256_and_si256(_mm256_srli_epi16(cells, 4), mask);
        }
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r) {
          const uint8_t *row = x.at(r) + n * kRowBytes;
          const __m256i first = V::broadcastCell(row), second = V::broadcastCell(row + 4);
#pragma GCC unroll 2
          for (int c = 0; c < 2; ++c) {
            __m256i &sum = shorts[r][pair + c];
            const __m256i both = _mm256_add_epi16(_mm256_maddubs_epi16(low[c], first),
                                                  _mm256_maddubs_epi16(high[c], second));
            sum = n == 0 ? both : _mm256_add_epi16(sum, both);
            asm("" : "+x"(sum)); // in this order: others need more registers than there are
          }
        }
      }
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c)
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r)
        dots[r][c] = _mm256_add_epi32(dots[r][c], _mm256_madd_epi16(shorts[r][c], ones));
  }
};

void toBf16(const float *x, uint16_t *out, int64_t count) {
  kReferenceKernels.toBf16(x, out, count); // no kernel of this set reads such rows
}

} // namespace

void avx2::blockI8(const RowView &x, int64_t rows, const BlockView &w, float *y) {
  IntBlock<V, I8Step>::run(x, rows, w, y);
}

void avx2::blockI4(const RowView &x, int64_t rows, const BlockView &w, float *y) {
  IntBlock<V, I4Step>::run(x, rows, w, y);
}

const KernelSet mxs::cpu::kAvx2Kernels = {{RowForm::F32, RowForm::F32, RowForm::I8, RowForm::I8},
                                          {FloatBlock<V, F32Step<V, F32Shape>>::run,
                                           FloatBlock<V, WidenedStep<V, Bf16Shape>>::run,
                                           avx2::blockI8, avx2::blockI4},
                                          swigluRow<V>,
                                          addScaledRow<V>,
                                          toBf16,
                                          avx2::toI8Pairs};
