//===- LatentExpanded.cpp - Latent attention with every head's keys and values --------------===//
//
// A group of positions at a time, for all heads: keys and values are made of the cached rows, then
// the prompts' rows attend to them and add to what earlier groups gave them. So the memory needed
// does not grow with the context, and W_uk, W_uv are read once for a group.
//
// A group holds kSpans spans (AttentionPart.h) of a sequence, or the short ends of several. The
// keys and values of a position follow from its cached row alone, and what a row sums up over a
// group from where the group begins.
//
//===----------------------------------------------------------------------===//
#include "kernels/cpu/LatentForms.h"
#include "threads/ThreadPool.h"

#include <algorithm>
#include <cstring>

using namespace mxs;
using namespace mxs::cpu;

/// A group of two spans halves how often a row's sums are fetched, and its keys and values of one
/// head are in a second-level cache.
static constexpr int64_t kSpans = 2, kGroup = kSpans * kSpan, kBlocks = kGroup / kKeyBlock;

namespace {

/// Up to kKeyBlock cached rows.
struct Block {
  const char *cached;
  int64_t count;
};

/// Positions of a group that are of one sequence, and its rows that attend to them.
struct Piece {
  const AttentionSequence *sequence;
  int64_t rows;         ///< expanded ones of the sequence
  int64_t first, count; ///< positions; first is a multiple of kGroup
  int64_t block;        ///< of the group
  int64_t tiles() const { return (rows + kQueryTile - 1) / kQueryTile; }
};

/// No two pieces are of one sequence: all but a sequence's last fill a group.
struct Group {
  Piece piece[kBlocks];
  Block block[kBlocks];
  int64_t pieces = 0, blocks = 0;
};

/// One thread's working memory for a tile of rows.
struct TileMemory {
  float *scores; ///< [tile, kSpan]
  float *q;      ///< [tile, D + R]
  float *sums;   ///< of the group so far, and of a span behind it: tileSums each
};

class Expanded {
public:
  static int64_t bytes(const LatentShape &s, int64_t rows, int threads);

  /// Takes its memory from the run's workspace, which is reserved.
  Expanded(const LatentRun &run, int64_t rows);
  void attend(const Group &group) const;

private:
  int64_t keyDim() const { return shape.nopeDim + shape.ropeDim; }
  void unpackKeyWeight() const;
  void transpose(const Group &group, int64_t block, int64_t part) const;
  void makeKeys(int64_t block, int64_t head) const;
  void makeValues(const Group &group, int64_t block, int64_t column) const;
  void attendTile(const Piece &piece, int64_t head, int64_t tile, int worker) const;
  void addUp(const Piece &piece, int64_t head, int64_t row, const AttentionSum &now) const;

  TileMemory memoryOf(int worker) const;
  /// [tile] largest, [tile] sums, [tile, V] weighted.
  static int64_t tileSums(const LatentShape &s) { return kQueryTile * (s.valueDim + 2); }
  AttentionSum sumOf(float *sums, int64_t row) const {
    return {sums + row, sums + kQueryTile + row, sums + 2 * kQueryTile + row * shape.valueDim};
  }
  static int64_t tileFloats(const LatentShape &s) {
    return kQueryTile * (kSpan + s.nopeDim + s.ropeDim) + 2 * tileSums(s);
  }

  const LatentRun &run;
  const LatentCall &call;
  const LatentShape &shape;
  float *keyWeight;     ///< [A][D][L]: W_uk of each head, float32
  float *rows;          ///< [kGroup][L] latent vectors of a bf16 cache
  float *columns;       ///< [kBlocks][L][64] latent vectors, a position a column
  float *ropeColumns;   ///< [kBlocks][R][64]
  float *keys;          ///< [A][kBlocks][D + R][64]
  float *values;        ///< [A][kGroup][V]
  float *largest, *sum; ///< [rows][A] over the groups so far; the weighted sums are in the result
  float *tiles;         ///< per thread
};

} // namespace

int64_t Expanded::bytes(const LatentShape &s, int64_t rows, int threads) {
  const int64_t heads = s.heads, keyDim = s.nopeDim + s.ropeDim;
  int64_t bytes = 0;
  for (int64_t floats :
       {heads * s.nopeDim * s.latentDim, kGroup * s.latentDim, kGroup * s.latentDim,
        kGroup * s.ropeDim, heads * kGroup * keyDim, heads * kGroup * s.valueDim, rows * heads,
        rows * heads, threads * tileFloats(s)})
    bytes += Workspace::paddedBytes(floats * 4);
  return bytes;
}

