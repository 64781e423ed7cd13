//===- LatentAttention.cpp - Which rows take which form -------------------------------------===//
#include "kernels/cpu/LatentAttention.h"
#include "kernels/cpu/LatentForms.h"
#include "threads/ThreadPool.h"

#include <algorithm>

using namespace mxs;
using namespace mxs::cpu;

bool cpu::expandsPrompt(const LatentShape &s, int64_t prompt, int64_t stepRows) {
  if (prompt <= 0 || stepRows <= 0)
    return false;
  const int64_t steps = (prompt + stepRows - 1) / stepRows;
  const int64_t made = s.nopeDim + s.valueDim;
  return (steps - 1) * s.latentDim * made <= prompt * (2 * s.latentDim - made);
}

int64_t LatentRun::expandedRows(const AttentionSequence &s) const {
  if (!expandsPrompt(call.shape, s.prompt, call.stepRows))
    return 0;
  return std::clamp<int64_t>(s.prompt - s.position, 0, s.rows);
}

int64_t cpu::latentAttentionBytes(const LatentShape &s, int64_t rows, int threads) {
  return std::max(absorbedBytes(s, rows), expandedBytes(s, rows, threads));
}

/// Fails unless `w` is [outputs, K] in a type whose rows are read as they are.
static Status checkWeight(const mxs_weight_t *w, const char *name, int64_t outputs, int64_t k) {
  if (!w || w->layout != WeightLayout::N64 || w->matrices != 1 || w->n != outputs || w->k != k)
    return internalError(std::string(name) + " of latent attention must be packed and [" +
                         std::to_string(outputs) + ", " + std::to_string(k) + "]");
  if (mxs_weight_has_scales(w->type) || k % mxs_weight_interleave(w->type) != 0)
    return internalError(std::string(name) + " of latent attention must be f32 or bf16, with an " +
                         "even number of inputs if bf16; it is " + mxs_weight_type_name(w->type));
  return okStatus();
}

static void store(const AttentionKernels &kernels, ThreadPool &pool, const LatentCall &call) {
  const LatentShape &s = call.shape;
  const int64_t bytes = (s.latentDim + s.ropeDim) * cacheElementBytes(call.type);
  pool.parallelFor(call.count, [&](int64_t task, int) {
    const AttentionSequence &to = call.sequences[task];
    kernels.appendLatent(call.type, to.slot + to.position * bytes, to.rows,
                         call.latent + to.firstRow * s.latentDim, s.latentDim,
                         call.rope + to.firstRow * s.ropeDim, s.ropeDim);
  });
}

Status cpu::latentAttention(const Engine &engine, Attention &attention, ThreadPool &pool,
                            Workspace &space, const LatentCall &call) {
  const LatentShape &s = call.shape;
  MXS_TRY(checkWeight(call.wUk, "w_uk", s.heads * s.latentDim, s.nopeDim));
  MXS_TRY(checkWeight(call.wUv, "w_uv", s.heads * s.valueDim, s.latentDim));
  if (s.latentDim % kLatentStep != 0 || s.ropeDim % kLatentStep != 0)
    return internalError("latent and rotated keys must be multiples of " +
                         std::to_string(kLatentStep) + " numbers");
  store(attention.table(), pool, call);
  const LatentRun run{engine, attention, pool, space, call};
  expandedAttention(run);
  absorbedAttention(run);
  return okStatus();
}
