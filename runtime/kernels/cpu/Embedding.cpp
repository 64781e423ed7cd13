//===- Embedding.cpp - Rows of a table ------------------------------------------------------===//
#include "kernels/cpu/Kernels.h"

#include <algorithm>

using namespace mxs;

void cpu::embedding(const int32_t *tokens, int64_t rows, const float *table, int64_t first,
                    int64_t count, int64_t hidden, float *out) {
  for (int64_t row = 0; row < rows; ++row, out += hidden) {
    const int64_t entry = tokens[row] - first;
    if (entry >= 0 && entry < count)
      std::copy_n(table + entry * hidden, hidden, out);
    else
      std::fill_n(out, hidden, 0.0f);
  }
}
