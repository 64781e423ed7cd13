//===- Layout.h - where the rows and columns of a raised value lie in an ONNX tensor ----------===//

#ifndef MIXSERVE_LIB_RAISE_LAYOUT_H
#define MIXSERVE_LIB_RAISE_LAYOUT_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"

#include <cstdint>
#include <optional>

namespace mixserve::raise {

/// Sizes that an exported graph leaves open: sequences of the batch, tokens in the cache, new
/// tokens.
struct Sizes {
  int64_t batch, past, length;

  int64_t keys() const { return past + length; }
  int64_t tokens() const { return batch * length; }
};

/// What an index along a factor counts.
enum class Role : uint8_t {
  Token,   ///< rows of the packed activations, batch * length of them
  Feature, ///< columns of a row
  Key,     ///< tokens that attention sees: past, then new
  Slot,    ///< the K experts of a token
  Repeat,  ///< copies that Expand or Tile made
  Out,     ///< dimension 1 of stacked weights [E, N, K]
  In       ///< dimension 2 of stacked weights
};

/// Counts 0 .. size-1; index i stands for position i * stride of its role.
struct Factor {
  Role role;
  int64_t size, stride;

  bool operator==(const Factor &other) const {
    return role == other.role && size == other.size && stride == other.stride;
  }
};

/// An axis of an ONNX tensor: the product of its factors, outermost first; none: size 1.
using Axis = llvm::SmallVector<Factor, 2>;

/// All axes of an ONNX tensor, at one choice of Sizes. Reshape, Transpose, Unsqueeze and their like
/// only change the layout, so what a chain of them does is known exactly, whatever its form.
/// Canonical: factors of size 1 are left out and neighbours that count on are one factor.
struct Layout {
  llvm::SmallVector<Axis, 3> axes;

  bool operator==(const Layout &other) const { return axes == other.axes; }
  int64_t rank() const { return axes.size(); }
  Axis &last() { return axes.back(); }
  const Axis &last() const { return axes.back(); }
};

int64_t sizeOf(const Axis &axis);
llvm::SmallVector<int64_t> sizesOf(const Layout &layout);

/// Adds `factor` inside `axis`.
void append(Axis &axis, Factor factor);

/// [1, .., 1, axes] with `rank` axes: how broadcasting reads a tensor of lower rank.
Layout padded(const Layout &layout, int64_t rank);

/// The layout after Reshape to `sizes`; none if some size cuts a factor unevenly.
std::optional<Layout> reshaped(const Layout &layout, llvm::ArrayRef<int64_t> sizes);

/// The layout at other sizes; none if the token and key factors are not those of `from`.
std::optional<Layout> resized(const Layout &layout, Sizes from, Sizes to);

/// True if `axis` counts all of 0 .. size-1 of `role`, in order.
bool isWhole(const Axis &axis, Role role, int64_t size);

/// True if every factor of the first `rank` axes is a Token and together they count `tokens` rows
/// in order.
bool areRows(llvm::ArrayRef<Axis> axes, int64_t tokens);

} // namespace mixserve::raise

#endif // MIXSERVE_LIB_RAISE_LAYOUT_H
