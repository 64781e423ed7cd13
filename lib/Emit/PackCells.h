//===- PackCells.h - Rows of a weight to packed column blocks -----*- C++ -*-===//
//
// In every type of mixserve_weights.h a column block is a matrix of 4-byte cells [C][64], one cell
// holding v consecutive k of one output. So packing is: each of 64 rows to C cells, then one
// transpose.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_LIB_EMIT_PACKCELLS_H
#define MIXSERVE_LIB_EMIT_PACKCELLS_H

#include "runtime/include/mixserve_weights.h"
#include <cstdint>

namespace mixserve {

/// out[c][r] = in[r * pitch + c] for r in [0, 64), c in [0, `cells`). A pitch of whole pages is
/// slow: all rows would fall on the same cache lines.
void transposeCells(const uint32_t *in, int64_t pitch, int64_t cells, uint32_t *out);

/// out[i] = in[i] rounded to bfloat16, nearest even.
void roundToBf16(const float *in, int64_t count, uint16_t *out);

/// The part of a row that is packed, in the range of values that its scales are taken from: K of
/// the whole matrix, cut at groups.
struct RowRange {
  int64_t count = 0; ///< values that scales are taken from, from a group's begin to a group's end
  int64_t begin = 0; ///< first value of the part
  int64_t size = 0;  ///< values of the part; `begin` is 0, or all of `count` are one group
};

/// Quantises the part of `row` to int8 or int4 with a scale per `group` values: writes ceil(size /
/// v) cells, and scale g to scales[g * 64]. False if a value is not finite; nothing is written
/// then.
bool quantiseRow(mxs_weight_type_t type, const float *row, RowRange range, int64_t group,
                 uint32_t *cells, uint16_t *scales);

/// The cell that stands for zeros.
inline uint32_t zeroCell(mxs_weight_type_t type) { return type == MXS_WEIGHT_I4 ? 0x88888888u : 0; }

} // namespace mixserve

#endif // MIXSERVE_LIB_EMIT_PACKCELLS_H
