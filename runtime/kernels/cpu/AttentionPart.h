//===- AttentionPart.h - Attention over one span of the cache, for every ISA --------*- C++ -*-===//
//
// The span is the unit of every sum: its positions begin at multiples of kSpan whatever the batch,
// so a row's result depends neither on the other rows nor on how the work was shared out.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_RUNTIME_KERNELS_CPU_ATTENTIONPART_H
#define MIXSERVE_RUNTIME_KERNELS_CPU_ATTENTIONPART_H

#include <cstdint>

namespace mxs::cpu {

/// Positions of a block of cached keys, and of a span.
inline constexpr int64_t kKeyBlock = 64;
inline constexpr int64_t kSpan = 256;
/// Query rows that are computed together at most: enough for keys and values to be worth reading
/// from memory, also where all threads read at once. Over a latent cache, whose rows are longer,
/// the first-level cache holds fewer.
inline constexpr int64_t kQueryTile = 48, kLatentTile = 16;

/// Rows of a latent cache are multiples of this: no vector is longer.
inline constexpr int64_t kLatentStep = 16;

enum class CacheType { F32, BF16 };

/// Query rows of one kv head against positions [first, first + count) of its cache. A latent cache
/// has one head, whose rows are keys and, their first V elements, values.
struct AttentionPart {
  CacheType type = CacheType::F32;
  const void *keys = nullptr;   ///< at `first`: [ceil(count/64)][D][64]; latent: [count][D]
  const void *values = nullptr; ///< at `first`: [count][V]; latent: null
  const void *next = nullptr;   ///< keys behind the span if the thread reads them next, else null
  const float *const *q = nullptr;  ///< [rows] pointers to [D]
  int64_t rows = 0;                 ///< at most kQueryTile
  int64_t count = 0;                ///< at most kSpan
  const int64_t *visible = nullptr; ///< [rows] leading positions of the span that a row sees
  int64_t headDim = 0;              ///< D; latent: a multiple of kLatentStep
  int64_t valueDim = 0;             ///< V
  float scale = 1;
  float *scores = nullptr; ///< [rows, kSpan] scratch
  // Results: per row the largest score, the sum of exp(score - largest), and the weighted sum of
  // values, not divided. A row that sees nothing gets -inf, 0, 0.
  float *largest = nullptr;  ///< [rows]
  float *sums = nullptr;     ///< [rows]
  float *weighted = nullptr; ///< [rows, V]
};

/// Adds the result of a later span to an earlier one: (largest, sum, weighted [V]) of one row.
struct AttentionSum {
  float *largest, *sum, *weighted;
};

/// One ISA's kernels; the same source (AttentionKernels.inc) compiled with other flags.
struct AttentionKernels {
  void (*part)(const AttentionPart &part);
  void (*latentPart)(const AttentionPart &part);
  void (*merge)(const AttentionSum &into, const AttentionSum &later, int64_t valueDim);
  /// out [V] = weighted / sum.
  void (*finish)(const AttentionSum &from, int64_t valueDim, float *out);
  /// Stores `rows` keys and values of one kv head, `stride` floats apart, at positions `first`...
  /// of a slot's keys [.][D][64] and values [.][D].
  void (*append)(CacheType type, void *keys, void *values, int64_t first, int64_t rows,
                 const float *k, const float *v, int64_t stride, int64_t headDim);
  /// Stores rows [rows][latentDim], then [rows][ropeDim] behind them, at `to` [rows][D].
  void (*appendLatent)(CacheType type, void *to, int64_t rows, const float *latent,
                       int64_t latentDim, const float *rope, int64_t ropeDim);
};

/// For any x86-64 (and other) processor; for AVX2 + FMA; for AVX-512 F/BW/VL/DQ.
extern const AttentionKernels kAttentionGeneric;
#if defined(__x86_64__)
extern const AttentionKernels kAttentionAvx2, kAttentionAvx512;
#endif

} // namespace mxs::cpu

#endif // MIXSERVE_RUNTIME_KERNELS_CPU_ATTENTIONPART_H
