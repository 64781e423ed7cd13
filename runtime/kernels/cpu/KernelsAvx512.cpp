//===- KernelsAvx512.cpp - Kernels for AVX-512 F, BW, DQ, VL ---------------------------------===//
//
// Without VNNI, int8 products are those of AVX2.
//
//===----------------------------------------------------------------------===//
#include "kernels/cpu/Avx2Kernels.h"
#include "kernels/cpu/Avx512Kernels.h"
#include "kernels/cpu/Avx512Vector.h"
#include "kernels/cpu/FloatSteps.h"

using namespace mxs::cpu;

using V = Avx512Vector;

namespace {
void toBf16(const float *x, uint16_t *out, int64_t count) {
  kReferenceKernels.toBf16(x, out, count); // no kernel of this set reads such rows
}
} // namespace

void avx512::blockF32(const RowView &x, int64_t rows, const BlockView &w, float *y) {
  FloatBlock<V, F32Step<V, avx512::FloatShape>>::run(x, rows, w, y);
}

void avx512::blockBf16Widened(const RowView &x, int64_t rows, const BlockView &w, float *y) {
  FloatBlock<V, WidenedStep<V, avx512::FloatShape>>::run(x, rows, w, y);
}

void avx512::swiglu(const float *gate, const float *up, float *out, int64_t count) {
  swigluRow<V>(gate, up, out, count);
}

void avx512::addScaled(float weight, const float *y, float *out, int64_t count) {
  addScaledRow<V>(weight, y, out, count);
}

const KernelSet mxs::cpu::kAvx512Kernels = {
    {RowForm::F32, RowForm::F32, RowForm::I8, RowForm::I8},
    {avx512::blockF32, avx512::blockBf16Widened, avx2::blockI8, avx2::blockI4},
    avx512::swiglu,
    avx512::addScaled,
    toBf16,
    avx2::toI8Pairs};
