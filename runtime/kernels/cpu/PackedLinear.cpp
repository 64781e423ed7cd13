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

int64_t cpu::packedLinearBytes(const Engine &engine, const mxs_weight_t &w, int64_t rows) {
  const RowLayout layout = engine.rowLayout(w);
  return readable(layout, w) ? 0 : Workspace::paddedBytes(layout.bytes(rows));
}

void cpu::packedLinear(const Engine &engine, ThreadPool &pool, Workspace &space, const float *x,
                       const mxs_weight_t &w, int64_t matrix, float *y, int64_t rows) {
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
  // Blocks lie one behind the other, and memory is read faster in long pieces.
  int64_t width = 1;
  while (tiles == 1 && width < 4 && blocks / (2 * width) >= 32 * pool.threads())
    width *= 2;
  pool.parallelFor((blocks + width - 1) / width * tiles, [&](int64_t task, int) {
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
  });
}
