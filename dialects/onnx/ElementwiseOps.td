//===- ElementwiseOps.td - ops that work on single elements ----------------------------------===//

#ifndef MIXSERVE_ONNX_ELEMENTWISE_OPS_TD
#define MIXSERVE_ONNX_ELEMENTWISE_OPS_TD

include "mlir/IR/BuiltinAttributes.td"
include "dialects/onnx/OnnxBase.td"

// Lifespan of all ops of this file: made by import, removed by raise.

class Onnx_ArithmeticOp<string mnemonic, string formula, int since> : Onnx_GroupOp<mnemonic, "inferArithmetic"> {
  let summary = "Elementwise " # formula;
  let description = [{
    With numpy's broadcasting.
    - (C1) the result has the broadcast shape and the operands' element type.
    - (C2) both operands have one element type, a number.
    - (C3) the shapes broadcast.

    Since: }] # since # [{.
    Example: `%c = onnx.}] # mnemonic # [{(%a, %b) : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>`
  }];
  let arguments = (ins AnyTensor:$A, AnyTensor:$B);
  let results = (outs AnyTensor:$C);
}
def Onnx_AddOp : Onnx_ArithmeticOp<"Add", "A + B", 7>;
def Onnx_SubOp : Onnx_ArithmeticOp<"Sub", "A - B", 7>;
def Onnx_MulOp : Onnx_ArithmeticOp<"Mul", "A * B", 7>;
def Onnx_DivOp : Onnx_ArithmeticOp<"Div", "A / B (integers: towards zero)", 7>;

def Onnx_PowOp : Onnx_GroupOp<"Pow", "inferPow"> {
  let summary = "Elementwise X to the power Y";
  let description = [{
    - (C1) the result has the broadcast shape and X's element type (Y's may differ).
    - (C3) the shapes broadcast.

    Since: 7.
    Example: `%z = onnx.Pow(%x, %y) : (tensor<?x8xf32>, tensor<f32>) -> tensor<?x8xf32>`
  }];
  let arguments = (ins AnyTensor:$X, AnyTensor:$Y);
  let results = (outs AnyTensor:$Z);
}

class Onnx_ExtremumOp<string mnemonic, string what> : Onnx_GroupOp<mnemonic, "inferArithmetic"> {
  let summary = "Elementwise " # what # " of one or more tensors";
  let description = [{
    With numpy's broadcasting; a NaN in any operand gives NaN.
    - (C1) the result has the broadcast shape and the operands' element type.
    - (C2) at least one operand; all have one element type, a number.
    - (C3) the shapes broadcast.

    Since: 8.
    Example: `%m = onnx.}] # mnemonic # [{(%a, %b) : (tensor<1xi64>, tensor<?xi64>) -> tensor<?xi64>`
  }];
  let arguments = (ins Variadic<AnyTensor>:$inputs);
  let results = (outs AnyTensor:$output);
}
def Onnx_MaxOp : Onnx_ExtremumOp<"Max", "maximum">;
def Onnx_MinOp : Onnx_ExtremumOp<"Min", "minimum">;

class Onnx_UnaryOp<string mnemonic, string formula, int since> : Onnx_GroupOp<mnemonic, "inferUnary"> {
  let summary = "Elementwise " # formula;
  let description = [{
    - (C1) the result has X's type.

    Since: }] # since # [{.
    Example: `%y = onnx.}] # mnemonic # [{(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>`
  }];
  let arguments = (ins AnyTensor:$X);
  let results = (outs AnyTensor:$Y);
}
def Onnx_NegOp : Onnx_UnaryOp<"Neg", "-X", 6>;
def Onnx_SqrtOp : Onnx_UnaryOp<"Sqrt", "square root of X", 6>;
def Onnx_ReciprocalOp : Onnx_UnaryOp<"Reciprocal", "1 / X", 6>;
def Onnx_SigmoidOp : Onnx_UnaryOp<"Sigmoid", "1 / (1 + exp(-X))", 6>;
def Onnx_CosOp : Onnx_UnaryOp<"Cos", "cosine of X in radians", 7>;
def Onnx_SinOp : Onnx_UnaryOp<"Sin", "sine of X in radians", 7>;
def Onnx_IdentityOp : Onnx_UnaryOp<"Identity", "X itself", 1>;

