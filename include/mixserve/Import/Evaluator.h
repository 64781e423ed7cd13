//===- Evaluator.h - what onnx ops compute, on small tensors ----------------------------------===//

#ifndef MIXSERVE_IMPORT_EVALUATOR_H
#define MIXSERVE_IMPORT_EVALUATOR_H

#include "mixserve/Import/HostTensor.h"

#include "mlir/IR/Operation.h"
#include "mlir/IR/Value.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/Support/LogicalResult.h"

#include <memory>
#include <string>

namespace mixserve {

/// Interprets onnx ops one by one, for values that the caller asks for: to recognise a subgraph by
/// what it computes, to fold constants, and as the reference of tests. Not fast.
///
///     Evaluator evaluator;
///     evaluator.bind(function.getArgument(0), HostTensor::ints({1, 3}, {0, 1, 2}));
///     const HostTensor *mask = evaluator.evaluate(maskValue);   // null: see evaluator.error()
///
/// Evaluates only what the value depends on, each op once. Reads nn.param bytes from the module's
/// `nn.source_folder` when a value needs them.
class Evaluator {
public:
  struct Limits {
    /// Elements that one tensor may have.
    int64_t elements = int64_t(1) << 26;
    /// Bytes of parameters that may be read in all.
    int64_t paramBytes = int64_t(1) << 28;
  };

  Evaluator() = default;
  explicit Evaluator(Limits limits) : limits(limits) {}

  /// Gives `value` (an argument, or any value, which then hides its op) that content. Values that
  /// were evaluated before stay as they are: bind first, or use a new evaluator per input.
  void bind(mlir::Value value, HostTensor tensor) {
    known[value] = std::make_unique<HostTensor>(std::move(tensor));
  }

  /// The content of `value`, owned by the evaluator until it is destroyed; null if it cannot be
  /// computed: it depends on an unbound argument, on an op that is no onnx op, or inputs break a
  /// rule at run time.
  const HostTensor *evaluate(mlir::Value value);

  /// Why the last `evaluate` returned null, naming the op.
  const std::string &error() const { return message; }

private:
  llvm::LogicalResult run(mlir::Operation *op);
  llvm::LogicalResult fail(mlir::Operation *op, const std::string &why);

  Limits limits;
  int64_t paramBytesRead = 0;
  llvm::DenseMap<mlir::Value, std::unique_ptr<HostTensor>> known;
  std::string message;
};

} // namespace mixserve

#endif // MIXSERVE_IMPORT_EVALUATOR_H
