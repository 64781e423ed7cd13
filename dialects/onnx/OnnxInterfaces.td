//===- OnnxInterfaces.td - what all onnx ops can do ------------------------------------------===//

#ifndef MIXSERVE_ONNX_INTERFACES_TD
#define MIXSERVE_ONNX_INTERFACES_TD

include "mlir/IR/OpBase.td"

def Onnx_InferResults : OpInterface<"InferResults"> {
  let cppNamespace = "::mixserve::onnx";
  let description = [{
    ONNX's type and shape rule of an operator. Import asks it for values without a declared shape; the
    verifier compares it with the result types that are there.
  }];
  let methods = [InterfaceMethod<[{
      Returns one type per result, from the operand types, the attributes and operands that are
      `onnx.Constant`; it does not look at the result types. An unknown size is dynamic, an unknown rank
      is unranked; a null type says nothing about that result. Emits an error with the label of the
      constraint that operands or attributes break.
    }], "::llvm::FailureOr<::llvm::SmallVector<::mlir::Type>>", "inferResultTypes">];
  let verify = [{ return ::mixserve::onnx::verifyResultTypes($_op); }];
}

#endif // MIXSERVE_ONNX_INTERFACES_TD
