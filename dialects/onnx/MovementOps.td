//===- MovementOps.td - ops that move elements or ask for shapes -----------------------------===//

#ifndef MIXSERVE_ONNX_MOVEMENT_OPS_TD
#define MIXSERVE_ONNX_MOVEMENT_OPS_TD

include "mlir/IR/BuiltinAttributes.td"
include "dialects/onnx/OnnxBase.td"

// Lifespan of all ops of this file: made by import, removed by raise.
// An axis is in [-r, r) for a tensor of r axes; a negative one counts from the end.

def Onnx_ShapeOp : Onnx_Op<"Shape"> {
  let summary = "The sizes of the axes [start, end) of `data`";
  let description = [{
    `start` and `end` may be negative and are clamped to [0, r].
    - (C1) the result is 1-D i64 with max(end - start, 0) elements.

    Since: 1; `start` and `end`: 15.
    Example: `%s = onnx.Shape(%x) {start = 1 : i64, end = 2 : i64} : (tensor<?x?xi64>) -> tensor<1xi64>`
  }];
  let arguments = (ins AnyTensor:$data, DefaultValuedAttr<I64Attr, "0">:$start, OptionalAttr<I64Attr>:$end);
  let results = (outs AnyTensor:$shape);
}

def Onnx_ReshapeOp : Onnx_Op<"Reshape"> {
  let summary = "The same elements in row-major order, in another shape";
  let description = [{
    In `shape`, -1 (at most once) is what remains; 0 is data's size of that axis, or 0 itself if `allowzero` = 1.
    - (C1) the result has data's element type and as many axes as `shape` has elements.
    - (C2) `shape` is 1-D i64.
    - (C3) the number of elements stays the same.

    Since: 5; `allowzero`: 14.
    Example: `%y = onnx.Reshape(%x, %s) : (tensor<?x?x64xf32>, tensor<4xi64>) -> tensor<?x?x4x16xf32>`
  }];
  let arguments = (ins AnyTensor:$data, AnyTensor:$shape, DefaultValuedAttr<I64Attr, "0">:$allowzero);
  let results = (outs AnyTensor:$reshaped);
}

def Onnx_SqueezeOp : Onnx_Op<"Squeeze"> {
  let summary = "Removes axes of size 1";
  let description = [{
    Without `axes`, all axes of size 1.
    - (C1) the result has data's element type, without those axes.
    - (C2) `axes` is 1-D i64, each in [-r, r), none twice.
    - (C3) the removed axes have size 1.

    Since: 1; `axes` as input: 13.
    Example: `%y = onnx.Squeeze(%x, %none) : (tensor<1xi64>, none) -> tensor<i64>`
  }];
  let arguments = (ins AnyTensor:$data, Onnx_OptTensor:$axes);
  let results = (outs AnyTensor:$squeezed);
}

def Onnx_UnsqueezeOp : Onnx_Op<"Unsqueeze"> {
  let summary = "Inserts axes of size 1";
  let description = [{
    `axes` are positions in the result.
    - (C1) the result has data's element type, with those axes.
    - (C2) `axes` is i64, each in [-q, q) for q axes of the result, none twice.

    Since: 1; `axes` as input: 13.
    Example: `%y = onnx.Unsqueeze(%x, %a) : (tensor<?x?xf32>, tensor<1xi64>) -> tensor<?x1x?xf32>`
  }];
  let arguments = (ins AnyTensor:$data, AnyTensor:$axes);
  let results = (outs AnyTensor:$expanded);
}

def Onnx_TransposeOp : Onnx_Op<"Transpose"> {
  let summary = "Permutes the axes: axis i of the result is axis perm[i] of `data`";
  let description = [{
    Without `perm`, the order is reversed.
    - (C1) the result has data's element type and the permuted sizes.
    - (C2) `perm` is a permutation of data's axes.

    Since: 1.
    Example: `%y = onnx.Transpose(%x) {perm = array<i64: 0, 2, 1, 3>} : (tensor<1x?x4x16xf32>) -> tensor<1x4x?x16xf32>`
  }];
  let arguments = (ins AnyTensor:$data, OptionalAttr<DenseI64ArrayAttr>:$perm);
  let results = (outs AnyTensor:$transposed);
}

def Onnx_ExpandOp : Onnx_Op<"Expand"> {
  let summary = "Broadcasts `input` with a tensor of the shape `shape`";
  let description = [{
    - (C1) the result has input's element type and the broadcast shape.
    - (C2) `shape` is 1-D i64.
    - (C3) the shapes broadcast.

    Since: 8.
    Example: `%y = onnx.Expand(%x, %s) : (tensor<1x1xf32>, tensor<2xi64>) -> tensor<?x?xf32>`
  }];
  let arguments = (ins AnyTensor:$input, AnyTensor:$shape);
  let results = (outs AnyTensor:$output);
}

def Onnx_TileOp : Onnx_Op<"Tile"> {
  let summary = "Repeats `input` `repeats[i]` times along axis i";
  let description = [{
    - (C1) the result has input's element type and the multiplied sizes.
    - (C2) `repeats` is 1-D i64 with one element per axis.

    Since: 6.
    Example: `%y = onnx.Tile(%x, %n) : (tensor<?x1x64xf32>, tensor<3xi64>) -> tensor<?x2x64xf32>`
  }];
  let arguments = (ins AnyTensor:$input, AnyTensor:$repeats);
  let results = (outs AnyTensor:$output);
}

