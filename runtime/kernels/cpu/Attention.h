//===- Attention.h - Causal attention of a batch over cached keys and values --------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_KERNELS_CPU_ATTENTION_H
#define MIXSERVE_RUNTIME_KERNELS_CPU_ATTENTION_H

#include "kernels/cpu/AttentionPart.h"
#include "kernels/cpu/CpuFeatures.h"

#include <memory>
#include <vector>

namespace mxs {
class ThreadPool;
}

namespace mxs::cpu {

/// A sequence's rows of the step, and its slot of the cache.
struct AttentionSequence {
  char *slot = nullptr; ///< per kv head: keys [capacity/64][D][64], then values [capacity][D];
                        ///< latent: rows [capacity][D]
  int64_t position = 0; ///< of its first row
  int64_t rows = 0;
  int64_t firstRow = 0; ///< in q, k, v, out
  int64_t prompt = 0;   ///< leading positions of the sequence that are its prompt; 0: not known
};

/// out [., heads, D] = softmax(scale * q k^T) v. Row i of a sequence sees positions 0 .. position +
/// i. Query head h reads kv head h / (heads / kvHeads). A call on a latent cache has one kv head;
/// its D is latent plus rope, its results are as long as the latent part, and rows are stored
/// before the call (LatentAttention.h).
struct AttentionCall {
  CacheType type = CacheType::F32;
  int heads = 1, kvHeads = 1;
  int64_t headDim = 0, capacity = 0; ///< capacity: positions of a slot, a multiple of kKeyBlock
  int64_t latentDim = 0;             ///< of a latent cache; 0: keys and values
  float scale = 1;
  const AttentionSequence *sequences = nullptr;
  int64_t count = 0;
  const float *q = nullptr;               ///< [rows, heads, D]
  const float *k = nullptr, *v = nullptr; ///< [rows, kvHeads, D]: stored in the cache first
  float *out = nullptr;                   ///< [rows, heads, V]

  bool isLatent() const { return latentDim > 0; }
  int64_t valueDim() const { return isLatent() ? latentDim : headDim; } ///< V
};

inline int64_t cacheElementBytes(CacheType type) { return type == CacheType::F32 ? 4 : 2; }

/// Asks for `floats` numbers at `row`, into the second-level cache: rows of q and out are far
/// apart.
template <bool ToWrite> inline void askFor(const float *row, int64_t floats) {
  for (int64_t i = 0; i < floats; i += 16)
    __builtin_prefetch(row + i, ToWrite, 2);
}

/// Runs attention calls; keeps their working memory, so that a call allocates nothing. One call at
/// a time.
class Attention {
public:
  Attention() = default;
  /// `threads`: those of the pool that run() is given. `maxSequences`, `valueDim`, `capacity`:
  /// bounds of the calls.
  Attention(const AttentionKernels &kernels, int threads, int64_t maxSequences, int64_t valueDim,
            int64_t capacity);

  void run(const AttentionCall &call, ThreadPool &pool);
  const AttentionKernels &table() const { return *kernels; }

private:
  struct Tile;
  Tile tileOf(const AttentionCall &call, int64_t task) const;
  static int64_t tileRows(const AttentionCall &call) {
    return call.isLatent() ? kLatentTile : kQueryTile;
  }
  /// Tiles of query rows of one kv head.
  static int64_t tilesOf(const AttentionCall &call, const AttentionSequence &s);
  void store(const AttentionCall &call, ThreadPool &pool) const;
  /// `isLast`: the thread does not go on with the next span.
  void attendSpan(const AttentionCall &call, const Tile &tile, int64_t span, bool isLast,
                  int worker, float *sums) const;
  void attendTile(const AttentionCall &call, const Tile &tile, int worker);
  void finishRow(const AttentionCall &call, const Tile &tile, int64_t row, float *sums) const;
  void splitTiles(const AttentionCall &call, int64_t tiles, ThreadPool &pool);

  const AttentionKernels *kernels = nullptr;
  int64_t sumFloats = 0;          ///< of a tile's results: kQueryTile * (V + 2)
  std::vector<int64_t> tileEnds;  ///< [sequences + 1] tiles before each sequence
  std::vector<float> workers;     ///< per worker: scores, two tiles' results
  std::unique_ptr<float[]> spans; ///< results of the spans of few tiles; touched when used
  int64_t fewTiles = 0;           ///< fewer tiles than this are split by span
  int64_t maxSpans = 0;
};

/// The kernels of an instruction set (of the one before it, if it has none of its own), which the
/// processor must have.
const AttentionKernels &attentionKernels(Isa isa);

} // namespace mxs::cpu

#endif // MIXSERVE_RUNTIME_KERNELS_CPU_ATTENTION_H
