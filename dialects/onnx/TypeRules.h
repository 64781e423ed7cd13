//===- TypeRules.h - what the type rules of the onnx ops share --------------------------------===//

#ifndef MIXSERVE_DIALECTS_ONNX_TYPERULES_H
#define MIXSERVE_DIALECTS_ONNX_TYPERULES_H

#include "dialects/onnx/OnnxDialect.h"

namespace mixserve::onnx {

using ResultTypes = llvm::FailureOr<llvm::SmallVector<mlir::Type>>;
using Shape = llvm::SmallVector<int64_t>;
constexpr int64_t kDynamic = mlir::ShapedType::kDynamic;

/// The shape of a ranked tensor; nothing for an unranked one or `none`.
std::optional<Shape> shapeOf(mlir::Value value);
/// The element type of a tensor; null for `none`.
mlir::Type elementOf(mlir::Value value);
/// tensor<shape x element>; unranked without a shape.
mlir::Type tensorOf(std::optional<Shape> shape, mlir::Type element);
mlir::Type tensorOfRank(int64_t rank, mlir::Type element);
/// One result.
inline ResultTypes one(mlir::Type type) { return llvm::SmallVector<mlir::Type>{type}; }

/// Products and sums of sizes; unknown if a size is, or if the result leaves 63 bits.
int64_t mulSizes(int64_t a, int64_t b);
int64_t addSizes(int64_t a, int64_t b);

bool isNumber(mlir::Type element);
/// i32 or i64, which ONNX takes as indices.
bool isIndex(mlir::Type element);

/// Turns a negative axis into one that counts from the start; fails with `label` outside [-rank,
/// rank).
llvm::FailureOr<int64_t> normalizeAxis(mlir::Operation *op, llvm::StringRef label, int64_t axis,
                                       int64_t rank);
/// The same for a list, in which no axis may be named twice.
llvm::FailureOr<Shape> normalizeAxes(mlir::Operation *op, llvm::StringRef label,
                                     llvm::ArrayRef<int64_t> axes, int64_t rank);

/// Numpy's broadcast of two shapes; fails with `label` where they do not fit.
llvm::FailureOr<Shape> broadcast(mlir::Operation *op, llvm::StringRef label, const Shape &a,
                                 const Shape &b);
/// The broadcast of all tensors; no shape if one of them is unranked.
llvm::FailureOr<std::optional<Shape>> broadcastAll(mlir::Operation *op, llvm::StringRef label,
                                                   mlir::ValueRange tensors);

/// A 1-D tensor operand of integers: its elements where it is a constant, its length where that is
/// known. Fails with `label` if it has another rank or element type. `name` is for the message.
struct IndexList {
  std::optional<llvm::SmallVector<int64_t>> values;
  std::optional<int64_t> length;
};
llvm::FailureOr<IndexList> indexList(mlir::Operation *op, llvm::StringRef label,
                                     llvm::StringRef name, mlir::Value value);

} // namespace mixserve::onnx

#endif // MIXSERVE_DIALECTS_ONNX_TYPERULES_H