Expanded::Expanded(const LatentRun &run, int64_t rowCount)
    : run(run), call(run.call), shape(run.call.shape) {
  Workspace &space = run.space;
  const int64_t heads = shape.heads;
  keyWeight = space.take<float>(heads * shape.nopeDim * shape.latentDim);
  rows = space.take<float>(kGroup * shape.latentDim);
  columns = space.take<float>(kGroup * shape.latentDim);
  ropeColumns = space.take<float>(kGroup * shape.ropeDim);
  keys = space.take<float>(heads * kGroup * keyDim());
  values = space.take<float>(heads * kGroup * shape.valueDim);
  largest = space.take<float>(rowCount * heads);
  sum = space.take<float>(rowCount * heads);
  tiles = space.take<float>(run.pool.threads() * tileFloats(shape));
  unpackKeyWeight();
}

/// `count` outputs of a packed weight as columns of `to` [K][stride].
static void unpackOutputs(const mxs_weight_t &w, int64_t output, int64_t count, float *to,
                          int64_t stride) {
  const uint8_t *cells = blockData(w, 0, output / kBlockColumns) + output % kBlockColumns * 4;
  if (w.type == MXS_WEIGHT_F32) {
    for (int64_t k = 0; k < w.k; ++k, cells += 4 * kBlockColumns, to += stride)
      std::memcpy(to, cells, static_cast<size_t>(count) * sizeof(float));
    return;
  }
  // A cell of bfloat16 holds two inputs of an output.
  for (int64_t k = 0; k < w.k; k += 2, cells += 4 * kBlockColumns, to += 2 * stride)
    for (int64_t i = 0; i < count; ++i) {
      uint32_t cell;
      std::memcpy(&cell, cells + 4 * i, sizeof cell);
      const uint32_t low = cell << 16, high = cell & 0xffff0000u;
      std::memcpy(to + i, &low, sizeof low);
      std::memcpy(to + stride + i, &high, sizeof high);
    }
}

/// W_uk is packed for products over D; keys are sums over L.
void Expanded::unpackKeyWeight() const {
  run.pool.parallelFor(shape.heads, [&](int64_t head, int) {
    float *to = keyWeight + head * shape.nopeDim * shape.latentDim;
    const int64_t begin = head * shape.latentDim, end = begin + shape.latentDim;
    for (int64_t output = begin; output < end;) {
      const int64_t count = std::min(end, (output / kBlockColumns + 1) * kBlockColumns) - output;
      unpackOutputs(*call.wUk, output, count, to + output - begin, shape.latentDim);
      output += count;
    }
  });
}

static float widened(float value) { return value; }
static float widened(uint16_t value) { return mxs_bf16_to_f32(value); }

/// Numbers [begin, end) of `count` cached rows as columns [end - begin][64], and, unless null,
/// rows.
template <class T>
static void transposeRows(const T *cached, int64_t width, int64_t count, int64_t begin, int64_t end,
                          float *columns, float *rows, int64_t rowStride) {
  for (int64_t p = 0; p < count; ++p)
    for (int64_t i = begin; i < end; ++i) {
      const float value = widened(cached[p * width + i]);
      columns[(i - begin) * kKeyBlock + p] = value;
      if (rows)
        rows[p * rowStride + i] = value;
    }
}

/// Parts of a block's latent vectors that are transposed at once; the rotated keys are one more.
static constexpr int64_t kSlice = 4 * kLatentStep;
static int64_t slicesOf(const LatentShape &s) { return (s.latentDim + kSlice - 1) / kSlice; }

void Expanded::transpose(const Group &group, int64_t block, int64_t part) const {
  const int64_t width = shape.latentDim + shape.ropeDim;
  int64_t begin = part * kSlice, end = std::min(begin + kSlice, shape.latentDim);
  float *to = columns + (block * shape.latentDim + begin) * kKeyBlock;
  float *copy = rows + block * kKeyBlock * shape.latentDim;
  if (part == slicesOf(shape)) {
    begin = shape.latentDim, end = width;
    to = ropeColumns + block * shape.ropeDim * kKeyBlock;
    copy = nullptr;
  }
  const auto [cached, count] = group.block[block];
  if (call.type == CacheType::F32)
    transposeRows(reinterpret_cast<const float *>(cached), width, count, begin, end, to, nullptr,
                  0);
  else
    transposeRows(reinterpret_cast<const uint16_t *>(cached), width, count, begin, end, to, copy,
                  shape.latentDim);
}

