//===- LatentForms.h - The two forms of latent attention, inside the kernels --------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_KERNELS_CPU_LATENTFORMS_H
#define MIXSERVE_RUNTIME_KERNELS_CPU_LATENTFORMS_H

#include "kernels/cpu/LatentAttention.h"

namespace mxs::cpu {

/// A checked call whose rows are in the cache, and what it is computed with. Each form reserves the
/// workspace anew.
struct LatentRun {
  const Engine &engine;
  Attention &attention;
  ThreadPool &pool;
  Workspace &space;
  const LatentCall &call;

  /// Leading rows of a sequence that are computed in expanded form; the others are absorbed.
  int64_t expandedRows(const AttentionSequence &s) const;
};

int64_t absorbedBytes(const LatentShape &shape, int64_t rows);
void absorbedAttention(const LatentRun &run);

int64_t expandedBytes(const LatentShape &shape, int64_t rows, int threads);
/// Does nothing if no sequence has expanded rows.
void expandedAttention(const LatentRun &run);

} // namespace mxs::cpu

#endif // MIXSERVE_RUNTIME_KERNELS_CPU_LATENTFORMS_H
