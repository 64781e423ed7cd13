//===- OnnxBase.td - base classes of the onnx ops --------------------------------------------===//

#ifndef MIXSERVE_ONNX_BASE_TD
#define MIXSERVE_ONNX_BASE_TD

include "dialects/onnx/OnnxDialect.td"
include "dialects/onnx/OnnxInterfaces.td"

/// An operand or result that the model may leave out.
def Onnx_OptTensor : AnyTypeOf<[AnyTensor, NoneType], "tensor or none">;

class Onnx_Op<string mnemonic, list<Trait> traits = []>
    : Op<Onnx_Dialect, mnemonic, !listconcat([Pure, DeclareOpInterfaceMethods<Onnx_InferResults>], traits)> {
  let assemblyFormat = "`(` operands `)` attr-dict `:` functional-type(operands, results)";
}

/// Its type rule is the C++ function `rule(op)`, shared by a group of operators.
class Onnx_GroupOp<string mnemonic, string rule> : Onnx_Op<mnemonic> {
  let extraClassDefinition = [{
    ::llvm::FailureOr<::llvm::SmallVector<::mlir::Type>> $cppClass::inferResultTypes() {
      return }] # rule # [{(getOperation());
    }
  }];
}

#endif // MIXSERVE_ONNX_BASE_TD
