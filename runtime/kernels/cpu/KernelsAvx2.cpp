//===- KernelsAvx2.cpp - Kernels for AVX2 and FMA --------------------------------------------===//
//
// 16 registers: the tile is narrow in outputs where it has many rows. bfloat16 is widened in
// registers. int8 and int4 products go through vpmaddubsw, which adds two of them up in 16 bits and
// saturates there: rows are scaled so that no two neighbours reach that (toI8Pairs), and all sums
// are exact.
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
  /// int8 of two rows 1.04 to 1.06 times as fast (int4 1.0); three and four would be 0.97.
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

namespace {

/// The largest of eight values, 0 or more, by their bits: infinity and NaN are above all.
float largestOf(__m256i most) {
  int32_t lanes[8], bits = 0;
  _mm256_storeu_si256(reinterpret_cast<__m256i *>(lanes), most);
  for (int32_t lane : lanes)
    bits = lane > bits ? lane : bits;
  float largest;
  __builtin_memcpy(&largest, &bits, sizeof largest);
  return largest;
}

__m256 magnitude(__m256 x) {
  return _mm256_and_ps(x, _mm256_castsi256_ps(_mm256_set1_epi32(0x7fffffff)));
}

__m256i larger(__m256i most, __m256 size) {
  return _mm256_max_epi32(most, _mm256_castps_si256(size));
}

/// out[i] = x[i] * factor, rounded; values are not all `finite`: 0, as in the plain kernel. Gives
/// the sum. `count` is a multiple of 32.
int32_t quantise(const float *x, int8_t *out, int64_t count, float factor, bool finite) {
  const __m256 factors = _mm256_set1_ps(factor);
  const __m256 keep = _mm256_castsi256_ps(_mm256_set1_epi32(finite ? -1 : 0)); // 0 * NaN is NaN
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  __m256i total = _mm256_setzero_si256();
  for (int64_t i = 0; i < count; i += 32) {
    __m256i q[4];
    for (int j = 0; j < 4; ++j) {
      const __m256 value = _mm256_and_ps(_mm256_loadu_ps(x + i + 8 * j), keep);
      q[j] = _mm256_cvtps_epi32(_mm256_mul_ps(value, factors));
      total = _mm256_add_epi32(total, q[j]);
    }
    const __m256i bytes =
        _mm256_packs_epi16(_mm256_packs_epi32(q[0], q[1]), _mm256_packs_epi32(q[2], q[3]));
    _mm256_storeu_si256(reinterpret_cast<__m256i *>(out + i),
                        _mm256_permutevar8x32_epi32(bytes, order));
  }
  int32_t lanes[8], sum = 0;
  _mm256_storeu_si256(reinterpret_cast<__m256i *>(lanes), total);
  for (int32_t lane : lanes)
    sum += lane;
  return sum;
}

bool isFinite(float largest) { return largest < __builtin_inff(); }

/// toI8Pairs of whole vectors. The scale is the largest |x| and |x[2i] + x[2i + 1]| by 127: of two
/// signs, a sum is less than the larger one. Rounding adds at most 1 to two values of a sign.
void pairsOfVectors(const float *x, int8_t *out, int64_t count, float *scale, int32_t *sum) {
  __m256i most = _mm256_setzero_si256();
  for (int64_t i = 0; i < count; i += 8) {
    // Halves: a sum of two does not overflow.
    const __m256 half = _mm256_mul_ps(_mm256_loadu_ps(x + i), _mm256_set1_ps(0.5f));
    const __m256 both = _mm256_add_ps(half, _mm256_permute_ps(half, 0xb1));
    most = larger(larger(most, magnitude(half)), magnitude(both));
  }
  const float largest = largestOf(most);
  const bool finite = isFinite(largest);
  *sum = quantise(x, out, count, finite && largest > 1e-30f ? 63.5f / largest : 0.0f, finite);
  *scale = finite ? largest / 63.5f : __builtin_nanf("");
}

} // namespace

void avx2::toI8Pairs(const float *x, int8_t *out, int64_t count, float *scale, int32_t *sum) {
  if (count % 32 == 0) {
    pairsOfVectors(x, out, count, scale, sum);
    return;
  }
  float padded[kBlockColumns] = {};
  int8_t q[kBlockColumns];
  __builtin_memcpy(padded, x, static_cast<size_t>(count) * sizeof(float));
  pairsOfVectors(padded, q, kBlockColumns, scale, sum);
  __builtin_memcpy(out, q, static_cast<size_t>(count));
}

void avx2::toI8(const float *x, int8_t *out, int64_t count, float *scale, int32_t *sum) {
  if (count % 32 != 0) {
    kReferenceKernels.toI8(x, out, count, scale, sum);
    return;
  }
  __m256i most = _mm256_setzero_si256();
  for (int64_t i = 0; i < count; i += 8)
    most = larger(most, magnitude(_mm256_loadu_ps(x + i)));
  const float largest = largestOf(most);
  const bool finite = isFinite(largest);
  *sum = quantise(x, out, count, finite && largest > 1e-30f ? 127.0f / largest : 0.0f, finite);
  *scale = finite ? largest / 127.0f : __builtin_nanf("");
}

const KernelSet mxs::cpu::kAvx2Kernels = {{RowForm::F32, RowForm::F32, RowForm::I8, RowForm::I8},
                                          {FloatBlock<V, F32Step<V, F32Shape>>::run,
                                           FloatBlock<V, WidenedStep<V, Bf16Shape>>::run,
                                           avx2::blockI8, avx2::blockI4},
                                          swigluRow<V>,
                                          addScaledRow<V>,
                                          toBf16,
                                          avx2::toI8Pairs};
