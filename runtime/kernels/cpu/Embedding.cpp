//===- Embedding.cpp - Rows of a table ------------------------------------------------------===//
#include "kernels/cpu/Kernels.h"

#include <algorithm>

using namespace mxs;

static void copyRow(const mxs_weight_t &table, int64_t entry, float *out) {
  if (table.type == MXS_WEIGHT_F32) {
    std::copy_n(static_cast<const float *>(table.data) + entry * table.k, table.k, out);
    return;
  }
  const auto *row = static_cast<const uint16_t *>(table.data) + entry * table.k;
  std::transform(row, row + table.k, out, mxs_bf16_to_f32);
}

void cpu::embedding(const int32_t *tokens, int64_t rows, const mxs_weight_t &table, int64_t first,
                    float *out) {
  for (int64_t row = 0; row < rows; ++row, out += table.k) {
    const int64_t entry = tokens[row] - first;
    if (entry >= 0 && entry < table.n)
      copyRow(table, entry, out);
    else
      std::fill_n(out, table.k, 0.0f);
  }
}
