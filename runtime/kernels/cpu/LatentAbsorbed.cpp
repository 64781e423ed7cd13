//===- LatentAbsorbed.cpp - Latent attention in the latent space ----------------------------===//
//
// Rows pass in chunks: into the latent space, over the cache, out of it. A chunk bounds what lies
// between, and is enough rows for the weights of both products to be worth reading. Its rows are
// gathered: between them may be rows of the other form.
//
//===----------------------------------------------------------------------===//
#include "kernels/cpu/LatentForms.h"
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
/// Some rows of a call, and what they become on the way.
struct Chunk {
  int64_t rows = 0, pieces = 0;
  int64_t rowOf[kChunkRows];           ///< of the call
  AttentionSequence piece[kChunkRows]; ///< what of the sequences it holds; rows count in the chunk
  float *nope = nullptr;               ///< [rows, A, D]
  float *q = nullptr;                  ///< [rows, A, L + R]
  float *sum = nullptr;                ///< [rows, A, L]
};

/// x [rows][K] of each head, times the head's outputs of a weight.
struct HeadProduct {
  const mxs_weight_t *w; ///< [A * outputs, K]
  int64_t outputs;
  const float *x;
  int64_t rowStride, headStride; ///< of x
  float *y;
  int64_t yRowStride, yHeadStride;
  const int64_t *yRows = nullptr; ///< rows of y; null: as they are
};
} // namespace

int64_t cpu::absorbedBytes(const LatentShape &s, int64_t rows) {
  const int64_t floats = std::min(rows, kChunkRows) * s.heads * 4;
  return Workspace::paddedBytes(floats * s.nopeDim) +
         Workspace::paddedBytes(floats * (s.latentDim + s.ropeDim)) +
         Workspace::paddedBytes(floats * s.latentDim);
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
                    block + 1 < mxs_weight_blocks(p.w->n) ? blockStart(*p.w, 0, block + 1)
                                                          : BlockStart{});
    float *y = p.y + head * p.yHeadStride + at - head * p.outputs;
    for (int64_t row = 0; row < rows; ++row)
      std::memcpy(y + (p.yRows ? p.yRows[row] : row) * p.yRowStride,
                  sums + row * kBlockColumns + at - begin,
                  static_cast<size_t>(stop - at) * sizeof(float));
    at = stop;
  }
}

/// A task is some blocks side by side: a long stretch of memory for the processor's prefetching,
/// but several tasks for every thread.
static void multiplyHeads(const LatentRun &run, const HeadProduct &p, int64_t rows) {
  const int64_t blocks = mxs_weight_blocks(p.w->n);
  const int64_t stretch = kStretchBytes / mxs_weight_block_bytes(p.w->type, p.w->k);
  const int64_t perTask =
      std::max<int64_t>(1, std::min(stretch, blocks / (4 * run.pool.threads())));
  run.pool.parallelFor((blocks + perTask - 1) / perTask, [&](int64_t task, int) {
    for (int64_t block = task * perTask; block < std::min(blocks, (task + 1) * perTask); ++block)
      multiplyBlock(run.engine, p, rows, run.call.shape.heads, block);
  });
}

static void attendChunk(const LatentRun &run, const Chunk &chunk) {
  const LatentCall &call = run.call;
  const LatentShape &s = call.shape;
  const int64_t dim = s.latentDim + s.ropeDim, heads = s.heads;
  for (int64_t row = 0; row < chunk.rows; ++row) {
    std::memcpy(chunk.nope + row * heads * s.nopeDim,
                call.qNope + chunk.rowOf[row] * heads * s.nopeDim,
                static_cast<size_t>(heads * s.nopeDim) * sizeof(float));
    for (int64_t head = 0; head < heads; ++head)
      std::memcpy(chunk.q + (row * heads + head) * dim + s.latentDim,
                  call.qRope + (chunk.rowOf[row] * heads + head) * s.ropeDim,
                  static_cast<size_t>(s.ropeDim) * sizeof(float));
  }
  multiplyHeads(
      run,
      {call.wUk, s.latentDim, chunk.nope, heads * s.nopeDim, s.nopeDim, chunk.q, heads * dim, dim},
      chunk.rows);
  AttentionCall inner;
  inner.type = call.type;
  inner.heads = static_cast<int>(heads);
  inner.headDim = dim;
  inner.latentDim = s.latentDim;
  inner.capacity = call.capacity;
  inner.scale = call.scale;
  inner.sequences = chunk.piece;
  inner.count = chunk.pieces;
  inner.q = chunk.q;
  inner.out = chunk.sum;
  run.attention.run(inner, run.pool);
  multiplyHeads(run,
                {call.wUv, s.valueDim, chunk.sum, heads * s.latentDim, s.latentDim, call.out,
                 heads * s.valueDim, s.valueDim, chunk.rowOf},
                chunk.rows);
}

void cpu::absorbedAttention(const LatentRun &run) {
  const LatentCall &call = run.call;
  const LatentShape &s = call.shape;
  int64_t rows = 0;
  for (int64_t i = 0; i < call.count; ++i)
    rows += call.sequences[i].rows - run.expandedRows(call.sequences[i]);
  if (rows == 0)
    return;
  run.space.reserve(absorbedBytes(s, rows));
  Chunk chunk;
  const int64_t most = std::min(rows, kChunkRows) * s.heads;
  chunk.nope = run.space.take<float>(most * s.nopeDim);
  chunk.q = run.space.take<float>(most * (s.latentDim + s.ropeDim));
  chunk.sum = run.space.take<float>(most * s.latentDim);
  for (int64_t i = 0; i < call.count; ++i) {
    const AttentionSequence &sequence = call.sequences[i];
    for (int64_t row = run.expandedRows(sequence); row < sequence.rows;) {
      const int64_t count = std::min(sequence.rows - row, kChunkRows - chunk.rows);
      AttentionSequence &piece = chunk.piece[chunk.pieces++];
      piece = {sequence.slot, sequence.position + row, count, chunk.rows};
      for (int64_t end = row + count; row < end; ++row)
        chunk.rowOf[chunk.rows++] = sequence.firstRow + row;
      rows -= count;
      if (rows == 0 || chunk.rows == kChunkRows) {
        attendChunk(run, chunk);
        chunk.rows = chunk.pieces = 0;
      }
    }
  }
}
