//===- Avx512Vector.h - Sixteen floats in a register: the vector type of Tiles.h ----*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_KERNELS_CPU_AVX512VECTOR_H
#define MIXSERVE_RUNTIME_KERNELS_CPU_AVX512VECTOR_H

#include "kernels/cpu/Tiles.h"

#include <immintrin.h>

namespace mxs::cpu {
namespace {

struct Avx512Vector {
  using Reg = __m512;
  using IntReg = __m512i;
  static constexpr int kCells = 16;
  static constexpr int kRegisters = 32;
  static MXS_INLINE Reg zero() { return _mm512_setzero_ps(); }
  static MXS_INLINE Reg broadcast(float v) { return _mm512_set1_ps(v); }
  static MXS_INLINE Reg load(const float *p) { return _mm512_loadu_ps(p); }
  static MXS_INLINE void store(float *p, Reg v) { _mm512_storeu_ps(p, v); }
  static MXS_INLINE Reg add(Reg a, Reg b) { return _mm512_add_ps(a, b); }
  static MXS_INLINE Reg subtract(Reg a, Reg b) { return _mm512_sub_ps(a, b); }
  static MXS_INLINE Reg multiply(Reg a, Reg b) { return _mm512_mul_ps(a, b); }
  static MXS_INLINE Reg divide(Reg a, Reg b) { return _mm512_div_ps(a, b); }
  static MXS_INLINE Reg multiplyAdd(Reg a, Reg b, Reg c) { return _mm512_fmadd_ps(a, b, c); }
  /// min and max give their second operand if one is NaN.
  static MXS_INLINE Reg clamp(Reg v, float low, float high) {
    return _mm512_min_ps(broadcast(high), _mm512_max_ps(broadcast(low), v));
  }
  static MXS_INLINE Reg round(Reg v) {
    return _mm512_roundscale_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  static MXS_INLINE Reg powerOfTwo(Reg n) {
    const __m512i exponent = _mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127));
    return _mm512_castsi512_ps(_mm512_slli_epi32(exponent, 23));
  }
  static MXS_INLINE IntReg loadCells(const uint8_t *p) { return _mm512_loadu_si512(p); }
  static MXS_INLINE IntReg broadcastInt(int32_t v) { return _mm512_set1_epi32(v); }
  /// Four bytes of a row, in every cell.
  static MXS_INLINE IntReg broadcastCell(const uint8_t *p) {
    int32_t cell;
    __builtin_memcpy(&cell, p, sizeof cell);
    return _mm512_set1_epi32(cell);
  }
  static MXS_INLINE Reg broadcastFloat(const uint8_t *p) {
    float value;
    __builtin_memcpy(&value, p, sizeof value);
    return _mm512_set1_ps(value);
  }
  static MXS_INLINE Reg toFloat(IntReg v) { return _mm512_cvtepi32_ps(v); }
  static MXS_INLINE Reg asFloat(IntReg v) { return _mm512_castsi512_ps(v); }
  /// The two bfloat16 of every cell as float32.
  static MXS_INLINE Reg lowHalf(IntReg v) { return asFloat(_mm512_slli_epi32(v, 16)); }
  static MXS_INLINE Reg highHalf(IntReg v) {
    return asFloat(_mm512_and_si512(v, _mm512_set1_epi32(static_cast<int>(0xffff0000u))));
  }
  static MXS_INLINE Reg loadBf16(const uint16_t *p) {
    const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(p));
    return asFloat(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
  }
};

} // namespace
} // namespace mxs::cpu

#endif // MIXSERVE_RUNTIME_KERNELS_CPU_AVX512VECTOR_H
