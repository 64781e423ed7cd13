//===- PackedLinear.h - y = x W^T on packed weights, by all threads -----------------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_KERNELS_CPU_PACKEDLINEAR_H
#define MIXSERVE_RUNTIME_KERNELS_CPU_PACKEDLINEAR_H

#include "kernels/cpu/Engine.h"
#include "kernels/cpu/Workspace.h"
#include "threads/ThreadPool.h"

namespace mxs::cpu {

/// Rows of a tile: its weights stay in the second-level cache while they pass, its sums on the
/// stack.
inline constexpr int64_t kTileRows = 96;

/// Bytes of workspace that packedLinear needs.
int64_t packedLinearBytes(const Engine &engine, const mxs_weight_t &w, int64_t rows);

/// y[rows,N] = x[rows,K] * W^T with matrix `matrix` of `w`. Column blocks (and tiles of rows) are
/// shared out over the threads; no bit depends on how. `upcoming`: the weight of the linear that
/// comes next, null: something else does.
void packedLinear(const Engine &engine, ThreadPool &pool, Workspace &space, const float *x,
                  const mxs_weight_t &w, int64_t matrix, float *y, int64_t rows,
                  const mxs_weight_t *upcoming = nullptr);

/// Adds column blocks [block, block + count) of a matrix, each one's scales before its data.
void addBlocks(const mxs_weight_t &w, int64_t matrix, int64_t block, int64_t count,
               ReadAhead &ahead);

/// What the thread with this number reads first in a linear of few rows.
ReadAhead linearAhead(const ThreadPool &pool, const mxs_weight_t *w, int worker);

} // namespace mxs::cpu

#endif // MIXSERVE_RUNTIME_KERNELS_CPU_PACKEDLINEAR_H
