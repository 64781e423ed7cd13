//===- Avx2Vector.h - Eight floats in a register: the vector type of Tiles.h --------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_KERNELS_CPU_AVX2VECTOR_H
#define MIXSERVE_RUNTIME_KERNELS_CPU_AVX2VECTOR_H

#include "kernels/cpu/Tiles.h"

#include <immintrin.h>

namespace mxs::cpu {
namespace {

struct Avx2Vector {
  using Reg = __m256;
  using IntReg = __m256i;
  static constexpr int kCells = 8;
  static constexpr int kRegisters = 16;
  static MXS_INLINE Reg zero() { return _mm256_setzero_ps(); }
  static MXS_INLINE Reg broadcast(float v) { return _mm256_set1_ps(v); }
  static MXS_INLINE Reg load(const float *p) { return _mm256_loadu_ps(p); }
  static MXS_INLINE void store(float *p, Reg v) { _mm256_storeu_ps(p, v); }
  static MXS_INLINE Reg add(Reg a, Reg b) { return _mm256_add_ps(a, b); }
  static MXS_INLINE Reg subtract(Reg a, Reg b) { return _mm256_sub_ps(a, b); }
  static MXS_INLINE Reg multiply(Reg a, Reg b) { return _mm256_mul_ps(a, b); }
  static MXS_INLINE Reg divide(Reg a, Reg b) { return _mm256_div_ps(a, b); }
  static MXS_INLINE Reg multiplyAdd(Reg a, Reg b, Reg c) { return _mm256_fmadd_ps(a, b, c); }
  /// min and max give their second operand if one is NaN.
  static MXS_INLINE Reg clamp(Reg v, float low, float high) {
    return _mm256_min_ps(broadcast(high), _mm256_max_ps(broadcast(low), v));
  }
  static MXS_INLINE Reg round(Reg v) {
    return _mm256_round_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  static MXS_INLINE Reg powerOfTwo(Reg n) {
    const __m256i exponent = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
    return _mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23));
  }
  static MXS_INLINE IntReg loadCells(const uint8_t *p) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i *>(p));
  }
  static MXS_INLINE IntReg broadcastInt(int32_t v) { return _mm256_set1_epi32(v); }
  /// Four bytes of a row, in every cell.
  static MXS_INLINE IntReg broadcastCell(const uint8_t *p) {
    int32_t cell;
    __builtin_memcpy(&cell, p, sizeof cell);
    return _mm256_set1_epi32(cell);
  }
  static MXS_INLINE Reg broadcastFloat(const uint8_t *p) {
    float value;
    __builtin_memcpy(&value, p, sizeof value);
    return _mm256_set1_ps(value);
  }
  static MXS_INLINE Reg toFloat(IntReg v) { return _mm256_cvtepi32_ps(v); }
  static MXS_INLINE Reg asFloat(IntReg v) { return _mm256_castsi256_ps(v); }
  /// The two bfloat16 of every cell as float32.
  static MXS_INLINE Reg lowHalf(IntReg v) { return asFloat(_mm256_slli_epi32(v, 16)); }
  static MXS_INLINE Reg highHalf(IntReg v) {
    return asFloat(_mm256_and_si256(v, _mm256_set1_epi32(static_cast<int>(0xffff0000u))));
  }
  static MXS_INLINE Reg loadBf16(const uint16_t *p) {
    const __m128i bits = _mm_loadu_si128(reinterpret_cast<const __m128i *>(p));
    return asFloat(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
  }
};

} // namespace
} // namespace mxs::cpu

#endif // MIXSERVE_RUNTIME_KERNELS_CPU_AVX2VECTOR_H
