//===- Interpreter.h - finds out what every value of an ONNX graph means ----------------------===//

#ifndef MIXSERVE_LIB_RAISE_INTERPRETER_H
#define MIXSERVE_LIB_RAISE_INTERPRETER_H

#include "Context.h"

#include "mlir/IR/SymbolTable.h"

namespace mixserve::raise {

/// Goes once over the graph, in its order (any topological one will do), and asks the rules of
/// Rules.h what each node means, given what its operands mean: linear in nodes. A node without a
/// rule makes its results Broken, and so is all that depends on them; that is no error unless a
/// graph output does.
class Interpreter {
public:
  Interpreter(Context &context, mlir::func::FuncOp main, mlir::SymbolTable &symbols);

  const Meaning &meaning(mlir::Value value) const { return meanings.find(value)->second; }

private:
  void visit(mlir::Operation &op);
  void visitShape(mlir::Operation &op);
  void define(mlir::Value value, Meaning meaning);
  void defineAll(mlir::Operation &op, const Term *term);

  Context &context;
  mlir::SymbolTable &symbols;
  llvm::DenseMap<mlir::Value, Meaning> meanings;
};

} // namespace mixserve::raise

#endif // MIXSERVE_LIB_RAISE_INTERPRETER_H
