//===- Kernels.h - Plain CPU kernels: the always-built reference ---------------------*- C++ -*-===//
//
// Functions on plain arrays, no context, no threads. Letters: T tokens, H hidden, E experts, K top-k.
// All arrays are row-major float32. A row's result depends on that row alone, never on how many rows
// there are or where it stands: batches, chunks and shards stay bitwise comparable.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_RUNTIME_KERNELS_CPU_KERNELS_H
#define MIXSERVE_RUNTIME_KERNELS_CPU_KERNELS_H

#include <cstdint>

namespace mxs::cpu {

/// Columns of one block of a packed weight matrix ("n64").
inline constexpr int64_t kPackColumns = 64;

/// Floats of a weight matrix [N, K] packed n64: [ceil(N/64)][K][64].
inline constexpr int64_t packedSize(int64_t n, int64_t k) {
  return (n + kPackColumns - 1) / kPackColumns * kPackColumns * k;
}

/// Packs w [N, K] (row-major, N outputs) as n64: packed[b][k][c] = w[64 b + c][k], zero beyond N.
void packN64(const float *w, float *packed, int64_t n, int64_t k);

/// y[rows,N] = x[rows,K] * W^T with W packed n64. Sums over K run in ascending order.
void linear(const float *x, const float *packed, float *y, int64_t rows, int64_t k, int64_t n);

} // namespace mxs::cpu

#endif // MIXSERVE_RUNTIME_KERNELS_CPU_KERNELS_H
