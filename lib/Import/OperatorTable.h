//===- OperatorTable.h - the ONNX operators that import knows ---------------------------------===//

#ifndef MIXSERVE_LIB_IMPORT_OPERATORTABLE_H
#define MIXSERVE_LIB_IMPORT_OPERATORTABLE_H

#include "llvm/ADT/StringRef.h"

#include <cstdint>

namespace mixserve::import {

/// Opsets of the ai.onnx domain that import reads; the newest is that of the pinned onnx package.
constexpr int64_t kOldestOpset = 13, kNewestOpset = 28;
/// Newest ir_version of the pinned onnx package.
constexpr int64_t kNewestIrVersion = 14;

/// One operator of the ai.onnx domain. The op is "onnx." + name.
struct OperatorRow {
  llvm::StringLiteral name;
  /// First opset in which its form is ours.
  int64_t since;
  /// How many inputs a node has at least; operands of the op (missing ones become onnx.NoValue),
  /// -1: any.
  int minInputs, operands;
  /// How many outputs a node has at least; results of the op, -1: any.
  int minOutputs, results;
  /// "name:kind ..." of the attributes. Kinds: i int, f float, I ints, T tensor, t dtype, s string;
  /// "x": read and dropped; "=N": an int that must be N and is dropped.
  llvm::StringLiteral attributes;
};

/// The row of `name`, or null.
const OperatorRow *findOperator(llvm::StringRef name);

/// The kind of attribute `name` in the row; empty if it has none of that name.
llvm::StringRef attributeKind(const OperatorRow &row, llvm::StringRef name);

} // namespace mixserve::import

#endif // MIXSERVE_LIB_IMPORT_OPERATORTABLE_H
