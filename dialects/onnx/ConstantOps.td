//===- ConstantOps.td - constants, and what makes tensors from scalars -----------------------===//

#ifndef MIXSERVE_ONNX_CONSTANT_OPS_TD
#define MIXSERVE_ONNX_CONSTANT_OPS_TD

include "mlir/IR/BuiltinAttributes.td"
include "dialects/onnx/OnnxBase.td"

// Lifespan: made by import, removed by raise.
def Onnx_NoValueOp : Op<Onnx_Dialect, "NoValue", [Pure]> {
  let summary = "Stands for an optional input that the node does not have";
  let description = [{
    Example: `%none = onnx.NoValue : none`
  }];
  let results = (outs NoneType:$none);
  let assemblyFormat = "attr-dict `:` type($none)";
}

// Lifespan: made by import, removed by raise.
def Onnx_ConstantOp : Onnx_Op<"Constant"> {
  let summary = "A small constant";
  let description = [{
    A Constant node in any of its forms (`value`, `value_int`, `value_ints`, `value_float`, `value_floats`) or a
    small initialiser; import decides which initialisers are small, all others are `nn.param`.
    - (C1) the result has the type of `value`.

    Since: 1 (import accepts opset 13 and newer).
    Example: `%k = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>`
  }];
  let arguments = (ins ElementsAttr:$value);
  let results = (outs AnyTensor:$output);
}

// Lifespan: made by import, removed by raise.
def Onnx_ConstantOfShapeOp : Onnx_Op<"ConstantOfShape"> {
  let summary = "A tensor of the shape `input`, filled with one value";
  let description = [{
    - (C1) the result has the element type of `value` (f32 without it) and as many axes as `input` has elements.
    - (C2) `value` has one element.
    - (C3) `input` is 1-D i64.

    Since: 9.
    Example: `%z = onnx.ConstantOfShape(%s) {value = dense<0> : tensor<1xi64>} : (tensor<2xi64>) -> tensor<?x?xi64>`
  }];
  let arguments = (ins AnyTensor:$input, OptionalAttr<ElementsAttr>:$value);
  let results = (outs AnyTensor:$output);
}

// Lifespan: made by import, removed by raise.
def Onnx_RangeOp : Onnx_Op<"Range"> {
  let summary = "start, start + delta, ... below (above, if delta < 0) `limit`";
  let description = [{
    - (C1) the result is 1-D with the element type of `start`.
    - (C2) `start`, `limit`, `delta` are scalars (or one-element tensors) of one element type.

    Since: 11.
    Example: `%r = onnx.Range(%a, %b, %c) : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?xi64>`
  }];
  let arguments = (ins AnyTensor:$start, AnyTensor:$limit, AnyTensor:$delta);
  let results = (outs AnyTensor:$output);
}

#endif // MIXSERVE_ONNX_CONSTANT_OPS_TD
