//===- Avx2Kernels.h - AVX2 kernels that wider sets use, too ------------------------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_KERNELS_CPU_AVX2KERNELS_H
#define MIXSERVE_RUNTIME_KERNELS_CPU_AVX2KERNELS_H

#include "kernels/cpu/KernelSet.h"

namespace mxs::cpu::avx2 {

void blockI8(const RowView &x, int64_t rows, const BlockView &w, float *y);
void blockI4(const RowView &x, int64_t rows, const BlockView &w, float *y);
void toI8(const float *x, int8_t *out, int64_t count, float *scale, int32_t *sum);

} // namespace mxs::cpu::avx2

#endif // MIXSERVE_RUNTIME_KERNELS_CPU_AVX2KERNELS_H
