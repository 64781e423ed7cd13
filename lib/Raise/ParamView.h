//===- ParamView.h - a weight seen through transposes, slices and stacks ----------------------===//

#ifndef MIXSERVE_LIB_RAISE_PARAMVIEW_H
#define MIXSERVE_LIB_RAISE_PARAMVIEW_H

#include "dialects/nn/NNDialect.h"

#include <optional>

namespace mixserve::raise {

/// A tensor whose elements lie in strided boxes of files. No weight byte is read or moved.
class ParamView {
public:
  ParamView() = default;
  explicit ParamView(nn::ParamOp param);

  llvm::ArrayRef<int64_t> shape() const { return sizes; }
  int64_t rank() const { return sizes.size(); }
  int64_t size(int64_t axis) const { return sizes[axis]; }
  mlir::RankedTensorType type() const { return mlir::RankedTensorType::get(sizes, element); }

  /// Axis i of the result is axis perm[i].
  ParamView transposed(llvm::ArrayRef<int64_t> perm) const;
  /// [.., M, N] -> [.., N, M]; at least two axes.
  ParamView swapped() const;
  /// Elements start .. start + size - 1 of `axis`.
  ParamView sliced(int64_t axis, int64_t start, int64_t size) const;
  /// The same elements in another shape, if that only adds or removes axes of size 1.
  std::optional<ParamView> reshaped(llvm::ArrayRef<int64_t> shape) const;
  /// Views of one shape [..] as [n, ..].
  static ParamView stacked(llvm::ArrayRef<ParamView> views);

  /// The boxes, ordered by position.
  mlir::ArrayAttr boxes(mlir::MLIRContext *context) const;

private:
  struct Box {
    llvm::StringRef file; // owned by the context
    int64_t offset;
    mlir::Type type;
    llvm::SmallVector<int64_t, 3> at, shape, strides;
  };
  /// Bytes of one element of `box` in its file.
  static int64_t elementBytes(const Box &box);

  mlir::Type element;
  llvm::SmallVector<int64_t, 3> sizes;
  llvm::SmallVector<Box, 1> tiles;
};

} // namespace mixserve::raise

#endif // MIXSERVE_LIB_RAISE_PARAMVIEW_H