def Onnx_ConcatOp : Onnx_Op<"Concat"> {
  let summary = "Joins tensors along one axis";
  let description = [{
    - (C1) the result has the operands' element type, the sum of the sizes along `axis` and their size elsewhere.
    - (C2) at least one operand; one element type, one rank, equal sizes except along `axis`.
    - (C3) `axis` is in [-r, r).

    Since: 4.
    Example: `%y = onnx.Concat(%a, %b) {axis = -1 : i64} : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x16xf32>`
  }];
  let arguments = (ins Variadic<AnyTensor>:$inputs, I64Attr:$axis);
  let results = (outs AnyTensor:$concat_result);
}

def Onnx_SplitOp : Onnx_Op<"Split"> {
  let summary = "Cuts a tensor along one axis";
  let description = [{
    Into pieces of the sizes `split`; without it into `num_outputs` pieces of ceil(size / num_outputs), the last
    one smaller where that does not divide. Import sets `num_outputs` where older versions leave it out.
    - (C1) the results have input's element type and its sizes except along `axis`.
    - (C2) either `split` (1-D i64, one element per result) or `num_outputs`, which is the number of results.
    - (C3) `axis` is in [-r, r).

    Since: 2; `split` as input: 13; `num_outputs`: 18.
    Example: `%a, %b = onnx.Split(%x, %none) {axis = 1 : i64, num_outputs = 2 : i64} : (tensor<?x96xf32>, none) -> (tensor<?x48xf32>, tensor<?x48xf32>)`
  }];
  let arguments = (ins AnyTensor:$input, Onnx_OptTensor:$split, DefaultValuedAttr<I64Attr, "0">:$axis,
                       OptionalAttr<I64Attr>:$num_outputs);
  let results = (outs Variadic<AnyTensor>:$outputs);
}

def Onnx_SliceOp : Onnx_Op<"Slice"> {
  let summary = "Takes starts[i], starts[i] + steps[i], ... before ends[i] along axes[i]";
  let description = [{
    Without `axes`, the first axes in order; without `steps`, 1. Negative positions count from the end; all are
    clamped to the axis, so the largest i64 means the end.
    - (C1) the result has data's element type and rank, and its sizes on the other axes.
    - (C2) `starts`, `ends`, `axes`, `steps` are 1-D i64 or i32 of one length, at most r.
    - (C3) axes are in [-r, r), none twice; steps are not 0.

    Since: 10.
    Example: `%y = onnx.Slice(%x, %s, %e, %a, %none) : (tensor<?x16xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>, none) -> tensor<?x8xf32>`
  }];
  let arguments = (ins AnyTensor:$data, AnyTensor:$starts, AnyTensor:$ends, Onnx_OptTensor:$axes,
                       Onnx_OptTensor:$steps);
  let results = (outs AnyTensor:$output);
}

def Onnx_GatherOp : Onnx_Op<"Gather"> {
  let summary = "Takes the slices `indices` of one axis";
  let description = [{
    output[i.., j.., k..] = data[i.., indices[j..], k..] with j at `axis`. Negative indices count from the end.
    - (C1) the result has data's element type and the shape data[:axis] + indices + data[axis+1:].
    - (C2) `indices` are i32 or i64.
    - (C3) `axis` is in [-r, r).

    Since: 1.
    Example: `%x = onnx.Gather(%embed, %ids) : (tensor<320x64xf32>, tensor<?x?xi64>) -> tensor<?x?x64xf32>`
  }];
  let arguments = (ins AnyTensor:$data, AnyTensor:$indices, DefaultValuedAttr<I64Attr, "0">:$axis);
  let results = (outs AnyTensor:$output);
}

def Onnx_GatherElementsOp : Onnx_Op<"GatherElements"> {
  let summary = "Takes one element of an axis for each element of `indices`";
  let description = [{
    output[i.., j, k..] = data[i.., indices[i.., j, k..], k..] with j at `axis`. Negative indices count from the end.
    - (C1) the result has data's element type and indices' shape.
    - (C2) `indices` are i32 or i64, with data's rank.
    - (C3) `axis` is in [-r, r).

    Since: 11.
    Example: `%y = onnx.GatherElements(%x, %i) {axis = 1 : i64} : (tensor<?x8xf32>, tensor<?x2xi64>) -> tensor<?x2xf32>`
  }];
  let arguments = (ins AnyTensor:$data, AnyTensor:$indices, DefaultValuedAttr<I64Attr, "0">:$axis);
  let results = (outs AnyTensor:$output);
}

def Onnx_GatherNDOp : Onnx_Op<"GatherND"> {
  let summary = "Takes the slices whose leading positions are the last axis of `indices`";
  let description = [{
    b = `batch_dims` leading axes are common; m = indices' last size; then
    output[b.., i..] = data[b.., indices[b.., i.., 0], .., indices[b.., i.., m-1]]. Negative indices count from the end.
    - (C1) the result has data's element type and the shape indices[:-1] + data[b+m:].
    - (C2) `indices` are i64 with at least one axis.
    - (C3) 0 <= `batch_dims` < min(rank of data, rank of indices), and 1 <= m <= rank of data - b.

    Since: 11; `batch_dims`: 12.
    Example: `%w = onnx.GatherND(%all, %i) : (tensor<8x96x64xf32>, tensor<?x1xi64>) -> tensor<?x96x64xf32>`
  }];
  let arguments = (ins AnyTensor:$data, AnyTensor:$indices, DefaultValuedAttr<I64Attr, "0">:$batch_dims);
  let results = (outs AnyTensor:$output);
}

#endif // MIXSERVE_ONNX_MOVEMENT_OPS_TD
