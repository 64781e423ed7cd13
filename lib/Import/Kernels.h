//===- Kernels.h - what the evaluator's kernels share -----------------------------------------===//

#ifndef MIXSERVE_LIB_IMPORT_KERNELS_H
#define MIXSERVE_LIB_IMPORT_KERNELS_H

#include "mixserve/Import/HostTensor.h"

#include "dialects/onnx/OnnxDialect.h"

#include <optional>
#include <string>

namespace mixserve::import {

/// Why a kernel cannot compute; empty if it did.
using Why = std::string;
using Sizes = llvm::SmallVector<int64_t>;

/// One evaluation of one op.
struct Run {
  mlir::Operation *op;
  /// Per operand; null for onnx.NoValue.
  llvm::SmallVector<const HostTensor *> in;
  /// Per result; a kernel fills those that are not of type none, and may fill the others.
  llvm::SmallVector<HostTensor> out;
  /// Elements that one tensor may have.
  int64_t elementLimit;

  const HostTensor &input(unsigned index) const { return *in[index]; }
  bool has(unsigned index) const { return index < in.size() && in[index]; }
  /// Makes result `index` a zero tensor; fails if that is too large.
  Why allocate(unsigned index, HostTensor::Kind kind, llvm::ArrayRef<int64_t> shape);
};
using Kernel = Why (*)(Run &);

/// The kernel for an op by its name, from one of the tables below; null if there is none.
Kernel findKernel(llvm::StringRef opName);
Kernel findElementwiseKernel(llvm::StringRef opName);
Kernel findMovementKernel(llvm::StringRef opName);
Kernel findReductionKernel(llvm::StringRef opName);
Kernel findTransformerKernel(llvm::StringRef opName);

/// Kind of the tensors of a builtin element type; nothing for a type without tensors.
std::optional<HostTensor::Kind> kindOf(mlir::Type element);
/// Brings elements into the range and precision of `element`: integers wrap, f16 and bf16 round.
void roundTo(mlir::Type element, HostTensor &tensor);
/// The elements of a constant.
HostTensor fromAttribute(mlir::DenseElementsAttr elements);
/// Elements of `element` type in little-endian bytes, as files hold them.
HostTensor fromBytes(llvm::ArrayRef<int64_t> shape, mlir::Type element, llvm::StringRef bytes);

/// Row-major strides in elements.
Sizes stridesOf(llvm::ArrayRef<int64_t> shape);
/// Numpy's broadcast; nothing if the shapes do not fit.
std::optional<Sizes> broadcastShapes(llvm::ArrayRef<int64_t> a, llvm::ArrayRef<int64_t> b);
/// Strides that read a tensor of `shape` as if it were broadcast to `target`.
Sizes broadcastStrides(llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<int64_t> target);
std::string shapeText(llvm::ArrayRef<int64_t> shape);
/// An axis in [-rank, rank) as one from the start.
std::optional<int64_t> axisFrom(int64_t axis, int64_t rank);

/// The elements of `tensor`, which has the kind of `out`, for a visitor of another tensor.
template <typename Out> const Out &like(const Out &, const HostTensor &tensor) {
  const Out *same = nullptr;
  tensor.visit([&](const auto &elements) {
    if constexpr (std::is_same_v<std::decay_t<decltype(elements)>, Out>)
      same = &elements;
  });
  return *same;
}

/// Walks all positions of `shape` in row-major order and calls f(offset per operand), where offset
/// is the sum of position times that operand's strides.
template <typename F>
void forEachPosition(llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<Sizes> strides, F &&f) {
  for (int64_t size : shape)
    if (size == 0)
      return;
  Sizes position(shape.size(), 0), offsets(strides.size(), 0);
  for (;;) {
    f(llvm::ArrayRef<int64_t>(offsets));
    int64_t axis = static_cast<int64_t>(shape.size()) - 1;
    for (; axis >= 0; --axis) {
      const bool carries = ++position[axis] == shape[axis];
      for (size_t i = 0; i < strides.size(); ++i)
        offsets[i] += carries ? -strides[i][axis] * (shape[axis] - 1) : strides[i][axis];
      if (!carries)
        break;
      position[axis] = 0;
    }
    if (axis < 0)
      return;
  }
}

} // namespace mixserve::import

#endif // MIXSERVE_LIB_IMPORT_KERNELS_H