class Onnx_CompareOp<string mnemonic, string formula, int since> : Onnx_GroupOp<mnemonic, "inferCompare"> {
  let summary = "Elementwise " # formula;
  let description = [{
    With numpy's broadcasting.
    - (C1) the result has the broadcast shape and element type i1.
    - (C2) both operands have one element type.
    - (C3) the shapes broadcast.

    Since: }] # since # [{.
    Example: `%c = onnx.}] # mnemonic # [{(%a, %b) : (tensor<?x1xi64>, tensor<?xi64>) -> tensor<?x?xi1>`
  }];
  let arguments = (ins AnyTensor:$A, AnyTensor:$B);
  let results = (outs AnyTensor:$C);
}
def Onnx_EqualOp : Onnx_CompareOp<"Equal", "A == B", 7>;
def Onnx_GreaterOp : Onnx_CompareOp<"Greater", "A > B", 7>;
def Onnx_GreaterOrEqualOp : Onnx_CompareOp<"GreaterOrEqual", "A >= B", 12>;
def Onnx_LessOp : Onnx_CompareOp<"Less", "A < B", 7>;
def Onnx_LessOrEqualOp : Onnx_CompareOp<"LessOrEqual", "A <= B", 12>;

class Onnx_LogicalOp<string mnemonic, string formula> : Onnx_GroupOp<mnemonic, "inferLogical"> {
  let summary = "Elementwise logical " # formula;
  let description = [{
    With numpy's broadcasting.
    - (C1) the result has the broadcast shape and element type i1.
    - (C2) all operands have element type i1.
    - (C3) the shapes broadcast.

    Since: 7.
    Example: `%c = onnx.}] # mnemonic # [{(%a, %b) : (tensor<?x1xi1>, tensor<?xi1>) -> tensor<?x?xi1>`
  }];
  let arguments = (ins AnyTensor:$A, AnyTensor:$B);
  let results = (outs AnyTensor:$C);
}
def Onnx_AndOp : Onnx_LogicalOp<"And", "A and B">;
def Onnx_OrOp : Onnx_LogicalOp<"Or", "A or B">;

def Onnx_NotOp : Onnx_GroupOp<"Not", "inferLogical"> {
  let summary = "Elementwise logical not";
  let description = [{
    - (C1) the result has X's type.
    - (C2) X has element type i1.

    Since: 1.
    Example: `%y = onnx.Not(%x) : (tensor<?xi1>) -> tensor<?xi1>`
  }];
  let arguments = (ins AnyTensor:$X);
  let results = (outs AnyTensor:$Y);
}

def Onnx_WhereOp : Onnx_Op<"Where"> {
  let summary = "Elementwise: X where `condition` holds, else Y";
  let description = [{
    With numpy's broadcasting.
    - (C1) the result has the broadcast shape and X's element type.
    - (C2) `condition` has element type i1; X and Y have one element type.
    - (C3) the shapes broadcast.

    Since: 9.
    Example: `%m = onnx.Where(%c, %x, %y) : (tensor<?x?xi1>, tensor<f32>, tensor<f32>) -> tensor<?x?xf32>`
  }];
  let arguments = (ins AnyTensor:$condition, AnyTensor:$X, AnyTensor:$Y);
  let results = (outs AnyTensor:$output);
}

def Onnx_CastOp : Onnx_Op<"Cast"> {
  let summary = "Elementwise conversion to the element type `to`";
  let description = [{
    To i1: every value but zero is true. From float to integer: towards zero.
    - (C1) the result has the input's shape and element type `to`.
    - (C2) `to` is a float, integer or bool type. `saturate` and `round_mode` matter for 8-bit floats only, which import refuses.

    Since: 6.
    Example: `%y = onnx.Cast(%x) {to = i1} : (tensor<?xi64>) -> tensor<?xi1>`
  }];
  let arguments = (ins AnyTensor:$input, TypeAttr:$to);
  let results = (outs AnyTensor:$output);
}

def Onnx_CastLikeOp : Onnx_Op<"CastLike"> {
  let summary = "Elementwise conversion to the element type of `target_type`";
  let description = [{
    Of `target_type` only the element type is read.
    - (C1) the result has the input's shape and `target_type`'s element type.

    Since: 15.
    Example: `%y = onnx.CastLike(%x, %w) : (tensor<?xi1>, tensor<8xf32>) -> tensor<?xf32>`
  }];
  let arguments = (ins AnyTensor:$input, AnyTensor:$target_type);
  let results = (outs AnyTensor:$output);
}

#endif // MIXSERVE_ONNX_ELEMENTWISE_OPS_TD
