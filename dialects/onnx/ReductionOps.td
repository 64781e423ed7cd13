//===- ReductionOps.td - ops along axes: sums, softmax, top-k --------------------------------===//

#ifndef MIXSERVE_ONNX_REDUCTION_OPS_TD
#define MIXSERVE_ONNX_REDUCTION_OPS_TD

include "mlir/IR/BuiltinAttributes.td"
include "dialects/onnx/OnnxBase.td"

// Lifespan of all ops of this file: made by import, removed by raise.

class Onnx_ReduceOp<string mnemonic, string what, string since> : Onnx_GroupOp<mnemonic, "inferReduce"> {
  let summary = "The " # what # " over the axes `axes`";
  let description = [{
    Without `axes` (or with none in it): over all axes, or the input itself if `noop_with_empty_axes` = 1.
    - (C1) the result has data's element type; a reduced axis has size 1 if `keepdims` = 1, else it is gone.
    - (C2) `axes` is 1-D i64, each in [-r, r), none twice.

    Since: }] # since # [{.
    Example: `%y = onnx.}] # mnemonic # [{(%x, %a) : (tensor<?x8xf32>, tensor<1xi64>) -> tensor<?x1xf32>`
  }];
  let arguments = (ins AnyTensor:$data, Onnx_OptTensor:$axes, DefaultValuedAttr<I64Attr, "1">:$keepdims,
                       DefaultValuedAttr<I64Attr, "0">:$noop_with_empty_axes);
  let results = (outs AnyTensor:$reduced);
}
def Onnx_ReduceSumOp : Onnx_ReduceOp<"ReduceSum", "sum", "1; `axes` as input: 13">;
def Onnx_ReduceMeanOp : Onnx_ReduceOp<"ReduceMean", "mean", "1; `axes` as input: 18">;

def Onnx_CumSumOp : Onnx_Op<"CumSum"> {
  let summary = "Running sum along one axis";
  let description = [{
    `exclusive` = 1 leaves the element itself out of its sum; `reverse` = 1 runs from the end.
    - (C1) the result has x's type.
    - (C2) `axis` is a scalar (or one-element) i64 or i32 in [-r, r).

    Since: 11.
    Example: `%y = onnx.CumSum(%x, %axis) : (tensor<?x?xi64>, tensor<i64>) -> tensor<?x?xi64>`
  }];
  let arguments = (ins AnyTensor:$x, AnyTensor:$axis, DefaultValuedAttr<I64Attr, "0">:$exclusive,
                       DefaultValuedAttr<I64Attr, "0">:$reverse);
  let results = (outs AnyTensor:$y);
}

def Onnx_SoftmaxOp : Onnx_Op<"Softmax"> {
  let summary = "exp(x) / sum(exp(x)) along one axis";
  let description = [{
    - (C1) the result has the input's type.
    - (C2) `axis` is in [-r, r).

    Since: 13 (older versions flatten the input and are refused).
    Example: `%p = onnx.Softmax(%x) {axis = -1 : i64} : (tensor<?x8xf32>) -> tensor<?x8xf32>`
  }];
  let arguments = (ins AnyTensor:$input, DefaultValuedAttr<I64Attr, "-1">:$axis);
  let results = (outs AnyTensor:$output);
}

def Onnx_TopKOp : Onnx_Op<"TopK"> {
  let summary = "The K largest (or smallest) elements of one axis, and where they are";
  let description = [{
    `sorted` = 1: best first. Of equal elements the one with the lower index is better.
    - (C1) both results have X's sizes but K along `axis`; Values have X's element type, Indices i64.
    - (C2) `K` is i64 with one element, not negative, not above the size of the axis.
    - (C3) `axis` is in [-r, r).

    Since: 10.
    Example: `%v, %i = onnx.TopK(%x, %k) : (tensor<?x8xf32>, tensor<1xi64>) -> (tensor<?x2xf32>, tensor<?x2xi64>)`
  }];
  let arguments = (ins AnyTensor:$X, AnyTensor:$K, DefaultValuedAttr<I64Attr, "-1">:$axis,
                       DefaultValuedAttr<I64Attr, "1">:$largest, DefaultValuedAttr<I64Attr, "1">:$sorted);
  let results = (outs AnyTensor:$Values, Onnx_OptTensor:$Indices);
}

#endif // MIXSERVE_ONNX_REDUCTION_OPS_TD
