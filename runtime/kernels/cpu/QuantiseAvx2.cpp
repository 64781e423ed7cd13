//===- QuantiseAvx2.cpp - Rows of int8 with AVX2 ----------------------------------------------===//
//
// Both kinds of scale that Avx2Kernels.h names. What is not finite becomes 0, with scale NaN.
//
//===----------------------------------------------------------------------===//
#include "kernels/cpu/Avx2Kernels.h"

#include <immintrin.h>

using namespace mxs::cpu;

namespace {

/// The larger of `most` and the magnitudes, by their bits: infinity and NaN are above all.
__m256i larger(__m256i most, __m256 value) {
  const __m256i magnitude = _mm256_set1_epi32(0x7fffffff);
  return _mm256_max_epi32(most, _mm256_and_si256(_mm256_castps_si256(value), magnitude));
}

float largestOf(__m256i most) {
  int32_t lanes[8], bits = 0;
  _mm256_storeu_si256(reinterpret_cast<__m256i *>(lanes), most);
  for (int32_t lane : lanes)
    bits = lane > bits ? lane : bits;
  float largest;
  __builtin_memcpy(&largest, &bits, sizeof largest);
  return largest;
}

/// Half of the largest |x| and, for Pairs, |x[2i] + x[2i + 1]|, which is less than the larger one
/// if their signs differ. Halves, so that sums do not overflow.
template <bool Pairs> float halfOfLargest(const float *x, int64_t count) {
  __m256i most = _mm256_setzero_si256();
  for (int64_t i = 0; i < count; i += 8) {
    const __m256 half = _mm256_mul_ps(_mm256_loadu_ps(x + i), _mm256_set1_ps(0.5f));
    most = larger(most, half);
    if (Pairs)
      most = larger(most, _mm256_add_ps(half, _mm256_permute_ps(half, 0xb1)));
  }
  return largestOf(most);
}

/// out[i] = x[i] * factor, rounded to nearest; 0 if values are not all `finite`. Gives the sum.
int32_t multiplied(const float *x, int8_t *out, int64_t count, float factor, bool finite) {
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

/// The scale is the largest by 127. Two values of the same sign that are 127 together before they
/// are rounded are at most 128 afterwards.
template <bool Pairs>
void quantise(const float *x, int8_t *out, int64_t count, float *scale, int32_t *sum) {
  if (count % 32 != 0) { // what is missing up to whole vectors is 0
    float padded[kBlockColumns] = {};
    int8_t q[kBlockColumns];
    __builtin_memcpy(padded, x, static_cast<size_t>(count) * sizeof(float));
    quantise<Pairs>(padded, q, kBlockColumns, scale, sum);
    __builtin_memcpy(out, q, static_cast<size_t>(count));
    return;
  }
  const float half = halfOfLargest<Pairs>(x, count);
  const bool finite = half < __builtin_inff();
  *sum = multiplied(x, out, count, finite && half > 0.5e-30f ? 63.5f / half : 0.0f, finite);
  *scale = finite ? half / 63.5f : __builtin_nanf("");
}

} // namespace

void avx2::toI8(const float *x, int8_t *out, int64_t count, float *scale, int32_t *sum) {
  quantise<false>(x, out, count, scale, sum);
}

void avx2::toI8Pairs(const float *x, int8_t *out, int64_t count, float *scale, int32_t *sum) {
  quantise<true>(x, out, count, scale, sum);
}
