//===- Avx2Kernels.h - AVX2 kernels that wider sets use, too ------------------------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_KERNELS_CPU_AVX2KERNELS_H
#define MIXSERVE_RUNTIME_KERNELS_CPU_AVX2KERNELS_H

#include "kernels/cpu/KernelSet.h"

namespace mxs::cpu::avx2 {

void blockI8(const RowView &x, int64_t rows, const BlockView &w, float *y);
void blockI4(const RowView &x, int64_t rows, const BlockView &w, float *y);

// KernelSet::toI8 with two kinds of scale.

/// scale = largest |x| / 127, for products that are added up in 32 bits.
void toI8(const float *x, int8_t *out, int64_t count, float *scale, int32_t *sum);

/// scale = largest |x| or |x[2i] + x[2i + 1]|, divided by 127: two neighbours of the same sign are
/// at most 128 together. For blockI8, where vpmaddubsw adds their products with weights of 0 to 255
/// in 16 bits. 1.3 times the other scale if values are normally distributed.
void toI8Pairs(const float *x, int8_t *out, int64_t count, float *scale, int32_t *sum);

} // namespace mxs::cpu::avx2

#endif // MIXSERVE_RUNTIME_KERNELS_CPU_AVX2KERNELS_H
