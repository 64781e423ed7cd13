//===- Rows.cpp -----------------------------------------------------------------------------===//
#include "kernels/cpu/Rows.h"

#include <algorithm>
#include <cstring>

using namespace mxs;
using namespace mxs::cpu;

static int64_t elementBytes(RowForm form) {
  return form == RowForm::F32 ? 4 : form == RowForm::Bf16 ? 2 : 1;
}

static int64_t roundUp(int64_t value, int64_t to) { return (value + to - 1) / to * to; }

RowLayout::RowLayout(RowForm form, int64_t k, int64_t group) : form(form), k(k) {
  // Whole column blocks: the outputs of one GEMM are the rows of the next.
  stride = roundUp(k, kBlockColumns) * elementBytes(form);
  // Rows a multiple of 4 KiB apart would meet in the same sets of the first-level cache.
  if (stride % 1024 == 0)
    stride += 64;
  if (form != RowForm::I8)
    return;
  rowGroup = std::min(group, kBlockColumns);
  groups = (k + rowGroup - 1) / rowGroup;
}

int64_t RowLayout::bytes(int64_t rows) const {
  return roundUp(rows * stride, 64) + 2 * roundUp(rows * groups * 4, 64);
}

RowView RowLayout::view(const uint8_t *memory, int64_t capacity, int64_t first) const {
  const uint8_t *scales = memory + roundUp(capacity * stride, 64);
  const uint8_t *sums = scales + roundUp(capacity * groups * 4, 64);
  RowView view{memory + first * stride, stride, nullptr, nullptr, groups};
  if (form == RowForm::I8) {
    view.scales = reinterpret_cast<const float *>(scales) + first * groups;
    view.sums = reinterpret_cast<const int32_t *>(sums) + first * groups;
  }
  return view;
}

void cpu::putRow(const KernelSet &kernels, const RowLayout &layout, uint8_t *memory,
                 int64_t capacity, int64_t row, int64_t first, int64_t count, const float *x) {
  const int64_t bytes = elementBytes(layout.form);
  uint8_t *out = memory + row * layout.stride + first * bytes;
  const bool last = first + count == layout.k;
  if (layout.form == RowForm::F32) {
    std::memcpy(out, x, static_cast<size_t>(count) * sizeof(float));
  } else if (layout.form == RowForm::Bf16) {
    kernels.toBf16(x, reinterpret_cast<uint16_t *>(out), count);
  } else {
    const RowView view = layout.view(memory, capacity, row);
    float *scales = const_cast<float *>(view.scales) + first / layout.rowGroup;
    int32_t *sums = const_cast<int32_t *>(view.sums) + first / layout.rowGroup;
    for (int64_t i = 0; i < count; i += layout.rowGroup)
      kernels.toI8(x + i, reinterpret_cast<int8_t *>(out) + i, std::min(layout.rowGroup, count - i),
                   scales++, sums++);
  }
  if (last)
    std::memset(out + count * bytes, 0,
                static_cast<size_t>((roundUp(layout.k, kBlockColumns) - layout.k) * bytes));
}

void cpu::copyRow(const RowLayout &layout, uint8_t *memory, int64_t capacity, int64_t from,
                  int64_t to) {
  std::memcpy(memory + to * layout.stride, memory + from * layout.stride,
              static_cast<size_t>(layout.stride));
  if (layout.form != RowForm::I8)
    return;
  const RowView source = layout.view(memory, capacity, from);
  const RowView copy = layout.view(memory, capacity, to);
  std::copy_n(source.scales, layout.groups, const_cast<float *>(copy.scales));
  std::copy_n(source.sums, layout.groups, const_cast<int32_t *>(copy.sums));
}
