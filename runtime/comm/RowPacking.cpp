//===- RowPacking.cpp ---------------------------------------------------------------------------===//

#include "comm/RowPacking.h"
#include "core/Mutation.h"

#include <algorithm>

namespace mxs {

RoutedPayload::RoutedPayload(uint8_t *payload, int64_t rows, int64_t topK)
    : index(reinterpret_cast<int32_t *>(payload)), ids(index + rows),
      weights(reinterpret_cast<float *>(ids + rows * topK)), x(weights + rows * topK) {}

void packRows(uint8_t *payload, const int32_t *list, int64_t rows, const RoutedRows &in,
              int64_t hidden, int64_t topK) {
  const RoutedPayload to(payload, rows, topK);
  std::copy_n(list, rows, to.index);
  for (int64_t i = 0; i < rows; ++i) {
    std::copy_n(in.ids + list[i] * topK, topK, to.ids + i * topK);
    std::copy_n(in.weights + list[i] * topK, topK, to.weights + i * topK);
    std::copy_n(in.x + list[i] * hidden, hidden, to.x + i * hidden);
  }
  if (mutated(Mutation::WeightTwice) && rows > 0)
    to.weights[0] *= to.weights[0];
}

Status openRows(const uint8_t *payload, int64_t rows, int64_t bytes, int64_t first, int64_t end,
                int64_t hidden, int64_t topK, Offer &out) {
  if (bytes != rows * routedRowBytes(hidden, topK))
    return internalError(std::to_string(bytes) + " bytes for " + std::to_string(rows) + " rows");
  const RoutedPayload from(const_cast<uint8_t *>(payload), rows, topK);
  int64_t last = first;
  for (int64_t i = 0; i < rows; ++i) {
    if (from.index[i] < last || from.index[i] >= end)
      return internalError("row number " + std::to_string(from.index[i]) +
                           " is not ascending in [" + std::to_string(first) + ", " +
                           std::to_string(end) + ")");
    last = from.index[i];
  }
  out = Offer{from.index, nullptr, rows, from.x, from.weights, from.ids};
  return okStatus();
}

void placeRows(const Offer &offer, int64_t base, const RoutedRowsOut &out, int64_t hidden,
               int64_t topK) {
  for (int64_t i = 0; i < offer.count; ++i) {
    const int64_t from = offer.at(i), to = base + offer.index[i];
    std::copy_n(offer.ids + from * topK, topK, out.ids + to * topK);
    std::copy_n(offer.weights + from * topK, topK, out.weights + to * topK);
    std::copy_n(offer.x + from * hidden, hidden, out.x + to * hidden);
  }
}

} // namespace mxs
