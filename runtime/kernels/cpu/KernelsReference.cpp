//===- KernelsReference.cpp - The plain kernels: oracle and fallback -------------------------===//
//
// Weights become the float32 values that they stand for; rows stay float32. Every output is one sum
// over ascending K in one accumulator.
//
//===----------------------------------------------------------------------===//
#include "kernels/cpu/KernelSet.h"

#include "mixserve_weights.h"

#include <cmath>
#include <cstring>

using namespace mxs::cpu;

namespace {

/// out[c] = value of W[64 b + c, k] without its scale.
void decode(mxs_weight_type_t type, const uint8_t *block, int64_t k, float *out) {
  const int64_t v = mxs_weight_interleave(type), at = k % v;
  const uint8_t *cells = block + k / v * kBlockColumns * MXS_WEIGHT_CELL_BYTES;
  for (int64_t c = 0; c < kBlockColumns; ++c, cells += MXS_WEIGHT_CELL_BYTES) {
    uint16_t bits = 0;
    switch (type) {
    case MXS_WEIGHT_F32:
      std::memcpy(out + c, cells, sizeof(float));
      break;
    case MXS_WEIGHT_BF16:
      std::memcpy(&bits, cells + 2 * at, sizeof bits);
      out[c] = mxs_bf16_to_f32(bits);
      break;
    case MXS_WEIGHT_I8:
      out[c] = static_cast<int8_t>(cells[at]);
      break;
    case MXS_WEIGHT_I4:
      out[c] = static_cast<float>((at < 4 ? cells[at] & 15 : cells[at - 4] >> 4) - 8);
      break;
    }
  }
}

template <mxs_weight_type_t Type>
void block(const RowView &x, int64_t rows, const BlockView &w, float *y) {
  std::memset(y, 0, static_cast<size_t>(rows * kBlockColumns) * sizeof(float));
  float weights[kBlockColumns];
  for (int64_t k = 0; k < w.k; ++k) {
    decode(Type, w.data, k, weights);
    if (mxs_weight_has_scales(Type))
      for (int64_t c = 0; c < kBlockColumns; ++c)
        weights[c] *= mxs_bf16_to_f32(w.scales[k / w.group * kBlockColumns + c]);
    for (int64_t r = 0; r < rows; ++r) {
      const float value = reinterpret_cast<const float *>(x.data + r * x.stride)[k];
      for (int64_t c = 0; c < kBlockColumns; ++c)
        y[r * kBlockColumns + c] += value * weights[c];
    }
  }
}

void swiglu(const float *gate, const float *up, float *out, int64_t count) {
  for (int64_t i = 0; i < count; ++i)
    out[i] = gate[i] / (1.0f + std::exp(-gate[i])) * up[i];
}

void addScaled(float weight, const float *y, float *out, int64_t count) {
  for (int64_t i = 0; i < count; ++i)
    out[i] += weight * y[i];
}

void toBf16(const float *x, uint16_t *out, int64_t count) {
  for (int64_t i = 0; i < count; ++i)
    out[i] = mxs_bf16_from_f32(x[i]);
}

void toI8(const float *x, int8_t *out, int64_t count, float *scale, int32_t *sum) {
  float largest = 0.0f;
  bool finite = true;
  for (int64_t i = 0; i < count; ++i) {
    largest = std::fmax(largest, std::fabs(x[i]));
    finite = finite && std::isfinite(x[i]);
  }
  const float inverse = finite && largest > 1e-30f ? 127.0f / largest : 0.0f;
  *sum = 0;
  for (int64_t i = 0; i < count; ++i) {
    out[i] = static_cast<int8_t>(finite ? std::nearbyint(x[i] * inverse) : 0.0f);
    *sum += out[i];
  }
  *scale = finite ? largest / 127.0f : NAN;
}

} // namespace

const KernelSet mxs::cpu::kReferenceKernels = {
    {RowForm::F32, RowForm::F32, RowForm::F32, RowForm::F32},
    {block<MXS_WEIGHT_F32>, block<MXS_WEIGHT_BF16>, block<MXS_WEIGHT_I8>, block<MXS_WEIGHT_I4>},
    swiglu,
    addScaled,
    toBf16,
    toI8};
