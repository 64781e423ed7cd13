//===- Attention.cpp - Sharing attention out over threads -----------------------------------===//
//
// The work is cut into tiles: up to kQueryTile query rows of one sequence and kv head (its query
// heads side by side, so that they share what is read of the cache). A thread takes a whole tile,
// span after span; where there are too few tiles for the threads (decode of few sequences), it
// takes one span of one, and the spans' results are merged afterwards in the same order.
//
//===----------------------------------------------------------------------===//
#include "kernels/cpu/Attention.h"
#include "threads/ThreadPool.h"

#include <algorithm>

namespace mxs::cpu {

/// Rows [first, first + rows) of the sequence's (row, query head of `kvHead`) pairs.
struct Attention::Tile {
  const AttentionSequence *sequence;
  int kvHead;
  int64_t first, rows;
  int64_t visible; ///< of the last row
  int64_t spans() const { return (visible + kSpan - 1) / kSpan; }
};

/// [rows] largest, [rows] sums, [rows, V] weighted, at a fixed stride per row count.
static AttentionSum sumOf(float *sums, int64_t row, int64_t valueDim) {
  return {sums + row, sums + kQueryTile + row, sums + 2 * kQueryTile + row * valueDim};
}

Attention::Attention(const AttentionKernels &kernels, int threads, int64_t maxSequences,
                     int64_t valueDim, int64_t capacity)
    : kernels(&kernels), sumFloats(kQueryTile * (valueDim + 2)),
      tileEnds(static_cast<size_t>(maxSequences) + 1),
      workers(static_cast<size_t>(threads * (kQueryTile * kSpan + 2 * sumFloats))),
      fewTiles(threads > 1 ? 2 * threads : 0), maxSpans((capacity + kSpan - 1) / kSpan) {
  // Not initialised: it is address space until a long context is decoded.
  spans.reset(new float[static_cast<size_t>(fewTiles * maxSpans * sumFloats)]);
}

int64_t Attention::tilesOf(const AttentionCall &call, const AttentionSequence &s) {
  const int64_t pairs = s.rows * (call.heads / call.kvHeads);
  return (pairs + kQueryTile - 1) / kQueryTile;
}

Attention::Tile Attention::tileOf(const AttentionCall &call, int64_t task) const {
  const auto begin = tileEnds.begin();
  const auto found = std::upper_bound(begin, begin + call.count + 1, task) - begin - 1;
  const AttentionSequence &s = call.sequences[found];
  const int64_t tiles = tilesOf(call, s), local = task - tileEnds[static_cast<size_t>(found)];
  const int64_t group = call.heads / call.kvHeads;
  Tile tile{&s, static_cast<int>(local / tiles), 0, 0, 0};
  // Late rows see most: they come first, so that no long tile is left for the end.
  tile.first = (tiles - 1 - local % tiles) * kQueryTile;
  tile.rows = std::min(kQueryTile, s.rows * group - tile.first);
  tile.visible = s.position + (tile.first + tile.rows - 1) / group + 1;
  return tile;
}

void Attention::store(const AttentionCall &call, ThreadPool &pool) const {
  const int64_t element = cacheElementBytes(call.type);
  const int64_t keysBytes = call.capacity * call.headDim * element;
  pool.parallelFor(call.count * call.kvHeads, [&](int64_t task, int) {
    const AttentionSequence &s = call.sequences[task / call.kvHeads];
    const int64_t head = task % call.kvHeads, width = call.kvHeads * call.headDim;
    const int64_t offset = s.firstRow * width + head * call.headDim;
    char *keys = s.slot + head * 2 * keysBytes;
    kernels->append(call.type, keys, keys + keysBytes, s.position, s.rows, call.k + offset,
                    call.v + offset, width, call.headDim);
  });
}

void Attention::attendSpan(const AttentionCall &call, const Tile &tile, int64_t span, int worker,
                           float *sums) const {
  const int64_t element = cacheElementBytes(call.type), dim = call.headDim;
  const int64_t group = call.heads / call.kvHeads, first = span * kSpan;
  const int64_t keysBytes = call.capacity * dim * element; // latent: there is but one head
  const char *keys = tile.sequence->slot + tile.kvHead * 2 * keysBytes;
  const float *rows[kQueryTile];
  int64_t visible[kQueryTile];
  AttentionPart part;
  part.type = call.type;
  part.keys = keys + first * dim * element;
  if (!call.isLatent())
    part.values = keys + keysBytes + first * dim * element;
  part.q = rows;
  part.rows = tile.rows;
  part.count = std::min(kSpan, tile.visible - first);
  part.visible = visible;
  part.headDim = dim;
  part.valueDim = call.valueDim();
  part.scale = call.scale;
  part.scores = const_cast<float *>(workers.data()) + worker * (kQueryTile * kSpan + 2 * sumFloats);
  for (int64_t i = 0; i < tile.rows; ++i) {
    const int64_t row = (tile.first + i) / group,
                  head = tile.kvHead * group + (tile.first + i) % group;
    rows[i] = call.q + ((tile.sequence->firstRow + row) * call.heads + head) * dim;
    visible[i] = std::clamp<int64_t>(tile.sequence->position + row + 1 - first, 0, part.count);
  }
  const AttentionSum at = sumOf(sums, 0, call.valueDim());
  part.largest = at.largest;
  part.sums = at.sum;
  part.weighted = at.weighted;
  (call.isLatent() ? kernels->latentPart : kernels->part)(part);
}

void Attention::finishRow(const AttentionCall &call, const Tile &tile, int64_t row,
                          float *sums) const {
  const int64_t group = call.heads / call.kvHeads, pair = tile.first + row;
  const int64_t at =
      (tile.sequence->firstRow + pair / group) * call.heads + tile.kvHead * group + pair % group;
  kernels->finish(sumOf(sums, row, call.valueDim()), call.valueDim(),
                  call.out + at * call.valueDim());
}

void Attention::attendTile(const AttentionCall &call, const Tile &tile, int worker) {
  float *sums = workers.data() + worker * (kQueryTile * kSpan + 2 * sumFloats) + kQueryTile * kSpan;
  float *later = sums + sumFloats;
  attendSpan(call, tile, 0, worker, sums);
  for (int64_t span = 1; span < tile.spans(); ++span) {
    attendSpan(call, tile, span, worker, later);
    for (int64_t row = 0; row < tile.rows; ++row)
      kernels->merge(sumOf(sums, row, call.valueDim()), sumOf(later, row, call.valueDim()),
                     call.valueDim());
  }
  for (int64_t row = 0; row < tile.rows; ++row)
    finishRow(call, tile, row, sums);
}

/// A task computes one span of one tile; then one adds up the spans of one row.
void Attention::splitTiles(const AttentionCall &call, int64_t tiles, ThreadPool &pool) {
  pool.parallelFor(tiles * maxSpans, [&](int64_t task, int worker) {
    const Tile tile = tileOf(call, task / maxSpans);
    if (const int64_t span = task % maxSpans; span < tile.spans())
      attendSpan(call, tile, span, worker, spans.get() + task * sumFloats);
  });
  pool.parallelFor(tiles * kQueryTile, [&](int64_t task, int) {
    const Tile tile = tileOf(call, task / kQueryTile);
    const int64_t row = task % kQueryTile;
    if (row >= tile.rows)
      return;
    float *sums = spans.get() + task / kQueryTile * maxSpans * sumFloats;
    for (int64_t span = 1; span < tile.spans(); ++span)
      kernels->merge(sumOf(sums, row, call.valueDim()),
                     sumOf(sums + span * sumFloats, row, call.valueDim()), call.valueDim());
    finishRow(call, tile, row, sums);
  });
}

void Attention::run(const AttentionCall &call, ThreadPool &pool) {
  if (!call.isLatent())
    store(call, pool);
  tileEnds[0] = 0;
  for (int64_t i = 0; i < call.count; ++i)
    tileEnds[static_cast<size_t>(i) + 1] =
        tileEnds[static_cast<size_t>(i)] + tilesOf(call, call.sequences[i]) * call.kvHeads;
  const int64_t tiles = tileEnds[static_cast<size_t>(call.count)];
  if (tiles < fewTiles)
    splitTiles(call, tiles, pool);
  else
    pool.parallelFor(
        tiles, [&](int64_t task, int worker) { attendTile(call, tileOf(call, task), worker); });
}

const AttentionKernels &attentionKernels([[maybe_unused]] Isa isa) {
#if defined(__x86_64__)
  if (isa >= Isa::Avx512)
    return kAttentionAvx512;
  if (isa == Isa::Avx2)
    return kAttentionAvx2;
#endif
  return kAttentionGeneric;
}

} // namespace mxs::cpu
