//===- WireType.h - How activation rows travel between nodes --------------------------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_COMM_WIRETYPE_H
#define MIXSERVE_RUNTIME_COMM_WIRETYPE_H

#include <cstdint>

namespace mxs {

/// Rows of messages between nodes. Sums are made in float32 in either case; row numbers, routing
/// weights and expert ids are never rounded, nor are rows inside a node, which ranks read in place.
enum class WireType : uint8_t {
  F32, ///< as they are
  BF16 ///< rounded to bfloat16, to nearest, ties to even: half of the bytes, 2^-9 relative
};

/// Makes bfloat16 of the floats at `bytes`, in place; returns how many bytes they are now.
int64_t narrowRows(uint8_t *bytes, int64_t floats);
/// The reverse; there must be room for the floats. Returns their bytes.
int64_t widenRows(uint8_t *bytes, int64_t floats);
/// What the floats are after both. For rows that stay here and of which copies travel: all holders
/// must have the same.
void roundRows(float *rows, int64_t floats);

} // namespace mxs

#endif // MIXSERVE_RUNTIME_COMM_WIRETYPE_H
