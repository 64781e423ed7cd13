//===- mixserve_weights.h - Layouts of packed weights, for compiler and runtime -----*- C -*-===//
//
// The compiler writes weight matrices in these layouts, the runtime's kernels read them as they lie
// in the mapped file. A matrix W[N, K] has N outputs: y[t,n] = sum over k of x[t,k] * W[n,k]. It is
// cut into B = ceil(N/64) column blocks of 64 outputs; outputs beyond N and, up to a multiple of v,
// inputs beyond K are zero (in every type the value 0.0, see below).
//
//   type       v  data                          element W[n,k], with b = n/64, c = n%64
//   f32        1  f32  [B][K][64]               [b][k][c]
//   bf16       2  bf16 [B][ceil(K/2)][64][2]    [b][k/2][c][k%2]
//   int8       4  i8   [B][ceil(K/4)][64][4]    [b][k/4][c][k%4]: q in [-127, 127], 0.0 is q = 0
//   int4       8  u8   [B][ceil(K/8)][64][4]    byte [b][k/8][c][k%4]: k%8 < 4 in its low nibble,
//   else in
//                                               its high one; nibble = q + 8, q in [-7, 7], 0.0 is
//                                               8
//
// int8 and int4 have scales: bf16 [B][ceil(K/group)][64], scale of W[n,k] = [b][k/group][c], and
// W[n,k] = scale * q. group is 32 or 128; the last group of a row may be shorter. Scales of outputs
// beyond N are 0. Stacked experts [E, N, K] are E matrices one after another, in data and in
// scales. Every array starts at a multiple of 64 bytes; the size of one matrix is one, too.
//
// In a weight file a quantised parameter is two tensors: NAME (data) and NAME.scale.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_WEIGHTS_H
#define MIXSERVE_WEIGHTS_H

#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Numbers are part of the ABI.
typedef enum mxs_weight_type {
  MXS_WEIGHT_F32 = 0,
  MXS_WEIGHT_BF16 = 1,
  MXS_WEIGHT_I8 = 2,
  MXS_WEIGHT_I4 = 3
} mxs_weight_type_t;

enum {
  MXS_WEIGHT_COLUMNS = 64,  ///< outputs of a column block
  MXS_WEIGHT_ALIGNMENT = 64 ///< [byte] of every array and matrix
};

/// The type's name in manifest.json and on command lines.
static inline const char *mxs_weight_type_name(mxs_weight_type_t type) {
  switch (type) {
  case MXS_WEIGHT_F32:
    return "f32";
  case MXS_WEIGHT_BF16:
    return "bf16";
  case MXS_WEIGHT_I8:
    return "int8";
  case MXS_WEIGHT_I4:
    return "int4";
  }
  return "?";
}

/// The name that safetensors has for the elements of the data.
static inline const char *mxs_weight_dtype(mxs_weight_type_t type) {
  switch (type) {
  case MXS_WEIGHT_F32:
    return "F32";
  case MXS_WEIGHT_BF16:
    return "BF16";
  case MXS_WEIGHT_I8:
    return "I8";
  case MXS_WEIGHT_I4:
    return "U8"; /* two values in a byte */
  }
  return "?";
}

/// Whether the type has scales.
static inline int mxs_weight_has_scales(mxs_weight_type_t type) {
  return type == MXS_WEIGHT_I8 || type == MXS_WEIGHT_I4;
}

/// v: consecutive k that one output has side by side.
static inline int64_t mxs_weight_interleave(mxs_weight_type_t type) {
  return (int64_t)1 << (int)type;
}

/// Bytes of v consecutive k of one output. 4 in every type.
enum { MXS_WEIGHT_CELL_BYTES = 4 };

static inline int64_t mxs_weight_blocks(int64_t n) {
  return (n + MXS_WEIGHT_COLUMNS - 1) / MXS_WEIGHT_COLUMNS;
}

/// Bytes of a column block's data.
static inline int64_t mxs_weight_block_bytes(mxs_weight_type_t type, int64_t k) {
  const int64_t v = mxs_weight_interleave(type);
  return (k + v - 1) / v * MXS_WEIGHT_COLUMNS * MXS_WEIGHT_CELL_BYTES;
}

/// Bytes of one matrix's data.
static inline int64_t mxs_weight_data_bytes(mxs_weight_type_t type, int64_t n, int64_t k) {
  return mxs_weight_blocks(n) * mxs_weight_block_bytes(type, k);
}

/// Scales of one output of a matrix: ceil(K/group), 0 in a type without scales.
static inline int64_t mxs_weight_groups(mxs_weight_type_t type, int64_t k, int64_t group) {
  return mxs_weight_has_scales(type) ? (k + group - 1) / group : 0;
}

/// Bytes of one matrix's scales, 0 in a type without. `group` is read only where there are scales.
static inline int64_t mxs_weight_scale_bytes(mxs_weight_type_t type, int64_t n, int64_t k,
                                             int64_t group) {
  return mxs_weight_blocks(n) * mxs_weight_groups(type, k, group) * MXS_WEIGHT_COLUMNS * 2;
}

/// Whether K = `k` can be cut into `parts` equal parts without cutting a group that a part does not
/// begin: each part begins with a group, or lies in one. Then a part can have the scales of the whole.
static inline int mxs_weight_split_fits(int64_t k, int64_t parts, int64_t group) {
  const int64_t part = k / parts;
  for (int64_t begin = 0; group > 0 && begin < k; begin += part)
    if (begin % group != 0 && begin / group != (begin + part - 1) / group)
      return 0;
  return 1;
}

/// Byte of W[n,k] in the data of a matrix with K = `depth`; int4: the byte that holds the nibble.
static inline int64_t mxs_weight_data_offset(mxs_weight_type_t type, int64_t depth, int64_t n,
                                             int64_t k) {
  const int64_t v = mxs_weight_interleave(type);
  const int64_t cell =
      n / MXS_WEIGHT_COLUMNS * mxs_weight_block_bytes(type, depth) +
      (k / v * MXS_WEIGHT_COLUMNS + n % MXS_WEIGHT_COLUMNS) * MXS_WEIGHT_CELL_BYTES;
  return type == MXS_WEIGHT_I4 ? cell + k % 4 : cell + k % v * (MXS_WEIGHT_CELL_BYTES / v);
}

/// Index (of 2-byte elements) of W[n,k]'s scale in the scales of a matrix with K = `depth`.
static inline int64_t mxs_weight_scale_index(int64_t depth, int64_t group, int64_t n, int64_t k) {
  const int64_t groups = (depth + group - 1) / group;
  return (n / MXS_WEIGHT_COLUMNS * groups + k / group) * MXS_WEIGHT_COLUMNS +
         n % MXS_WEIGHT_COLUMNS;
}

/// bfloat16: the upper half of a float.
static inline float mxs_bf16_to_f32(uint16_t value) {
  const uint32_t bits = (uint32_t)value << 16;
  float result;
  memcpy(&result, &bits, sizeof result);
  return result;
}

/// Round to nearest, ties to even; NaN stays a (quiet) NaN, overflow becomes infinity.
static inline uint16_t mxs_bf16_from_f32(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  if ((bits & 0x7fffffffu) > 0x7f800000u)
    return (uint16_t)(bits >> 16 | 0x40u);
  return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

#ifdef __cplusplus
} // extern "C"
#endif

#endif // MIXSERVE_WEIGHTS_H