/// The latent vectors, columns side by side, are a packed matrix with a position an output.
void Expanded::makeKeys(int64_t block, int64_t head) const {
  mxs_weight_t positions;
  positions.layout = WeightLayout::N64;
  positions.n = kGroup;
  positions.k = shape.latentDim;
  positions.data = columns;
  float *to = keys + (head * kBlocks + block) * keyDim() * kKeyBlock;
  const RowView weights{
      reinterpret_cast<const uint8_t *>(keyWeight + head * shape.nopeDim * shape.latentDim),
      shape.latentDim * 4, nullptr, nullptr, 0};
  run.engine.multiply(weights, shape.nopeDim, positions, 0, block, to);
  std::memcpy(to + shape.nopeDim * kKeyBlock, ropeColumns + block * shape.ropeDim * kKeyBlock,
              static_cast<size_t>(shape.ropeDim * kKeyBlock) * sizeof(float));
}

/// A column block of W_uv may hold values of several heads.
void Expanded::makeValues(const Group &group, int64_t block, int64_t column) const {
  alignas(64) float made[kKeyBlock * kBlockColumns];
  const auto [cached, count] = group.block[block];
  RowView view{reinterpret_cast<const uint8_t *>(cached), (shape.latentDim + shape.ropeDim) * 4,
               nullptr, nullptr, 0};
  if (call.type != CacheType::F32) {
    view.data = reinterpret_cast<const uint8_t *>(rows + block * kKeyBlock * shape.latentDim);
    view.stride = shape.latentDim * 4;
  }
  run.engine.multiply(view, count, *call.wUv, 0, column, made);
  const int64_t begin = column * kBlockColumns;
  const int64_t end = std::min(begin + kBlockColumns, shape.heads * shape.valueDim);
  for (int64_t at = begin; at < end;) {
    const int64_t head = at / shape.valueDim, stop = std::min(end, (head + 1) * shape.valueDim);
    float *to =
        values + (head * kGroup + block * kKeyBlock) * shape.valueDim + at - head * shape.valueDim;
    for (int64_t p = 0; p < count; ++p)
      std::memcpy(to + p * shape.valueDim, made + p * kBlockColumns + at - begin,
                  static_cast<size_t>(stop - at) * sizeof(float));
    at = stop;
  }
}

TileMemory Expanded::memoryOf(int worker) const {
  float *scores = tiles + worker * tileFloats(shape), *q = scores + kQueryTile * kSpan;
  return {scores, q, q + kQueryTile * keyDim()};
}

void Expanded::attendTile(const Piece &piece, int64_t head, int64_t tile, int worker) const {
  const AttentionKernels &kernels = run.attention.table();
  const TileMemory memory = memoryOf(worker);
  const int64_t firstRow = tile * kQueryTile, count = std::min(kQueryTile, piece.rows - firstRow);
  const float *q[kQueryTile];
  int64_t visible[kQueryTile]; // of the piece, then of a span
  AttentionPart part;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t at = (piece.sequence->firstRow + firstRow + i) * shape.heads + head;
    float *to = memory.q + i * keyDim();
    std::memcpy(to, call.qNope + at * shape.nopeDim,
                static_cast<size_t>(shape.nopeDim) * sizeof(float));
    std::memcpy(to + shape.nopeDim, call.qRope + at * shape.ropeDim,
                static_cast<size_t>(shape.ropeDim) * sizeof(float));
    q[i] = to;
    askFor<true>(call.out + at * shape.valueDim, shape.valueDim);
  }
  part.q = q;
  part.rows = count;
  part.visible = visible;
  part.headDim = keyDim();
  part.valueDim = shape.valueDim;
  part.scale = call.scale;
  part.scores = memory.scores;
  for (int64_t span = 0; span * kSpan < piece.count; ++span) {
    const int64_t first = piece.first + span * kSpan;
    const int64_t row = piece.sequence->position + firstRow; // its own position
    part.count = std::min({kSpan, piece.count - span * kSpan, row + count - first});
    if (part.count <= 0)
      break;
    for (int64_t i = 0; i < count; ++i)
      visible[i] = std::clamp<int64_t>(row + i + 1 - first, 0, part.count);
    const int64_t block = piece.block + span * (kSpan / kKeyBlock);
    part.keys = keys + (head * kBlocks + block) * keyDim() * kKeyBlock;
    part.values = values + (head * kGroup + block * kKeyBlock) * shape.valueDim;
    float *sums = memory.sums + (span > 0) * tileSums(shape);
    const AttentionSum at = sumOf(sums, 0);
    part.largest = at.largest;
    part.sums = at.sum;
    part.weighted = at.weighted;
    kernels.part(part);
    for (int64_t i = 0; span > 0 && i < count; ++i)
      kernels.merge(sumOf(memory.sums, i), sumOf(sums, i), shape.valueDim);
  }
  for (int64_t i = 0; i < count; ++i)
    addUp(piece, head, firstRow + i, sumOf(memory.sums, i));
}

