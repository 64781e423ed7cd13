//===- PackedLinear.cpp ---------------------------------------------------------------------===//
#include "kernels/cpu/PackedLinear.h"

#include <algorithm>
#include <cstring>

using namespace mxs;
using namespace mxs::cpu;

/// Whether kernels can read x [rows, K] as it is: float32, and no step reaches beyond a row.
static bool readable(const RowLayout &layout, const mxs_weight_t &w) {
  return layout.form == RowForm::F32 && w.k % mxs_weight_interleave(w.type) == 0;
}

/// Column blocks of a task where the rows are one tile: blocks lie one behind the other, and memory
/// is read faster in long pieces.
static int64_t blocksOfTask(int64_t blocks, const ThreadPool &pool) {
  int64_t width = 1;
  while (width < 4 && blocks / (2 * width) >= 32 * pool.threads())
    width *= 2;
  return width;
}

int64_t cpu::packedLinearBytes(const Engine &engine, const mxs_weight_t &w, int64_t rows) {
  const RowLayout layout = engine.rowLayout(w);
  return readable(layout, w) ? 0 : Workspace::paddedBytes(layout.bytes(rows));
}

void cpu::packedLinear(const Engine &engine, ThreadPool &pool, Workspace &space, const float *x,
                       const mxs_weight_t &w, int64_t matrix, float *y, int64_t rows,
                       const mxs_weight_t *upcoming) {
  if (rows == 0)
    return;
  const RowLayout layout = engine.rowLayout(w);
  RowView view{reinterpret_cast<const uint8_t *>(x), w.k * 4, nullptr, nullptr, 0};
  if (!readable(layout, w)) {
    space.reserve(packedLinearBytes(engine, w, rows));
    uint8_t *memory = space.take<uint8_t>(layout.bytes(rows));
    const int64_t perTask = std::max<int64_t>(1, 32768 / w.k);
    const auto put = [&](int64_t task, int) {
      for (int64_t row = task * perTask; row < std::min(rows, (task + 1) * perTask); ++row)
        putRow(engine.kernels(), layout, memory, rows, row, 0, w.k, x + row * w.k);
    };
    if (rows <= perTask) // sooner done than handed out
      put(0, 0);
    else
      pool.parallelFor((rows + perTask - 1) / perTask, put);
    view = layout.view(memory, rows, 0);
  }
  const int64_t blocks = mxs_weight_blocks(w.n), tiles = (rows + kTileRows - 1) / kTileRows;
  const int64_t width = tiles == 1 ? blocksOfTask(blocks, pool) : 1;
  const auto multiply = [&](int64_t task, int) {
    alignas(64) float sums[kTileRows * kBlockColumns];
    const int64_t begin = task / tiles * width, end = std::min(blocks, begin + width);
    const int64_t first = task % tiles * kTileRows, count = std::min(kTileRows, rows - first);
    for (int64_t block = begin; block < end; ++block) {
      const int64_t column = block * kBlockColumns;
      engine.multiply(rowsFrom(view, first), count, w, matrix, block, sums,
                      block + 1 < blocks ? blockStart(w, matrix, block + 1) : BlockStart{});
      const size_t bytes =
          static_cast<size_t>(std::min(kBlockColumns, w.n - column)) * sizeof(float);
      for (int64_t row = 0; row < count; ++row)
        std::memcpy(y + (first + row) * w.n + column, sums + row * kBlockColumns, bytes);
    }
  };
  // Not with several tiles: the caches lose what a thread asks for before the next call needs it.
  const mxs_weight_t *next = tiles == 1 ? upcoming : nullptr;
  const auto ahead = [&](int worker) { return linearAhead(pool, next, worker); };
  pool.parallelFor((blocks + width - 1) / width * tiles, multiply, ahead);
}

ReadAhead cpu::linearAhead(const ThreadPool &pool, const mxs_weight_t *w, int worker) {
  ReadAhead ahead;
  if (!w)
    return ahead;
  const int64_t blocks = mxs_weight_blocks(w->n), threads = pool.threads();
  // Of a single block each thread gets a part: from there the one that multiplies has it sooner
  // than from memory.
  if (blocks == 1) {
    const int64_t bytes = mxs_weight_block_bytes(w->type, w->k);
    const int64_t begin = bytes * worker / threads, end = bytes * (worker + 1) / threads;
    ahead.add(blockData(*w, 0, 0) + begin, end - begin);
    return ahead;
  }
  const int64_t width = blocksOfTask(blocks, pool), tasks = (blocks + width - 1) / width;
  const int64_t first = pool.firstTask(tasks, worker) * width;
  const int64_t end = std::min(blocks, pool.firstTask(tasks, worker + 1) * width);
  for (int64_t block = first; block < end && !ahead.full(); ++block)
    addBlocks(*w, 0, block, 1, ahead);
  return ahead;
}

void cpu::addBlocks(const mxs_weight_t &w, int64_t matrix, int64_t block, int64_t count,
                    ReadAhead &ahead) {
  if (mxs_weight_has_scales(w.type))
    ahead.add(blockStart(w, matrix, block).scales,
              count * mxs_weight_groups(w.type, w.k, w.group) * MXS_WEIGHT_COLUMNS * 2);
  ahead.add(blockData(w, matrix, block), count * mxs_weight_block_bytes(w.type, w.k));
}
