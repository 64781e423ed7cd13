//===- Layout.cpp - where the rows and columns of a raised value lie in an ONNX tensor --------===//

#include "Layout.h"

using namespace llvm;

namespace mixserve::raise {

int64_t sizeOf(const Axis &axis) {
  int64_t size = 1;
  for (const Factor &factor : axis)
    size *= factor.size;
  return size;
}

SmallVector<int64_t> sizesOf(const Layout &layout) {
  SmallVector<int64_t> sizes;
  for (const Axis &axis : layout.axes)
    sizes.push_back(sizeOf(axis));
  return sizes;
}

void append(Axis &axis, Factor factor) {
  if (factor.size == 1)
    return;
  if (!axis.empty()) {
    Factor &outer = axis.back();
    if (outer.role == factor.role && outer.stride == factor.size * factor.stride) {
      outer = {outer.role, outer.size * factor.size, factor.stride};
      return;
    }
  }
  axis.push_back(factor);
}

Layout padded(const Layout &layout, int64_t rank) {
  Layout result;
  result.axes.resize(std::max<int64_t>(rank - layout.rank(), 0));
  result.axes.append(layout.axes.begin(), layout.axes.end());
  return result;
}

std::optional<Layout> reshaped(const Layout &layout, ArrayRef<int64_t> sizes) {
  SmallVector<Factor> rest; // innermost first, so that the outermost is taken from the back
  for (const Axis &axis : reverse(layout.axes))
    rest.append(axis.rbegin(), axis.rend());
  Layout result;
  for (int64_t size : sizes) {
    Axis &axis = result.axes.emplace_back();
    while (size > 1 && !rest.empty()) {
      Factor &factor = rest.back();
      if (size % factor.size == 0) {
        size /= factor.size;
        append(axis, rest.pop_back_val());
      } else if (factor.size % size == 0) {
        factor.size /= size;
        append(axis, {factor.role, size, factor.stride * factor.size});
        size = 1;
      } else {
        return std::nullopt;
      }
    }
    if (size != 1)
      return std::nullopt;
  }
  if (!rest.empty())
    return std::nullopt;
  return result;
}

/// The Token factor with the meaning of `factor` at other sizes.
static std::optional<Factor> resizedToken(Factor factor, Sizes from, Sizes to) {
  if (factor.stride == 1 && factor.size == from.length && (from.batch == 1 || from.length > 1))
    return Factor{Role::Token, to.length, 1};
  if (factor.stride == from.length && factor.size == from.batch)
    return Factor{Role::Token, to.batch, to.length};
  if (factor.stride == 1 && factor.size == from.tokens())
    return Factor{Role::Token, to.tokens(), 1};
  return std::nullopt;
}

std::optional<Layout> resized(const Layout &layout, Sizes from, Sizes to) {
  Layout result;
  for (const Axis &axis : layout.axes) {
    Axis &out = result.axes.emplace_back();
    for (Factor factor : axis) {
      if (factor.role == Role::Key) {
        if (factor.size != from.keys())
          return std::nullopt;
        factor.size = to.keys();
      } else if (factor.role == Role::Token) {
        std::optional<Factor> token = resizedToken(factor, from, to);
        if (!token)
          return std::nullopt;
        factor = *token;
      }
      append(out, factor);
    }
  }
  return result;
}

bool isWhole(const Axis &axis, Role role, int64_t size) {
  if (size == 1)
    return axis.empty();
  return axis.size() == 1 && axis[0] == Factor{role, size, 1};
}

bool areRows(ArrayRef<Axis> axes, int64_t tokens) {
  Axis all;
  for (const Axis &axis : axes)
    for (const Factor &factor : axis)
      append(all, factor);
  return isWhole(all, Role::Token, tokens);
}

} // namespace mixserve::raise
