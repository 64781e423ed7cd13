//===- KernelSet.h - The inner kernels of one instruction set -----------------------*- C++ -*-===//
//
// The unit of work of every GEMM is a column block: some rows times 64 outputs over all of K, with
// the weights as mixserve_weights.h lays them out. A kernel writes a tile y[rows][64] of float32;
// what becomes of the tile (rows of y, an activation, a weighted sum) is the caller's business.
//
// Rows are read in one of three forms. In each, a result is one sum over ascending K (int8: over
// ascending groups, exact inside a group), so a row's bits do not depend on the rows beside it.
//
// This header is included by files that are compiled for one instruction set: it may define no
// function that another file could share (an inline function would be merged across files, and run
// on a processor that lacks the instructions).
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_RUNTIME_KERNELS_CPU_KERNELSET_H
#define MIXSERVE_RUNTIME_KERNELS_CPU_KERNELSET_H

#include <stdint.h>

namespace mxs::cpu {

/// How a kernel reads its rows.
enum class RowForm {
  F32,  ///< float32
  Bf16, ///< bfloat16, rounded to nearest
  I8    ///< int8 in groups of consecutive k: x = scale * q, |q| <= 127; toI8 chooses the scale
};
inline constexpr int kRowForms = 3;
inline constexpr int kWeightTypes = 4;

/// Outputs of a column block, also the stride of a tile.
inline constexpr int64_t kBlockColumns = 64;

/// Rows of a call. `k` of them are values, the elements up to a multiple of 8 are zero.
struct RowView {
  const uint8_t *data; ///< first row, 4-byte aligned
  int64_t stride;      ///< bytes between rows, a multiple of 4
  const float *scales; ///< I8: [rows][groups], null otherwise
  const int32_t *sums; ///< I8: [rows][groups] sums of q, null otherwise
  int64_t groups;      ///< I8: groups of a row
};

/// Where a column block begins; null data: unknown.
struct BlockStart {
  const uint8_t *data;
  const uint16_t *scales; ///< null without
};

/// One column block of a packed matrix.
struct BlockView {
  const uint8_t *data;    ///< 64-byte aligned
  const uint16_t *scales; ///< bfloat16 [groups][64], null without
  BlockStart next;        ///< the block that is read after this one
  int64_t k;
  int64_t group;    ///< inputs that share a scale
  int64_t rowGroup; ///< I8 rows: values that share a scale; divides `group`
};

/// y[rows][64] = rows times one column block. `rows` may be 0.
using BlockFunction = void (*)(const RowView &x, int64_t rows, const BlockView &w, float *y);

/// Everything that differs between instruction sets.
struct KernelSet {
  RowForm form[kWeightTypes];        ///< by mxs_weight_type_t: how `block` reads rows
  BlockFunction block[kWeightTypes]; ///< by mxs_weight_type_t

  /// out[i] = silu(gate[i]) * up[i], silu(v) = v / (1 + e^-v). `count` is a multiple of 64.
  void (*swiglu)(const float *gate, const float *up, float *out, int64_t count);
  /// out[i] += weight * y[i]
  void (*addScaled)(float weight, const float *y, float *out, int64_t count);
  /// out[i] = x[i] rounded to bfloat16, ties to even
  void (*toBf16)(const float *x, uint16_t *out, int64_t count);
  /// One group of at most 64, from an even k on: out[i] = q, its scale and the sum of q. Values
  /// that are not finite give scale NaN. A set without 32-bit sums of products leaves room for
  /// pairs.
  void (*toI8)(const float *x, int8_t *out, int64_t count, float *scale, int32_t *sum);
};

// One per file; null-free. Only call what isaSupported() allows.
extern const KernelSet kReferenceKernels;
extern const KernelSet kAvx2Kernels;
extern const KernelSet kAvx512Kernels;
extern const KernelSet kAvx512VnniKernels;
extern const KernelSet kAvx512Bf16Kernels;

} // namespace mxs::cpu

#endif // MIXSERVE_RUNTIME_KERNELS_CPU_KERNELSET_H
