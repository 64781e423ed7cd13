//===- ParamView.cpp - a weight seen through transposes, slices and stacks --------------------===//

#include "ParamView.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace mixserve::raise {

ParamView::ParamView(nn::ParamOp param)
    : element(param.getTensorType().getElementType()), sizes(param.getTensorType().getShape()) {
  for (auto box : param.getBoxes().getAsRange<nn::BoxAttr>())
    tiles.push_back({box.getFile(),
                     box.getOffset(),
                     box.getType(),
                     {box.getAt().begin(), box.getAt().end()},
                     {box.getShape().begin(), box.getShape().end()},
                     {box.getStrides().begin(), box.getStrides().end()}});
}

int64_t ParamView::elementBytes(const Box &box) {
  return llvm::divideCeil(box.type.getIntOrFloatBitWidth(), 8);
}

template <typename Vector> static void permute(Vector &values, ArrayRef<int64_t> perm) {
  Vector old = values;
  for (auto [i, from] : llvm::enumerate(perm))
    values[i] = old[from];
}

ParamView ParamView::transposed(ArrayRef<int64_t> perm) const {
  ParamView view = *this;
  permute(view.sizes, perm);
  for (Box &box : view.tiles) {
    permute(box.at, perm);
    permute(box.shape, perm);
    permute(box.strides, perm);
  }
  return view;
}

ParamView ParamView::swapped() const {
  auto perm = llvm::to_vector(llvm::seq<int64_t>(0, rank()));
  std::swap(perm[rank() - 1], perm[rank() - 2]);
  return transposed(perm);
}

ParamView ParamView::sliced(int64_t axis, int64_t start, int64_t size) const {
  ParamView view = *this;
  view.sizes[axis] = size;
  view.tiles.clear();
  for (Box box : tiles) {
    int64_t from = std::max(box.at[axis], start);
    int64_t to = std::min(box.at[axis] + box.shape[axis], start + size);
    if (from >= to)
      continue;
    box.offset += (from - box.at[axis]) * box.strides[axis] * elementBytes(box);
    box.at[axis] = from - start;
    box.shape[axis] = to - from;
    view.tiles.push_back(box);
  }
  return view;
}

std::optional<ParamView> ParamView::reshaped(ArrayRef<int64_t> shape) const {
  auto notOne = [](int64_t size) { return size != 1; };
  if (!llvm::equal(llvm::make_filter_range(shape, notOne), llvm::make_filter_range(sizes, notOne)))
    return std::nullopt;
  ParamView view = *this;
  view.sizes.assign(shape.begin(), shape.end());
  for (auto [box, old] : llvm::zip_equal(view.tiles, tiles)) {
    box.at.clear(), box.shape.clear(), box.strides.clear();
    int64_t axis = 0;
    for (int64_t size : shape) {
      while (size != 1 && sizes[axis] == 1)
        ++axis;
      box.at.push_back(size == 1 ? 0 : old.at[axis]);
      box.shape.push_back(size == 1 ? 1 : old.shape[axis]);
      box.strides.push_back(size == 1 ? 0 : old.strides[axis]);
      axis += size != 1;
    }
  }
  return view;
}

ParamView ParamView::stacked(ArrayRef<ParamView> views) {
  ParamView stack = views.front();
  stack.sizes.insert(stack.sizes.begin(), views.size());
  stack.tiles.clear();
  for (auto [index, view] : llvm::enumerate(views))
    for (Box box : view.tiles) {
      box.at.insert(box.at.begin(), index);
      box.shape.insert(box.shape.begin(), 1);
      box.strides.insert(box.strides.begin(), 0);
      stack.tiles.push_back(box);
    }
  return stack;
}

ArrayAttr ParamView::boxes(MLIRContext *context) const {
  SmallVector<Box, 1> sorted = tiles;
  llvm::sort(sorted, [](const Box &a, const Box &b) { return a.at < b.at; });
  SmallVector<Attribute> attributes;
  for (const Box &box : sorted)
    attributes.push_back(
        nn::BoxAttr::get(context, box.file, box.offset, box.type, box.at, box.shape, box.strides));
  return ArrayAttr::get(context, attributes);
}

} // namespace mixserve::raise
