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

/// Columns of one block of a packed weight matrix ("n64").
inline constexpr int64_t kPackColumns = MXS_WEIGHT_COLUMNS;

/// Floats of a weight matrix [N, K] packed n64: [ceil(N/64)][K][64].
inline constexpr int64_t packedSize(int64_t n, int64_t k) {
  return (n + kPackColumns - 1) / kPackColumns * kPackColumns * k;
}

/// Packs w [N, K] (row-major, N outputs) as n64: packed[b][k][c] = w[64 b + c][k], zero beyond N.
void packN64(const float *w, float *packed, int64_t n, int64_t k);

/// y[rows,N] = x[rows,K] * W^T with W packed n64. Sums over K run in ascending order.
void linear(const float *x, const float *packed, float *y, int64_t rows, int64_t k, int64_t n);

/// The same with matrix `matrix` of a packed weight of any type. Sums over K run in ascending
/// order in float32 on the values that the type stands for.
void linear(const float *x, const mxs_weight_t &w, int64_t matrix, float *y, int64_t rows);

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

/// out[i,:] = x[pairs[i].row,:]
void gatherPairs(const float *x, const RoutedPair *pairs, int64_t count, int64_t hidden,
                 float *out);

/// y[pair,N] = x[pair,K] * W_e^T: linear() of every expert of `w` on its pairs.
void groupedGemm(const float *x, const mxs_weight_t &w, float *y, const int64_t *ends);

/// out[row,:] = sum over the row's pairs, in their order, of weight * y; zero without one.
/// weights [rows, K], y [count, H].
void scatterPairs(const float *y, const float *weights, const RoutedPair *pairs, int64_t count,
                  int64_t rows, int64_t topK, int64_t hidden, float *out);

} // namespace mxs::cpu

#endif // MIXSERVE_RUNTIME_KERNELS_CPU_KERNELS_H
