//===- LatentAttention.cpp ------------------------------------------------------------------===//
//
// Rows pass in chunks: into the latent space, over the cache, out of it. A chunk bounds what lies
// between, and is enough rows for the weights of both products to be worth reading.
//
//===----------------------------------------------------------------------===//
#include "kernels/cpu/LatentAttention.h"
#include "threads/ThreadPool.h"

#include <algorithm>
#include <cstring>

using namespace mxs;
using namespace mxs::cpu;

/// Rows of a chunk; their sums are on the stack of a thread.
static constexpr int64_t kChunkRows = 96;
/// Weights that a thread reads in one go.
static constexpr int64_t kStretchBytes = 256 << 10;

namespace {
/// Rows [first, first + rows) of a call, and what they become on the way.
struct Chunk {
  int64_t first = 0, rows = 0;
  float *q = nullptr;   ///< [rows, A, L + R]
  float *sum = nullptr; ///< [rows, A, L]
};

/// x [rows][K] of each head, times the head's outputs of a weight.
struct HeadProduct {
  const mxs_weight_t *w; ///< [A * outputs, K]
  int64_t outputs;
  const float *x;
  int64_t rowStride, headStride; ///< of x
  float *y;
  int64_t yRowStride, yHeadStride;
};
} // namespace

int64_t cpu::latentAttentionBytes(const LatentShape &s, int64_t rows, int64_t sequences) {
  const int64_t floats = std::min(rows, kChunkRows) * s.heads * 4;
  return Workspace::paddedBytes(floats * (s.latentDim + s.ropeDim)) +
         Workspace::paddedBytes(floats * s.latentDim) +
         Workspace::paddedBytes(sequences * static_cast<int64_t>(sizeof(AttentionSequence)));
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

/// One column block. It may hold outputs of several heads: then it is multiplied with the rows of
/// each.
static void multiplyBlock(const Engine &engine, const HeadProduct &p, int64_t rows, int64_t heads,
                          int64_t block) {
  alignas(64) float sums[kChunkRows * kBlockColumns];
  const int64_t begin = block * kBlockColumns;
  const int64_t end = std::min(begin + kBlockColumns, heads * p.outputs);
  for (int64_t at = begin; at < end;) {
    const int64_t head = at / p.outputs, stop = std::min(end, (head + 1) * p.outputs);
    const RowView view{reinterpret_cast<const uint8_t *>(p.x + head * p.headStride),
                       p.rowStride * 4, nullptr, nullptr, 0};
    engine.multiply(view, rows, *p.w, 0, block, sums,
                    block + 1 < mxs_weight_blocks(p.w->n) ? blockData(*p.w, 0, block + 1)
                                                          : nullptr);
    float *y = p.y + head * p.yHeadStride + at - head * p.outputs;
    for (int64_t row = 0; row < rows; ++row)
      std::memcpy(y + row * p.yRowStride, sums + row * kBlockColumns + at - begin,
                  static_cast<size_t>(stop - at) * sizeof(float));
    at = stop;
  }
}

/// A task is some blocks side by side: a long stretch of memory for the processor's prefetching,
/// but several tasks for every thread.
static void multiplyHeads(const Engine &engine, ThreadPool &pool, const HeadProduct &p,
                          int64_t rows, int64_t heads) {
  const int64_t blocks = mxs_weight_blocks(p.w->n);
  const int64_t stretch = kStretchBytes / mxs_weight_block_bytes(p.w->type, p.w->k);
  const int64_t perTask = std::max<int64_t>(1, std::min(stretch, blocks / (4 * pool.threads())));
  pool.parallelFor((blocks + perTask - 1) / perTask, [&](int64_t task, int) {
    for (int64_t block = task * perTask; block < std::min(blocks, (task + 1) * perTask); ++block)
      multiplyBlock(engine, p, rows, heads, block);
  });
}

/// q = (W_uk^T q_nope, q_rope).
static void enterLatent(const Engine &engine, ThreadPool &pool, const LatentCall &call,
                        const Chunk &chunk) {
  const LatentShape &s = call.shape;
  const int64_t dim = s.latentDim + s.ropeDim, heads = s.heads;
  multiplyHeads(engine, pool,
                {call.wUk, s.latentDim, call.qNope + chunk.first * heads * s.nopeDim,
                 heads * s.nopeDim, s.nopeDim, chunk.q, heads * dim, dim},
                chunk.rows, heads);
  for (int64_t pair = 0; pair < chunk.rows * heads; ++pair)
    std::memcpy(chunk.q + pair * dim + s.latentDim,
                call.qRope + (chunk.first * heads + pair) * s.ropeDim,
                static_cast<size_t>(s.ropeDim) * sizeof(float));
}

/// What of the call's sequences lies in the chunk; returns how many.
static int64_t sequencesOf(const LatentCall &call, const Chunk &chunk, AttentionSequence *out) {
  int64_t count = 0;
  for (int64_t i = 0; i < call.count; ++i) {
    const AttentionSequence &s = call.sequences[i];
    const int64_t begin = std::max(s.firstRow, chunk.first);
    const int64_t end = std::min(s.firstRow + s.rows, chunk.first + chunk.rows);
    if (begin < end)
      out[count++] = {s.slot, s.position + begin - s.firstRow, end - begin, begin - chunk.first};
  }
  return count;
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
  int64_t rows = 0;
  for (int64_t i = 0; i < call.count; ++i)
    rows = std::max(rows, call.sequences[i].firstRow + call.sequences[i].rows);
  store(attention.table(), pool, call);
  space.reserve(latentAttentionBytes(s, rows, call.count));
  const int64_t most = std::min(rows, kChunkRows);
  Chunk chunk;
  chunk.q = space.take<float>(most * s.heads * (s.latentDim + s.ropeDim));
  chunk.sum = space.take<float>(most * s.heads * s.latentDim);
  AttentionSequence *sequences = space.take<AttentionSequence>(call.count);
  for (; chunk.first < rows; chunk.first += chunk.rows) {
    chunk.rows = std::min(kChunkRows, rows - chunk.first);
    enterLatent(engine, pool, call, chunk);
    AttentionCall inner;
    inner.type = call.type;
    inner.heads = static_cast<int>(s.heads);
    inner.headDim = s.latentDim + s.ropeDim;
    inner.latentDim = s.latentDim;
    inner.capacity = call.capacity;
    inner.scale = call.scale;
    inner.sequences = sequences;
    inner.count = sequencesOf(call, chunk, sequences);
    inner.q = chunk.q;
    inner.out = chunk.sum;
    attention.run(inner, pool);
    multiplyHeads(engine, pool,
                  {call.wUv, s.valueDim, chunk.sum, s.heads * s.latentDim, s.latentDim,
                   call.out + chunk.first * s.heads * s.valueDim, s.heads * s.valueDim, s.valueDim},
                  chunk.rows, s.heads);
  }
  return okStatus();
}
