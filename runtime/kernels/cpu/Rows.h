//===- Rows.h - Activation rows in the form that a kernel reads ---------------------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_KERNELS_CPU_ROWS_H
#define MIXSERVE_RUNTIME_KERNELS_CPU_ROWS_H

#include "kernels/cpu/KernelSet.h"

namespace mxs::cpu {

/// How rows of K values lie in memory: the rows, padded with zeros, then (I8) their scales and
/// sums.
struct RowLayout {
  RowLayout() = default;
  /// `group`: inputs that share a scale of the weights, 0 without scales.
  RowLayout(RowForm form, int64_t k, int64_t group);

  /// Bytes of `rows` rows with scales and sums, a multiple of 64.
  int64_t bytes(int64_t rows) const;
  /// The rows from `first` on; `memory` holds `capacity` rows.
  RowView view(const uint8_t *memory, int64_t capacity, int64_t first) const;

  RowForm form = RowForm::F32;
  int64_t k = 0;
  int64_t rowGroup = 0; ///< I8: values that share a scale, at most kBlockColumns; 0 otherwise
  int64_t groups = 0;   ///< I8: scales of a row
  int64_t stride = 0;   ///< [byte]
};

/// The rows of `view` from `first` on.
inline RowView rowsFrom(const RowView &view, int64_t first) {
  return {view.data + first * view.stride, view.stride,
          view.scales ? view.scales + first * view.groups : nullptr,
          view.sums ? view.sums + first * view.groups : nullptr, view.groups};
}

/// Puts values [first, first + count) of row `row` in place. `first` starts a group (I8); the end
/// of the range ends one, or the row: then zeros are put behind it. `memory` as in RowLayout::view.
void putRow(const KernelSet &kernels, const RowLayout &layout, uint8_t *memory, int64_t capacity,
            int64_t row, int64_t first, int64_t count, const float *x);

/// Copies a row that putRow has put whole to another place of the same memory.
void copyRow(const RowLayout &layout, uint8_t *memory, int64_t capacity, int64_t from, int64_t to);

} // namespace mxs::cpu

#endif // MIXSERVE_RUNTIME_KERNELS_CPU_ROWS_H
