//===- RowPacking.h - Routed rows in a message ----------------------------------------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_COMM_ROWPACKING_H
#define MIXSERVE_RUNTIME_COMM_ROWPACKING_H

#include "comm/Communicator.h"
#include "comm/NodeShared.h"

#include <vector>

namespace mxs {

/// Bytes of one routed row between ranks: x, K weights, K ids, and its row number at home.
inline int64_t routedRowBytes(int64_t hidden, int64_t topK) { return 4 * hidden + 8 * topK + 4; }
/// Those of them that lie before all x in a message, and are not rounded.
inline int64_t routedExactBytes(int64_t topK) { return 8 * topK + 4; }

/// The payload is four arrays: index [n], ids [n,K], weights [n,K], x [n,H].
struct RoutedPayload {
  RoutedPayload(uint8_t *payload, int64_t rows, int64_t topK);

  int32_t *index;
  int32_t *ids;
  float *weights;
  float *x;
};

/// Fills `payload` with the rows `list` of `in`.
void packRows(uint8_t *payload, const int32_t *list, int64_t rows, const RoutedRows &in,
              int64_t hidden, int64_t topK);

/// The rows of a received payload; valid as long as the payload. `index` is checked: ascending, in
/// [first, end). MXS_INTERNAL otherwise.
Status openRows(const uint8_t *payload, int64_t rows, int64_t bytes, int64_t first, int64_t end,
                int64_t hidden, int64_t topK, Offer &out);

/// Copies the rows of `offer` to row `base` + their row number of `out`.
void placeRows(const Offer &offer, int64_t base, const RoutedRowsOut &out, int64_t hidden,
               int64_t topK);

} // namespace mxs

#endif // MIXSERVE_RUNTIME_COMM_ROWPACKING_H