/// Adds what the group gave a row, and finishes it with the last group that it sees.
void Expanded::addUp(const Piece &piece, int64_t head, int64_t row, const AttentionSum &now) const {
  const AttentionKernels &kernels = run.attention.table();
  const int64_t position = piece.sequence->position + row;
  if (position < piece.first)
    return; // it is finished
  const int64_t at = (piece.sequence->firstRow + row) * shape.heads + head;
  const AttentionSum all{largest + at, sum + at, call.out + at * shape.valueDim};
  if (piece.first == 0) {
    *all.largest = *now.largest;
    *all.sum = *now.sum;
    std::memcpy(all.weighted, now.weighted, static_cast<size_t>(shape.valueDim) * sizeof(float));
  } else {
    kernels.merge(all, now, shape.valueDim);
  }
  if (position < piece.first + kGroup)
    kernels.finish(all, shape.valueDim, all.weighted);
}

void Expanded::attend(const Group &group) const {
  const int64_t parts = slicesOf(shape) + 1;
  run.pool.parallelFor(group.blocks * parts,
                       [&](int64_t task, int) { transpose(group, task / parts, task % parts); });
  // Column by column: a weight stays in a thread's cache from block to block.
  const int64_t keyTasks = shape.heads * group.blocks;
  run.pool.parallelFor(keyTasks + mxs_weight_blocks(call.wUv->n) * group.blocks,
                       [&](int64_t task, int) {
                         if (task < keyTasks)
                           makeKeys(task % group.blocks, task / group.blocks);
                         else
                           makeValues(group, task % group.blocks, (task - keyTasks) / group.blocks);
                       });
  int64_t perHead = 0;
  for (int64_t i = 0; i < group.pieces; ++i)
    perHead += group.piece[i].tiles();
  // Head by head: its keys and values stay in a thread's cache from tile to tile.
  run.pool.parallelFor(shape.heads * perHead, [&](int64_t task, int worker) {
    int64_t tile = task % perHead;
    const Piece *piece = group.piece;
    for (; tile >= piece->tiles(); ++piece)
      tile -= piece->tiles();
    attendTile(*piece, task / perHead, tile, worker);
  });
}

int64_t cpu::expandedBytes(const LatentShape &s, int64_t rows, int threads) {
  return Expanded::bytes(s, rows, threads);
}

static void append(Group &group, const LatentCall &call, Piece piece) {
  const int64_t rowBytes =
      (call.shape.latentDim + call.shape.ropeDim) * cacheElementBytes(call.type);
  piece.block = group.blocks;
  group.piece[group.pieces++] = piece;
  for (int64_t at = 0; at < piece.count; at += kKeyBlock)
    group.block[group.blocks++] = {piece.sequence->slot + (piece.first + at) * rowBytes,
                                   std::min(kKeyBlock, piece.count - at)};
}

void cpu::expandedAttention(const LatentRun &run) {
  const LatentCall &call = run.call;
  int64_t rows = 0;
  bool some = false;
  for (int64_t i = 0; i < call.count; ++i) {
    rows = std::max(rows, call.sequences[i].firstRow + call.sequences[i].rows);
    some |= run.expandedRows(call.sequences[i]) > 0;
  }
  if (!some)
    return;
  run.space.reserve(expandedBytes(call.shape, rows, run.pool.threads()));
  const Expanded expanded(run, rows);
  Group group;
  for (int64_t i = 0; i < call.count; ++i) {
    const AttentionSequence &s = call.sequences[i];
    const int64_t expandedRows = run.expandedRows(s);
    const int64_t end = expandedRows > 0 ? s.position + expandedRows : 0;
    for (int64_t first = 0; first < end; first += kGroup) {
      const Piece piece{&s, expandedRows, first, std::min(kGroup, end - first), 0};
      if (group.blocks + (piece.count + kKeyBlock - 1) / kKeyBlock > kBlocks) {
        expanded.attend(group);
        group.pieces = group.blocks = 0;
      }
      append(group, call, piece);
    }
  }
  expanded.attend(group);
}
