//===- Weight.h - A weight as its file holds it ---------------------------------------------===//
#ifndef MIXSERVE_RUNTIME_KERNELS_WEIGHT_H
#define MIXSERVE_RUNTIME_KERNELS_WEIGHT_H

#include "mixserve_weights.h"

#include <cstdint>

namespace mxs {

/// How a parameter lies in its file; `pack` of the manifest.
enum class WeightLayout {
  Plain, ///< float32 values, read by generated loops
  Rows,  ///< a table of rows [N][K], float32 or bfloat16
  N64    ///< matrices in the packed layout of mixserve_weights.h
};

} // namespace mxs

/// In C++ the struct's name is hidden by the function mxs_weight() of mixserve_rt.h: say
/// mxs_weight_t.
typedef struct mxs_weight mxs_weight_t;

/// Owns nothing: the arrays are mapped files.
struct mxs_weight {
  mxs::WeightLayout layout = mxs::WeightLayout::Plain;
  mxs_weight_type_t type = MXS_WEIGHT_F32;
  int64_t group = 0; ///< inputs that share a scale, 0 without scales
  int64_t n = 0, k = 0;
  int64_t matrices = 1;             ///< stacked experts
  const void *data = nullptr;       ///< 64-byte aligned
  const uint16_t *scales = nullptr; ///< bfloat16, 64-byte aligned, null without

  /// Data and scales of one of the matrices of a packed weight.
  const uint8_t *matrixData(int64_t matrix) const {
    return static_cast<const uint8_t *>(data) + matrix * mxs_weight_data_bytes(type, n, k);
  }
  const uint16_t *matrixScales(int64_t matrix) const {
    return scales + matrix * mxs_weight_scale_bytes(type, n, k, group) / 2;
  }
};

#endif // MIXSERVE_RUNTIME_KERNELS_WEIGHT_H
