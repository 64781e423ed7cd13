//===- FloatSteps.h - Steps on float32 rows: float32 weights, widened bfloat16 ------*- C++ -*-===//
//
// Policies of Tiles.h. See there, and KernelSet.h for why all is in an unnamed namespace.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_RUNTIME_KERNELS_CPU_FLOATSTEPS_H
#define MIXSERVE_RUNTIME_KERNELS_CPU_FLOATSTEPS_H

#include "kernels/cpu/Tiles.h"

namespace mxs::cpu {
namespace {

/// One k: sums[r][c] += x[r] * w[c]. `S` has the tile shape of the instruction set.
template <class V, class S> struct F32Step : S {
  static constexpr int kPerStep = 1, kRowBytes = 4;
  template <int R, int C, class Rows>
  static MXS_INLINE void step(typename V::Reg (&sums)[R][C], const Rows &x, const uint8_t *w) {
    typename V::Reg weights[C];
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c)
      weights[c] = V::load(reinterpret_cast<const float *>(w) + c * V::kCells);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const typename V::Reg value = V::broadcastFloat(x.at(r));
#pragma GCC unroll 8
      for (int c = 0; c < C; ++c)
        sums[r][c] = V::multiplyAdd(value, weights[c], sums[r][c]);
    }
  }
};

/// Two k: bfloat16 weights become float32 in registers. A sum takes the lower k first.
template <class V, class S> struct WidenedStep : S {
  static constexpr int kPerStep = 2, kRowBytes = 8;
  /// Whether one k of all outputs fits the registers beside the sums and a row's value. Then the
  /// value is loaded once for all of them.
  template <int R, int C> static constexpr bool kFits = R *C + C + 2 <= V::kRegisters;

  template <int R, int C, class Rows>
  static MXS_INLINE void step(typename V::Reg (&sums)[R][C], const Rows &x, const uint8_t *w) {
    if constexpr (kFits<R, C>) {
      typename V::Reg weights[C];
#pragma GCC unroll 8
      for (int c = 0; c < C; ++c)
        weights[c] = V::lowHalf(V::loadCells(w + c * 4 * V::kCells));
      multiply<R, C>(sums, x, 0, weights);
      if constexpr (R * C + 2 * C + 2 > V::kRegisters)
        asm("" : "+r"(w)); // cells are loaded again, not kept on the stack
#pragma GCC unroll 8
      for (int c = 0; c < C; ++c)
        weights[c] = V::highHalf(V::loadCells(w + c * 4 * V::kCells));
      multiply<R, C>(sums, x, 4, weights);
    } else {
      static_assert(R == 1);
      const typename V::Reg lower = V::broadcastFloat(x.at(0)),
                            upper = V::broadcastFloat(x.at(0) + 4);
#pragma GCC unroll 8
      for (int c = 0; c < C; ++c) {
        const typename V::IntReg cells = V::loadCells(w + c * 4 * V::kCells);
        sums[0][c] = V::multiplyAdd(lower, V::lowHalf(cells), sums[0][c]);
        sums[0][c] = V::multiplyAdd(upper, V::highHalf(cells), sums[0][c]);
        asm volatile("" ::: "memory"); // cells loaded all at once leave sums no registers
      }
    }
  }

private:
  template <int R, int C, class Rows>
  static MXS_INLINE void multiply(typename V::Reg (&sums)[R][C], const Rows &x, int64_t offset,
                                  const typename V::Reg (&weights)[C]) {
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const typename V::Reg value = V::broadcastFloat(x.at(r) + offset);
#pragma GCC unroll 8
      for (int c = 0; c < C; ++c)
        sums[r][c] = V::multiplyAdd(value, weights[c], sums[r][c]);
    }
  }
};

} // namespace
} // namespace mxs::cpu

#endif // MIXSERVE_RUNTIME_KERNELS_CPU_FLOATSTEPS_H
