//===- Avx2Kernels.h - AVX2 kernels that wider sets use, too ------------------------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_KERNELS_CPU_AVX2KERNELS_H
#define MIXSERVE_RUNTIME_KERNELS_CPU_AVX2KERNELS_H

#include "kernels/cpu/KernelSet.h"

namespace mxs::cpu::avx2 {

void blockI8(const RowView &x, int64_t rows, const BlockView &w, float *y);
void blockI4(const RowView &x, int64_t rows, const BlockView &w, float *y);

/// scale = largest magnitude / 127, for products that are added up in 32 bits.
void toI8(const float *x, int8_t *out, int64_t count, float *scale, int32_t *sum);
/// For blockI8 and blockI4. vpmaddubsw adds the products of neighbours, q[2i] and q[2i + 1], with
/// weights of 0 to 255 in 16 bits: the scale is the least with which no two q of the same sign
/// are more than 128 together, 1.3 times that of toI8 for normally distributed values.
void toI8Pairs(const float *x, int8_t *out, int64_t count, float *scale, int32_t *sum);

} // namespace mxs::cpu::avx2

#endif // MIXSERVE_RUNTIME_KERNELS_CPU_AVX2KERNELS_H
