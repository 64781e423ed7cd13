//===- Mutations.h - other graphs of the same model -------------------------------------------===//
#ifndef MIXSERVE_TEST_UNIT_RAISE_MUTATIONS_H
#define MIXSERVE_TEST_UNIT_RAISE_MUTATIONS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <random>

namespace mixserve::test {

using Random = std::mt19937_64;

/// Swaps the operands of about half of all Add, Mul, And and Equal nodes.
void swapOperands(mlir::func::FuncOp main, Random &random);
/// Puts an Identity, or a Cast to the same type, behind about a fifth of all values.
void insertNoOps(mlir::func::FuncOp main, Random &random);
/// Another topological order.
void shuffle(mlir::func::FuncOp main, Random &random);
/// Other names for inputs, outputs, weights and nodes.
void rename(mlir::func::FuncOp main, Random &random);
/// Gives every user of a constant or weight its own node.
void duplicateConstants(mlir::func::FuncOp main, Random &random);
/// Cuts about a fifth of all Reshapes into two, through a flat tensor.
void reshapeTwice(mlir::func::FuncOp main, Random &random);

/// Makes one node read another value of the same type: a different model, or none.
void rewire(mlir::func::FuncOp main, Random &random);

} // namespace mixserve::test

#endif // MIXSERVE_TEST_UNIT_RAISE_MUTATIONS_H
