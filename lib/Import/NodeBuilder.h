//===- NodeBuilder.h - one ONNX node as one op ------------------------------------------------===//

#ifndef MIXSERVE_LIB_IMPORT_NODEBUILDER_H
#define MIXSERVE_LIB_IMPORT_NODEBUILDER_H

#include "Initializers.h"
#include "OperatorTable.h"

#include "mlir/IR/Builders.h"

namespace mixserve::import {

/// "node 'name' (Op)", with the first output in place of a missing name.
std::string describe(const ::onnx::NodeProto &node);

/// Makes ops from nodes. Older forms of an operator become the newest one: attribute `axes` of
/// ReduceMean an operand, Split without sizes a split into as many pieces as outputs, the forms of
/// Constant one `value`.
class NodeBuilder {
public:
  NodeBuilder(const OnnxModel &model, Initializers &initializers, mlir::OpBuilder &builder,
              int64_t opset);

  /// Creates the op of a node whose operator has `row`, with `operands` as the node lists them (a
  /// null value for one that it leaves out). Result types come from ONNX's rule; a result that the
  /// node leaves out has type none. Emits an error and returns null if the node breaks a rule.
  mlir::Operation *build(const ::onnx::NodeProto &node, const OperatorRow &row,
                         llvm::SmallVector<mlir::Value> operands);

  /// The tensor of a Constant node.
  llvm::FailureOr<TensorSource> constant(const ::onnx::NodeProto &node);

private:
  mlir::InFlightDiagnostic error(const ::onnx::NodeProto &node);
  llvm::LogicalResult addAttribute(const ::onnx::NodeProto &node, const OperatorRow &row,
                                   const ::onnx::AttributeProto &attribute,
                                   mlir::OperationState &state,
                                   llvm::SmallVectorImpl<mlir::Value> &operands);
  llvm::LogicalResult setResultTypes(const ::onnx::NodeProto &node, mlir::Operation *op);
  mlir::Value noValue(mlir::Location loc);
  mlir::Location location(const ::onnx::NodeProto &node);

  const OnnxModel &model;
  Initializers &initializers;
  mlir::OpBuilder &builder;
  int64_t opset;
  mlir::Value none;
  llvm::DenseMap<const OperatorRow *, mlir::OperationName> names;
  /// Where a type rule's errors go while one runs; they are repeated with the file and the node.
  std::string *ruleErrors = nullptr;
  mlir::ScopedDiagnosticHandler ruleHandler;
};

} // namespace mixserve::import

#endif // MIXSERVE_LIB_IMPORT_NODEBUILDER_H
