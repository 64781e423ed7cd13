//===- OnnxDialect.td - the dialect of imported ONNX graphs ---------------------------------===//

#ifndef MIXSERVE_ONNX_DIALECT_TD
#define MIXSERVE_ONNX_DIALECT_TD

include "mlir/IR/OpBase.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Onnx_Dialect : Dialect {
  let name = "onnx";
  let cppNamespace = "::mixserve::onnx";
  let summary = "ONNX operators, one op per operator, as ONNX names them";
  let description = [{
    The form that import makes and raise consumes. An op carries the mnemonic, the operand names, the
    attribute names and the attribute defaults of the ONNX operator. Where operator versions differ,
    import writes the newest form (axes that were attributes become operands), so a later phase never
    asks for the version.

    Conventions that hold for every op:
    - Every input that ONNX calls optional is a fixed operand; a missing one is `onnx.NoValue : none`.
      An output that ONNX calls optional and that the model leaves out has type `none`.
    - (C1) of every op: the result types agree with the ones that ONNX's rule gives for the operands
      (element type exactly; shape as far as both are known). `inferResultTypes` is that rule.
    - ONNX dtypes are builtin types: float f32, float16 f16, bfloat16 bf16, double f64, int64 i64,
      int32 i32, int8 i8, uint8 ui8, bool i1.
    - Broadcasting is numpy's: shapes are aligned at the last axis, an axis of size 1 is repeated.
  }];
  let extraClassDeclaration = [{
    void registerOps();
  }];
}

#endif // MIXSERVE_ONNX_DIALECT_TD
