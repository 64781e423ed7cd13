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

/// Keys and values that a thread stores alone at most.
static constexpr int64_t kFewRows = 8;
/// Spans of a task at most, where a tile is split.
static constexpr int64_t kTaskSpans = 8;

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
  return (pairs + tileRows(call) - 1) / tileRows(call);
}

Attention::Tile Attention::tileOf(const AttentionCall &call, int64_t task) const {
  const auto begin = tileEnds.begin();
  const auto found = std::upper_bound(begin, begin + call.count + 1, task) - begin - 1;
  const AttentionSequence &s = call.sequences[found];
  const int64_t tiles = tilesOf(call, s), local = task - tileEnds[static_cast<size_t>(found)];
  const int64_t group = call.heads / call.kvHeads;
  Tile tile{&s, static_cast<int>(local / tiles), 0, 0, 0};
  // Late rows see most: they come first, so that no long tile is left for the end.
  tile.first = (tiles - 1 - local % tiles) * tileRows(call);
  tile.rows = std::min(tileRows(call), s.rows * group - tile.first);
  tile.visible = s.position + (tile.first + tile.rows - 1) / group + 1;
  return tile;
}

void Attention::store(const AttentionCall &call, ThreadPool &pool) const {
  const int64_t element = cacheElementBytes(call.type);
  const int64_t keysBytes = call.capacity * call.headDim * element;
  const auto storeHead = [&](int64_t task, int) {
    const AttentionSequence &s = call.sequences[task / call.kvHeads];
    const int64_t head = task % call.kvHeads, width = call.kvHeads * call.headDim;
    const int64_t offset = s.firstRow * width + head * call.headDim;
    char *keys = s.slot + head * 2 * keysBytes;
    kernels->append(call.type, keys, keys + keysBytes, s.position, s.rows, call.k + offset,
                    call.v + offset, width, call.headDim);
  };
  int64_t rows = 0;
  for (int64_t i = 0; i < call.count; ++i)
    rows += call.sequences[i].rows;
  const int64_t tasks = call.count * call.kvHeads;
  if (rows * call.kvHeads > kFewRows)
    pool.parallelFor(tasks, storeHead);
  else // sooner done than shared out
    for (int64_t task = 0; task < tasks; ++task)
      storeHead(task, 0);
}

/// Which [heads] row of q and out a pair is.
static int64_t rowOf(const AttentionCall &call, const AttentionSequence &s, int kvHead,
                     int64_t pair) {
  const int64_t group = call.heads / call.kvHeads;
  return (s.firstRow + pair / group) * call.heads + kvHead * group + pair % group;
}

void Attention::attendSpan(const AttentionCall &call, const Tile &tile, int64_t span, bool isLast,
                           int worker, float *sums) const {
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
  if (!isLast)
    part.next = keys + (first + kSpan) * dim * element;
  part.q = rows;
  part.rows = tile.rows;
  part.count = std::min(kSpan, tile.visible - first);
  part.visible = visible;
  part.headDim = dim;
  part.valueDim = call.valueDim();
  part.scale = call.scale;
  part.scores = const_cast<float *>(workers.data()) + worker * (kQueryTile * kSpan + 2 * sumFloats);
  for (int64_t i = 0; i < tile.rows; ++i) {
    const int64_t position = tile.sequence->position + (tile.first + i) / group;
    rows[i] = call.q + rowOf(call, *tile.sequence, tile.kvHead, tile.first + i) * dim;
    visible[i] = std::clamp<int64_t>(position + 1 - first, 0, part.count);
  }
  const AttentionSum at = sumOf(sums, 0, call.valueDim());
  part.largest = at.largest;
  part.sums = at.sum;
  part.weighted = at.weighted;
  (call.isLatent() ? kernels->latentPart : kernels->part)(part);
}

void Attention::finishRow(const AttentionCall &call, const Tile &tile, int64_t row,
                          float *sums) const {
  const int64_t at = rowOf(call, *tile.sequence, tile.kvHead, tile.first + row);
  kernels->finish(sumOf(sums, row, call.valueDim()), call.valueDim(),
                  call.out + at * call.valueDim());
}

void Attention::attendTile(const AttentionCall &call, const Tile &tile, int worker) {
  float *sums = workers.data() + worker * (kQueryTile * kSpan + 2 * sumFloats) + kQueryTile * kSpan;
  float *later = sums + sumFloats;
  const int64_t spanCount = tile.spans();
  for (int64_t row = 0; row < tile.rows; ++row) {
    const int64_t at = rowOf(call, *tile.sequence, tile.kvHead, tile.first + row);
    askFor<false>(call.q + at * call.headDim, call.headDim);
    askFor<true>(call.out + at * call.valueDim(), call.valueDim());
  }
  attendSpan(call, tile, 0, spanCount == 1, worker, sums);
  for (int64_t span = 1; span < spanCount; ++span) {
    attendSpan(call, tile, span, span + 1 == spanCount, worker, later);
    for (int64_t row = 0; row < tile.rows; ++row)
      kernels->merge(sumOf(sums, row, call.valueDim()), sumOf(later, row, call.valueDim()),
                     call.valueDim());
  }
  for (int64_t row = 0; row < tile.rows; ++row)
    finishRow(call, tile, row, sums);
}

/// A task computes some spans of one tile, side by side so that what is asked for ahead is not
/// another thread's; then one adds up the spans of one row.
void Attention::splitTiles(const AttentionCall &call, int64_t tiles, ThreadPool &pool) {
  int64_t mostSpans = 0, mostRows = 0;
  for (int64_t i = 0; i < tiles; ++i) {
    const Tile tile = tileOf(call, i);
    mostSpans = std::max(mostSpans, tile.spans());
    mostRows = std::max(mostRows, tile.rows);
  }
  const int64_t perTask =
      std::clamp<int64_t>(tiles * mostSpans / (2 * pool.threads()), 1, kTaskSpans);
  const int64_t tasks = (mostSpans + perTask - 1) / perTask; // of a tile
  pool.parallelFor(tiles * tasks, [&](int64_t task, int worker) {
    const Tile tile = tileOf(call, task / tasks);
    const int64_t begin = task % tasks * perTask, end = std::min(begin + perTask, tile.spans());
    float *sums = spans.get() + task / tasks * mostSpans * sumFloats;
    for (int64_t span = begin; span < end; ++span)
      attendSpan(call, tile, span, span + 1 == end, worker, sums + span * sumFloats);
  });
  pool.parallelFor(tiles * mostRows, [&](int64_t task, int) {
    const Tile tile = tileOf(call, task / mostRows);
    const int64_t row = task % mostRows;
    if (row >= tile.rows)
      return;
    float *sums = spans.get() + task / mostRows * mostSpans * sumFloats;
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
