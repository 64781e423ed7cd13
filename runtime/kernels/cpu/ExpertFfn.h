//===- ExpertFfn.h - The experts of one rank on the rows that reached it ------------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_KERNELS_CPU_EXPERTFFN_H
#define MIXSERVE_RUNTIME_KERNELS_CPU_EXPERTFFN_H

#include "kernels/cpu/Engine.h"
#include "kernels/cpu/Workspace.h"
#include "threads/ThreadPool.h"

namespace mxs::cpu {

/// Arguments of one call. gate, up: [E local][F, H], down: [E local][H, F], packed.
struct ExpertFfnCall {
  const float *x;       ///< [rows, H]
  const float *weights; ///< [rows, K]
  const int32_t *ids;   ///< [rows, K]: different in a row; those of no local expert are skipped
  int64_t rows, topK;
  int32_t firstExpert; ///< id of the first local expert
  const mxs_weight_t *gate, *up, *down;
  float *out;                             ///< [rows, H], written whole
  const mxs_weight_t *upcoming = nullptr; ///< of the linear that comes next, null: something else
};

/// Bytes of workspace for a call with up to `rows` rows.
int64_t expertFfnBytes(const Engine &engine, const mxs_weight_t &gate, const mxs_weight_t &down,
                       int64_t rows, int64_t topK);

/// out[t] = sum over t's local experts e of weight * down_e (silu(gate_e x_t) * up_e x_t).
///
/// The sum ascends over e: starting from 0, each term is added as out = fma(weight, y_e, out)
/// (plain kernels: out + weight * y_e). A row's result depends on that row alone.
///
/// Three loops over the threads: the rows of every (row, expert) pair are put together in expert
/// order; gate, up and activation of (expert, column block of F); down and sum of (column block of
/// H) over all experts, so that no two threads add to the same output. Of few rows, down is one of
/// (expert, column blocks of H), which reads memory in longer pieces, and the sum follows.
/// MXS_INTERNAL: a row names an expert twice.
Status expertFfn(const Engine &engine, ThreadPool &pool, Workspace &space,
                 const ExpertFfnCall &call);

} // namespace mxs::cpu

#endif // MIXSERVE_RUNTIME_KERNELS_CPU_EXPERTFFN_H
