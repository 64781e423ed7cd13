//===- HostTensor.h - a small tensor in memory ------------------------------------------------===//

#ifndef MIXSERVE_IMPORT_HOSTTENSOR_H
#define MIXSERVE_IMPORT_HOSTTENSOR_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <variant>
#include <vector>

namespace mixserve {

/// A dense row-major tensor that owns its elements, for the evaluator. Integers of all widths are
/// held as int64, bools as int64 0 or 1, f64 as double, all other floats as float.
class HostTensor {
public:
  enum class Kind { Float, Double, Int, Bool };

  /// A float scalar 0.
  HostTensor() : HostTensor(Kind::Float, {}) {}
  /// All elements zero.
  HostTensor(Kind kind, llvm::ArrayRef<int64_t> shape);

  static HostTensor floats(llvm::ArrayRef<int64_t> shape, std::vector<float> elements);
  static HostTensor doubles(llvm::ArrayRef<int64_t> shape, std::vector<double> elements);
  static HostTensor ints(llvm::ArrayRef<int64_t> shape, std::vector<int64_t> elements);
  static HostTensor bools(llvm::ArrayRef<int64_t> shape, std::vector<int64_t> elements);

  Kind kind() const { return elementKind; }
  bool isFloating() const { return elementKind == Kind::Float || elementKind == Kind::Double; }
  llvm::ArrayRef<int64_t> shape() const { return sizes; }
  int64_t rank() const { return sizes.size(); }
  int64_t size(int64_t axis) const { return sizes[axis]; }
  int64_t numElements() const { return count; }

  /// The elements in row-major order. The kind must match: Float, Double, and Int or Bool.
  llvm::MutableArrayRef<float> floats() { return std::get<std::vector<float>>(elements); }
  llvm::MutableArrayRef<double> doubles() { return std::get<std::vector<double>>(elements); }
  llvm::MutableArrayRef<int64_t> ints() { return std::get<std::vector<int64_t>>(elements); }
  llvm::ArrayRef<float> floats() const { return std::get<std::vector<float>>(elements); }
  llvm::ArrayRef<double> doubles() const { return std::get<std::vector<double>>(elements); }
  llvm::ArrayRef<int64_t> ints() const { return std::get<std::vector<int64_t>>(elements); }

  /// Element `i` in row-major order, whatever the kind.
  double asDouble(int64_t i) const;
  int64_t asInt(int64_t i) const;

  /// The same elements with another shape of as many.
  HostTensor reshaped(llvm::ArrayRef<int64_t> shape) const;

  /// Calls `f` with the typed elements: f(std::vector<float|double|int64_t> &).
  template <typename F> auto visit(F &&f) { return std::visit(f, elements); }
  template <typename F> auto visit(F &&f) const { return std::visit(f, elements); }

private:
  Kind elementKind;
  llvm::SmallVector<int64_t> sizes;
  int64_t count;
  std::variant<std::vector<float>, std::vector<double>, std::vector<int64_t>> elements;
};

/// The number of elements of a shape; -1 if a size is negative or the product leaves 62 bits.
int64_t countElements(llvm::ArrayRef<int64_t> shape);

} // namespace mixserve

#endif // MIXSERVE_IMPORT_HOSTTENSOR_H
