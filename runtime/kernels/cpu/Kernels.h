//===- Kernels.h - Plain CPU kernels: the always-built reference ------------*- C++ -*-===//
//
// Functions on plain arrays: no context, no threads, no allocation. Letters: T tokens, H hidden,
// E experts, K top-k, D head dimension. All arrays are row-major float32. A row's result depends on
// that row alone, never on how many rows there are or where it stands: batches, chunks and shards
// stay bitwise comparable.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_RUNTIME_KERNELS_CPU_KERNELS_H
#define MIXSERVE_RUNTIME_KERNELS_CPU_KERNELS_H

#include "kernels/Weight.h"

#include <cstdint>

namespace mxs::cpu {

/// out[r,:] = table[tokens[r] - first,:]; zero where the id is outside [first, first + V).
/// table rows [V, H] of float32 or bfloat16, out [rows, H].
void embedding(const int32_t *tokens, int64_t rows, const mxs_weight_t &table, int64_t first,
               float *out);

enum class RouteScore { Softmax, Sigmoid };

/// The K best of E scores of one row: descending score, ties to the lower id, K different ids even
/// if scores are not numbers. `normalize` divides the K scores by their sum; then times `scale`.
/// `scores` is scratch of E floats.
void routeRow(const float *logits, int64_t experts, int64_t topK, RouteScore score, bool normalize,
              float scale, float *scores, float *weights, int32_t *ids);

/// A row that goes through one of this rank's experts: the row, and which of its K choices it is.
struct RoutedPair {
  int32_t row, choice;
};

/// Sorts the choices whose expert is in [firstExpert, endExpert) by expert, then row. ids [rows,
/// K]; pairs has room for `capacity`; ends [endExpert - firstExpert + 1] gets the pairs before each
/// expert. Returns the number of pairs, -1 if there are more than `capacity`.
int64_t sortByExpert(const int32_t *ids, int64_t rows, int64_t topK, int64_t firstExpert,
                     int64_t endExpert, int64_t capacity, RoutedPair *pairs, int64_t *ends);

} // namespace mxs::cpu

#endif // MIXSERVE_RUNTIME_KERNELS_CPU_KERNELS_H
