//===- Avx512Kernels.h - AVX-512 kernels that wider sets use, too -------------------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_KERNELS_CPU_AVX512KERNELS_H
#define MIXSERVE_RUNTIME_KERNELS_CPU_AVX512KERNELS_H

#include "kernels/cpu/KernelSet.h"

namespace mxs::cpu::avx512 {

void blockF32(const RowView &x, int64_t rows, const BlockView &w, float *y);
void blockBf16Widened(const RowView &x, int64_t rows, const BlockView &w, float *y);
void blockI8(const RowView &x, int64_t rows, const BlockView &w, float *y); ///< VNNI
void blockI4(const RowView &x, int64_t rows, const BlockView &w, float *y); ///< VNNI
void swiglu(const float *gate, const float *up, float *out, int64_t count);
void addScaled(float weight, const float *y, float *out, int64_t count);

namespace {

/// Tile shape of the float kernels: 24 sums, 4 weights, 1 row value of 32 registers.
struct FloatShape {
  static constexpr int kMostRows = 6;
  static constexpr int64_t kBurstTiles = INT64_MAX; // none
  static constexpr int64_t ledTiles(int64_t) { return 0; }
  static constexpr int64_t kAheadBytes = 2048;
  /// float32, where decode of 1 and of 8 take 1.4 to 1.9 % less time so. Not bfloat16, where decode
  /// of 1 takes 1 to 3 % more (from 4 KiB 7 %).
  static constexpr bool asksSoon(int perStep) { return perStep == 1; }
  /// 128 KiB: this part and the next one share the cache.
  static constexpr int64_t partSteps(int64_t) { return 512; }
  static constexpr int columns(int) { return 4; }
  static constexpr bool kPinsRows = false, kTakesSeveral = false;
  static constexpr int unroll(int) { return 1; }
};

} // namespace
} // namespace mxs::cpu::avx512

#endif // MIXSERVE_RUNTIME_KERNELS_CPU_AVX512KERNELS_H
