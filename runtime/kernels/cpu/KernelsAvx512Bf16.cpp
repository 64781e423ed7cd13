//===- KernelsAvx512Bf16.cpp - bfloat16 dot products with AVX-512 BF16 -----------------------===//
#include "kernels/cpu/Avx2Kernels.h"
#include "kernels/cpu/Avx512Kernels.h"
#include "kernels/cpu/Avx512Vector.h"

using namespace mxs::cpu;

namespace {

using V = Avx512Vector;

/// Two k; rows are bfloat16, sums float32.
struct Bf16Step : avx512::FloatShape {
  static constexpr int kPerStep = 2, kRowBytes = 4;
  template <int R, int C, class Rows>
  static MXS_INLINE void step(__m512 (&sums)[R][C], const Rows &x, const uint8_t *w) {
    __m512bh weights[C];
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c)
      weights[c] = (__m512bh)V::loadCells(w + c * 4 * V::kCells);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const __m512bh row = (__m512bh)V::broadcastCell(x.at(r));
#pragma GCC unroll 8
      for (int c = 0; c < C; ++c)
        sums[r][c] = _mm512_dpbf16_ps(sums[r][c], weights[c], row);
    }
  }
};

void toBf16(const float *x, uint16_t *out, int64_t count) {
  int64_t i = 0;
  for (; i + 16 <= count; i += 16)
    _mm256_storeu_si256(reinterpret_cast<__m256i *>(out + i),
                        (__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(x + i)));
  kReferenceKernels.toBf16(x + i, out + i, count - i);
}

} // namespace

const KernelSet mxs::cpu::kAvx512Bf16Kernels = {
    {RowForm::F32, RowForm::Bf16, RowForm::I8, RowForm::I8},
    {avx512::blockF32, FloatBlock<V, Bf16Step>::run, avx512::blockI8, avx512::blockI4},
    avx512::swiglu,
    avx512::addScaled,
    toBf16,
    avx2::toI8};
