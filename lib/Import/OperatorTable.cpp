//===- OperatorTable.cpp - the ONNX operators that import knows -------------------------------===//
//
// Numbers and attributes from the operator schemas of the pinned onnx package. Where versions
// differ the row has the union, and OnnxToMlir writes the newest form.
//
//===-----------------------------------------------------------------------------------------===//

#include "OperatorTable.h"

#include "llvm/ADT/STLExtras.h"

namespace mixserve::import {

// clang-format off
static constexpr OperatorRow kRows[] = {
    // name, since, inputs min/op, outputs min/op, attributes; sorted by name
    {"Add", 7, 2, 2, 1, 1, ""},
    {"And", 7, 2, 2, 1, 1, ""},
    {"Attention", 23, 3, 7, 1, 4,
     "is_causal:i kv_num_heads:i q_num_heads:i qk_matmul_output_mode:i scale:f softcap:f softmax_precision:i "
     "left_window_size:=-1 right_window_size:=-1"},
    {"Cast", 13, 1, 1, 1, 1, "to:t saturate:x round_mode:x"},
    {"CastLike", 15, 2, 2, 1, 1, "saturate:x round_mode:x"},
    {"Concat", 11, -1, -1, 1, 1, "axis:i"},
    {"Constant", 12, 0, 0, 1, 1, "value:T value_int:i value_ints:I value_float:f value_floats:F"},
    {"ConstantOfShape", 9, 1, 1, 1, 1, "value:T"},
    {"Cos", 7, 1, 1, 1, 1, ""},
    {"CumSum", 11, 2, 2, 1, 1, "exclusive:i reverse:i"},
    {"Div", 7, 2, 2, 1, 1, ""},
    {"Equal", 11, 2, 2, 1, 1, ""},
    {"Expand", 8, 2, 2, 1, 1, ""},
    {"Gather", 11, 2, 2, 1, 1, "axis:i"},
    {"GatherElements", 11, 2, 2, 1, 1, "axis:i"},
    {"GatherND", 11, 2, 2, 1, 1, "batch_dims:i"},
    {"Gemm", 11, 2, 3, 1, 1, "alpha:f beta:f transA:i transB:i"},
    {"Greater", 9, 2, 2, 1, 1, ""},
    {"GreaterOrEqual", 12, 2, 2, 1, 1, ""},
    {"Identity", 1, 1, 1, 1, 1, ""},
    {"Less", 9, 2, 2, 1, 1, ""},
    {"LessOrEqual", 12, 2, 2, 1, 1, ""},
    {"MatMul", 9, 2, 2, 1, 1, ""},
    {"Max", 12, -1, -1, 1, 1, ""},
    {"Min", 12, -1, -1, 1, 1, ""},
    {"Mul", 7, 2, 2, 1, 1, ""},
    {"Neg", 6, 1, 1, 1, 1, ""},
    {"Not", 1, 1, 1, 1, 1, ""},
    {"Or", 7, 2, 2, 1, 1, ""},
    {"Pow", 12, 2, 2, 1, 1, ""},
    {"RMSNormalization", 23, 2, 2, 1, 1, "axis:i epsilon:f stash_type:i"},
    {"Range", 11, 3, 3, 1, 1, "stash_type:x"},
    {"Reciprocal", 6, 1, 1, 1, 1, ""},
    {"ReduceMean", 13, 1, 2, 1, 1, "axes:I keepdims:i noop_with_empty_axes:i"},
    {"ReduceSum", 13, 1, 2, 1, 1, "keepdims:i noop_with_empty_axes:i"},
    {"Reshape", 13, 2, 2, 1, 1, "allowzero:i"},
    {"RotaryEmbedding", 23, 3, 4, 1, 1, "interleaved:i num_heads:i rotary_embedding_dim:i"},
    {"Shape", 13, 1, 1, 1, 1, "start:i end:i"},
    {"Sigmoid", 6, 1, 1, 1, 1, ""},
    {"Sin", 7, 1, 1, 1, 1, ""},
    {"Slice", 10, 3, 5, 1, 1, ""},
    {"Softmax", 13, 1, 1, 1, 1, "axis:i"},
    {"Split", 13, 1, 2, 1, -1, "axis:i num_outputs:i"},
    {"Sqrt", 6, 1, 1, 1, 1, ""},
    {"Squeeze", 13, 1, 2, 1, 1, ""},
    {"Sub", 7, 2, 2, 1, 1, ""},
    {"Tile", 6, 2, 2, 1, 1, ""},
    {"TopK", 11, 2, 2, 1, 2, "axis:i largest:i sorted:i"},
    {"Transpose", 1, 1, 1, 1, 1, "perm:I"},
    {"Unsqueeze", 13, 2, 2, 1, 1, ""},
    {"Where", 9, 3, 3, 1, 1, ""},
};
// clang-format on

const OperatorRow *findOperator(llvm::StringRef name) {
  const OperatorRow *row =
      llvm::lower_bound(kRows, name, [](const OperatorRow &row, llvm::StringRef wanted) {
        return row.name < wanted;
      });
  return row != std::end(kRows) && row->name == name ? row : nullptr;
}

llvm::StringRef attributeKind(const OperatorRow &row, llvm::StringRef name) {
  for (llvm::StringRef rest = row.attributes; !rest.empty();) {
    auto [entry, tail] = rest.split(' ');
    auto [key, kind] = entry.split(':');
    if (key == name)
      return kind;
    rest = tail;
  }
  return {};
}

} // namespace mixserve::import
