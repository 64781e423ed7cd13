// One case per constraint; the label is in the message and in the function's name.
// RUN: mixserve-opt %s -split-input-file -verify-diagnostics

func.func @constant_c1_other_type() {
  // expected-error @below {{'onnx.Constant' op (C1) result #0 has type 'tensor<2xi64>', ONNX's rule gives 'tensor<1xi64>'}}
  %0 = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<2xi64>
  return
}

// -----

func.func @constant_of_shape_c1_rank(%s: tensor<2xi64>) {
  // expected-error @below {{(C1) result #0 has type 'tensor<?xf32>', ONNX's rule gives 'tensor<?x?xf32>'}}
  %0 = onnx.ConstantOfShape(%s) : (tensor<2xi64>) -> tensor<?xf32>
  return
}

// -----

func.func @constant_of_shape_c2_two_values(%s: tensor<2xi64>) {
  // expected-error @below {{(C2) value must have one element, got 2}}
  %0 = onnx.ConstantOfShape(%s) {value = dense<0> : tensor<2xi64>} : (tensor<2xi64>) -> tensor<?x?xi64>
  return
}

// -----

func.func @constant_of_shape_c3_float_shape(%s: tensor<2xf32>) {
  // expected-error @below {{(C3) input must be 1-D i64 or i32, got 'tensor<2xf32>'}}
  %0 = onnx.ConstantOfShape(%s) : (tensor<2xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @constant_of_shape_c3_negative() {
  %k = onnx.Constant() {value = dense<-3> : tensor<1xi64>} : () -> tensor<1xi64>
  // expected-error @below {{(C3) input has the negative size -3}}
  %0 = onnx.ConstantOfShape(%k) : (tensor<1xi64>) -> tensor<?xf32>
  return
}

// -----

func.func @range_c1_rank(%a: tensor<i64>) {
  // expected-error @below {{(C1) result #0 has type 'tensor<?x?xi64>', ONNX's rule gives 'tensor<?xi64>'}}
  %0 = onnx.Range(%a, %a, %a) : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?x?xi64>
  return
}

// -----

func.func @range_c2_mixed(%a: tensor<i64>, %b: tensor<f32>) {
  // expected-error @below {{(C2) operands must have one element type, got 'i64' and 'f32'}}
  %0 = onnx.Range(%a, %a, %b) : (tensor<i64>, tensor<i64>, tensor<f32>) -> tensor<?xi64>
  return
}

// -----

func.func @range_c2_many(%a: tensor<i64>, %b: tensor<2xi64>) {
  // expected-error @below {{(C2) start, limit and delta must have one element, got 'tensor<2xi64>'}}
  %0 = onnx.Range(%a, %b, %a) : (tensor<i64>, tensor<2xi64>, tensor<i64>) -> tensor<?xi64>
  return
}

// -----

func.func @add_c1_shape(%x: tensor<4xf32>) {
  // expected-error @below {{(C1) result #0 has type 'tensor<5xf32>', ONNX's rule gives 'tensor<4xf32>'}}
  %0 = onnx.Add(%x, %x) : (tensor<4xf32>, tensor<4xf32>) -> tensor<5xf32>
  return
}

// -----

func.func @add_c1_element(%x: tensor<4xf32>) {
  // expected-error @below {{(C1) result #0 has type 'tensor<4xf64>', ONNX's rule gives 'tensor<4xf32>'}}
  %0 = onnx.Add(%x, %x) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf64>
  return
}

// -----

func.func @mul_c2_mixed(%x: tensor<4xf32>, %i: tensor<4xi64>) {
  // expected-error @below {{'onnx.Mul' op (C2) operands must have one element type, got 'f32' and 'i64'}}
  %0 = onnx.Mul(%x, %i) : (tensor<4xf32>, tensor<4xi64>) -> tensor<4xf32>
  return
}

// -----

func.func @sub_c2_bool(%x: tensor<4xi1>) {
  // expected-error @below {{(C2) operands must be numbers, got 'i1'}}
  %0 = onnx.Sub(%x, %x) : (tensor<4xi1>, tensor<4xi1>) -> tensor<4xi1>
  return
}

// -----

func.func @div_c3_shapes(%x: tensor<4xf32>, %y: tensor<2x3xf32>) {
  // expected-error @below {{(C3) shapes do not broadcast: sizes 3 and 4 meet}}
  %0 = onnx.Div(%x, %y) : (tensor<4xf32>, tensor<2x3xf32>) -> tensor<*xf32>
  return
}

// -----

func.func @pow_c1_exponent_type(%x: tensor<4xf32>, %i: tensor<i64>) {
  // expected-error @below {{(C1) result #0 has type 'tensor<4xi64>', ONNX's rule gives 'tensor<4xf32>'}}
  %0 = onnx.Pow(%x, %i) : (tensor<4xf32>, tensor<i64>) -> tensor<4xi64>
  return
}

// -----

func.func @pow_c3_shapes(%x: tensor<4xf32>, %y: tensor<3xf32>) {
  // expected-error @below {{(C3) shapes do not broadcast: sizes 4 and 3 meet}}
  %0 = onnx.Pow(%x, %y) : (tensor<4xf32>, tensor<3xf32>) -> tensor<*xf32>
  return
}

// -----

func.func @max_c2_empty() {
  // expected-error @below {{(C2) needs at least one operand}}
  %0 = onnx.Max() : () -> tensor<4xf32>
  return
}

// -----

func.func @min_c2_mixed(%x: tensor<4xf32>, %i: tensor<4xi64>) {
  // expected-error @below {{(C2) operands must have one element type, got 'f32' and 'i64'}}
  %0 = onnx.Min(%x, %i) : (tensor<4xf32>, tensor<4xi64>) -> tensor<4xf32>
  return
}

// -----

func.func @max_c3_shapes(%x: tensor<4xf32>, %y: tensor<3xf32>) {
  // expected-error @below {{(C3) shapes do not broadcast: sizes 4 and 3 meet}}
  %0 = onnx.Max(%x, %x, %y) : (tensor<4xf32>, tensor<4xf32>, tensor<3xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @sigmoid_c1(%x: tensor<4xf32>) {
  // expected-error @below {{(C1) result #0 has type 'tensor<4x1xf32>', ONNX's rule gives 'tensor<4xf32>'}}
  %0 = onnx.Sigmoid(%x) : (tensor<4xf32>) -> tensor<4x1xf32>
  return
}

// -----

func.func @equal_c1_not_bool(%x: tensor<4xf32>) {
  // expected-error @below {{(C1) result #0 has type 'tensor<4xf32>', ONNX's rule gives 'tensor<4xi1>'}}
  %0 = onnx.Equal(%x, %x) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @less_c2_mixed(%x: tensor<4xf32>, %i: tensor<4xi64>) {
  // expected-error @below {{(C2) operands must have one element type, got 'f32' and 'i64'}}
  %0 = onnx.Less(%x, %i) : (tensor<4xf32>, tensor<4xi64>) -> tensor<4xi1>
  return
}

// -----

func.func @greater_c3_shapes(%x: tensor<4xf32>, %y: tensor<3xf32>) {
  // expected-error @below {{(C3) shapes do not broadcast: sizes 4 and 3 meet}}
  %0 = onnx.Greater(%x, %y) : (tensor<4xf32>, tensor<3xf32>) -> tensor<*xi1>
  return
}

// -----

func.func @and_c1(%x: tensor<4xi1>) {
  // expected-error @below {{(C1) result #0 has type 'tensor<1xi1>', ONNX's rule gives 'tensor<4xi1>'}}
  %0 = onnx.And(%x, %x) : (tensor<4xi1>, tensor<4xi1>) -> tensor<1xi1>
  return
}

// -----

func.func @or_c2_ints(%x: tensor<4xi1>, %i: tensor<4xi64>) {
  // expected-error @below {{(C2) operands must have element type i1, got 'tensor<4xi64>'}}
  %0 = onnx.Or(%x, %i) : (tensor<4xi1>, tensor<4xi64>) -> tensor<4xi1>
  return
}

// -----

func.func @not_c2_ints(%i: tensor<4xi64>) {
  // expected-error @below {{(C2) operands must have element type i1, got 'tensor<4xi64>'}}
  %0 = onnx.Not(%i) : (tensor<4xi64>) -> tensor<4xi1>
  return
}

// -----

func.func @and_c3_shapes(%x: tensor<4xi1>, %y: tensor<3xi1>) {
  // expected-error @below {{(C3) shapes do not broadcast: sizes 4 and 3 meet}}
  %0 = onnx.And(%x, %y) : (tensor<4xi1>, tensor<3xi1>) -> tensor<*xi1>
  return
}

// -----

func.func @where_c1_element(%c: tensor<4xi1>, %x: tensor<f32>) {
  // expected-error @below {{(C1) result #0 has type 'tensor<4xi1>', ONNX's rule gives 'tensor<4xf32>'}}
  %0 = onnx.Where(%c, %x, %x) : (tensor<4xi1>, tensor<f32>, tensor<f32>) -> tensor<4xi1>
  return
}

// -----

func.func @where_c2_condition(%c: tensor<4xi64>, %x: tensor<f32>) {
  // expected-error @below {{(C2) condition must have element type i1, got 'tensor<4xi64>'}}
  %0 = onnx.Where(%c, %x, %x) : (tensor<4xi64>, tensor<f32>, tensor<f32>) -> tensor<4xf32>
  return
}

// -----

func.func @where_c2_branches(%c: tensor<4xi1>, %x: tensor<f32>, %i: tensor<i64>) {
  // expected-error @below {{(C2) operands must have one element type, got 'f32' and 'i64'}}
  %0 = onnx.Where(%c, %x, %i) : (tensor<4xi1>, tensor<f32>, tensor<i64>) -> tensor<4xf32>
  return
}

// -----

func.func @where_c3_shapes(%c: tensor<4xi1>, %x: tensor<3xf32>) {
  // expected-error @below {{(C3) shapes do not broadcast: sizes 4 and 3 meet}}
  %0 = onnx.Where(%c, %x, %x) : (tensor<4xi1>, tensor<3xf32>, tensor<3xf32>) -> tensor<*xf32>
  return
}

// -----

func.func @cast_c1_element(%x: tensor<4xf32>) {
  // expected-error @below {{(C1) result #0 has type 'tensor<4xi32>', ONNX's rule gives 'tensor<4xi64>'}}
  %0 = onnx.Cast(%x) {to = i64} : (tensor<4xf32>) -> tensor<4xi32>
  return
}

// -----

func.func @cast_c2_index(%x: tensor<4xf32>) {
  // expected-error @below {{(C2) to must be a float, integer or bool type, got 'index'}}
  %0 = onnx.Cast(%x) {to = index} : (tensor<4xf32>) -> tensor<4xindex>
  return
}

// -----

func.func @cast_like_c1(%x: tensor<4xf32>, %i: tensor<i64>) {
  // expected-error @below {{(C1) result #0 has type 'tensor<4xf32>', ONNX's rule gives 'tensor<4xi64>'}}
  %0 = onnx.CastLike(%x, %i) : (tensor<4xf32>, tensor<i64>) -> tensor<4xf32>
  return
}

// -----

func.func @shape_c1_length(%x: tensor<?x4xf32>) {
  // expected-error @below {{(C1) result #0 has type 'tensor<2xi64>', ONNX's rule gives 'tensor<1xi64>'}}
  %0 = onnx.Shape(%x) {start = 1 : i64} : (tensor<?x4xf32>) -> tensor<2xi64>
  return
}

// -----

func.func @reshape_c1_sizes(%x: tensor<2x4xf32>) {
  %k = onnx.Constant() {value = dense<[0, -1]> : tensor<2xi64>} : () -> tensor<2xi64>
  // expected-error @below {{(C1) result #0 has type 'tensor<4x4xf32>', ONNX's rule gives 'tensor<2x4xf32>'}}
  %0 = onnx.Reshape(%x, %k) : (tensor<2x4xf32>, tensor<2xi64>) -> tensor<4x4xf32>
  return
}

// -----

func.func @reshape_c2_matrix(%x: tensor<4xf32>, %s: tensor<1x1xi64>) {
  // expected-error @below {{(C2) shape must be 1-D i64 or i32, got 'tensor<1x1xi64>'}}
  %0 = onnx.Reshape(%x, %s) : (tensor<4xf32>, tensor<1x1xi64>) -> tensor<*xf32>
  return
}

// -----

func.func @reshape_c2_two_unknown(%x: tensor<4xf32>) {
  %k = onnx.Constant() {value = dense<-1> : tensor<2xi64>} : () -> tensor<2xi64>
  // expected-error @below {{(C2) shape has -1 twice}}
  %0 = onnx.Reshape(%x, %k) : (tensor<4xf32>, tensor<2xi64>) -> tensor<*xf32>
  return
}

// -----

func.func @reshape_c2_negative(%x: tensor<4xf32>) {
  %k = onnx.Constant() {value = dense<-2> : tensor<1xi64>} : () -> tensor<1xi64>
  // expected-error @below {{(C2) shape has the size -2}}
  %0 = onnx.Reshape(%x, %k) : (tensor<4xf32>, tensor<1xi64>) -> tensor<*xf32>
  return
}

// -----

func.func @reshape_c2_copies_too_far(%x: tensor<4xf32>) {
  %k = onnx.Constant() {value = dense<[4, 0]> : tensor<2xi64>} : () -> tensor<2xi64>
  // expected-error @below {{(C2) shape copies axis 1 of a tensor of 1 axes}}
  %0 = onnx.Reshape(%x, %k) : (tensor<4xf32>, tensor<2xi64>) -> tensor<*xf32>
  return
}

// -----

func.func @reshape_c3_elements(%x: tensor<2x4xf32>) {
  %k = onnx.Constant() {value = dense<3> : tensor<2xi64>} : () -> tensor<2xi64>
  // expected-error @below {{(C3) cannot reshape 'tensor<2x4xf32>': 8 elements to a shape of 9}}
  %0 = onnx.Reshape(%x, %k) : (tensor<2x4xf32>, tensor<2xi64>) -> tensor<*xf32>
  return
}

// -----

func.func @squeeze_c1_rank(%x: tensor<4x1xf32>) {
  %k = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  // expected-error @below {{(C1) result #0 has type 'tensor<4x1xf32>', ONNX's rule gives 'tensor<4xf32>'}}
  %0 = onnx.Squeeze(%x, %k) : (tensor<4x1xf32>, tensor<1xi64>) -> tensor<4x1xf32>
  return
}

// -----

func.func @squeeze_c2_range(%x: tensor<4x1xf32>) {
  %k = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  // expected-error @below {{(C2) axis = 2 is outside [-2, 2)}}
  %0 = onnx.Squeeze(%x, %k) : (tensor<4x1xf32>, tensor<1xi64>) -> tensor<4xf32>
  return
}

// -----

func.func @squeeze_c2_twice(%x: tensor<1x1xf32>) {
  %k = onnx.Constant() {value = dense<[1, -1]> : tensor<2xi64>} : () -> tensor<2xi64>
  // expected-error @below {{(C2) axis 1 is named twice}}
  %0 = onnx.Squeeze(%x, %k) : (tensor<1x1xf32>, tensor<2xi64>) -> tensor<f32>
  return
}

// -----

func.func @squeeze_c3_size(%x: tensor<4x1xf32>) {
  %k = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  // expected-error @below {{(C3) axis 0 has size 4, not 1}}
  %0 = onnx.Squeeze(%x, %k) : (tensor<4x1xf32>, tensor<1xi64>) -> tensor<1xf32>
  return
}

// -----

func.func @unsqueeze_c1_place(%x: tensor<4xf32>) {
  %k = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  // expected-error @below {{(C1) result #0 has type 'tensor<1x4xf32>', ONNX's rule gives 'tensor<4x1xf32>'}}
  %0 = onnx.Unsqueeze(%x, %k) : (tensor<4xf32>, tensor<1xi64>) -> tensor<1x4xf32>
  return
}

// -----

func.func @unsqueeze_c2_float(%x: tensor<4xf32>) {
  // expected-error @below {{(C2) axes must be i64, got 'tensor<4xf32>'}}
  %0 = onnx.Unsqueeze(%x, %x) : (tensor<4xf32>, tensor<4xf32>) -> tensor<*xf32>
  return
}

// -----

func.func @unsqueeze_c2_twice(%x: tensor<4xf32>) {
  %k = onnx.Constant() {value = dense<0> : tensor<2xi64>} : () -> tensor<2xi64>
  // expected-error @below {{(C2) axis 0 is named twice}}
  %0 = onnx.Unsqueeze(%x, %k) : (tensor<4xf32>, tensor<2xi64>) -> tensor<*xf32>
  return
}

// -----

func.func @transpose_c1_sizes(%x: tensor<2x4xf32>) {
  // expected-error @below {{(C1) result #0 has type 'tensor<2x4xf32>', ONNX's rule gives 'tensor<4x2xf32>'}}
  %0 = onnx.Transpose(%x) : (tensor<2x4xf32>) -> tensor<2x4xf32>
  return
}

// -----

func.func @transpose_c2_length(%x: tensor<2x4xf32>) {
  // expected-error @below {{(C2) perm has 1 axes, data has 2}}
  %0 = onnx.Transpose(%x) {perm = array<i64: 0>} : (tensor<2x4xf32>) -> tensor<*xf32>
  return
}

// -----

func.func @transpose_c2_repeats(%x: tensor<2x4xf32>) {
  // expected-error @below {{(C2) perm is no permutation: axis 1}}
  %0 = onnx.Transpose(%x) {perm = array<i64: 1, 1>} : (tensor<2x4xf32>) -> tensor<*xf32>
  return
}

// -----

func.func @expand_c1_rank(%x: tensor<1xf32>, %s: tensor<2xi64>) {
  // expected-error @below {{(C1) result #0 has type 'tensor<?xf32>', ONNX's rule gives 'tensor<?x?xf32>'}}
  %0 = onnx.Expand(%x, %s) : (tensor<1xf32>, tensor<2xi64>) -> tensor<?xf32>
  return
}

// -----

func.func @expand_c2_negative(%x: tensor<1xf32>) {
  %k = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  // expected-error @below {{(C2) shape has the size -1}}
  %0 = onnx.Expand(%x, %k) : (tensor<1xf32>, tensor<1xi64>) -> tensor<?xf32>
  return
}

// -----

func.func @expand_c3_shapes(%x: tensor<2xf32>) {
  %k = onnx.Constant() {value = dense<3> : tensor<1xi64>} : () -> tensor<1xi64>
  // expected-error @below {{(C3) shapes do not broadcast: sizes 2 and 3 meet}}
  %0 = onnx.Expand(%x, %k) : (tensor<2xf32>, tensor<1xi64>) -> tensor<?xf32>
  return
}

// -----

func.func @tile_c1_sizes(%x: tensor<2xf32>) {
  %k = onnx.Constant() {value = dense<3> : tensor<1xi64>} : () -> tensor<1xi64>
  // expected-error @below {{(C1) result #0 has type 'tensor<2xf32>', ONNX's rule gives 'tensor<6xf32>'}}
  %0 = onnx.Tile(%x, %k) : (tensor<2xf32>, tensor<1xi64>) -> tensor<2xf32>
  return
}

// -----

func.func @tile_c2_length(%x: tensor<2xf32>, %s: tensor<2xi64>) {
  // expected-error @below {{(C2) repeats has 2 elements for 1 axes}}
  %0 = onnx.Tile(%x, %s) : (tensor<2xf32>, tensor<2xi64>) -> tensor<*xf32>
  return
}

// -----

func.func @tile_c2_negative(%x: tensor<2xf32>) {
  %k = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  // expected-error @below {{(C2) repeats has the negative count -1}}
  %0 = onnx.Tile(%x, %k) : (tensor<2xf32>, tensor<1xi64>) -> tensor<*xf32>
  return
}

// -----

func.func @concat_c1_size(%x: tensor<2xf32>) {
  // expected-error @below {{(C1) result #0 has type 'tensor<2xf32>', ONNX's rule gives 'tensor<4xf32>'}}
  %0 = onnx.Concat(%x, %x) {axis = 0 : i64} : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  return
}

// -----

func.func @concat_c2_empty() {
  // expected-error @below {{(C2) needs at least one operand}}
  %0 = onnx.Concat() {axis = 0 : i64} : () -> tensor<2xf32>
  return
}

// -----

func.func @concat_c2_mixed(%x: tensor<2xf32>, %i: tensor<2xi64>) {
  // expected-error @below {{(C2) operands must have one element type, got 'f32' and 'i64'}}
  %0 = onnx.Concat(%x, %i) {axis = 0 : i64} : (tensor<2xf32>, tensor<2xi64>) -> tensor<4xf32>
  return
}

// -----

func.func @concat_c2_rank(%x: tensor<2xf32>, %y: tensor<2x1xf32>) {
  // expected-error @below {{(C2) operands must have one rank, got 1 and 2}}
  %0 = onnx.Concat(%x, %y) {axis = 0 : i64} : (tensor<2xf32>, tensor<2x1xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @concat_c2_sizes(%x: tensor<2x3xf32>, %y: tensor<2x4xf32>) {
  // expected-error @below {{(C2) sizes differ on axis 1: 3 and 4}}
  %0 = onnx.Concat(%x, %y) {axis = 0 : i64} : (tensor<2x3xf32>, tensor<2x4xf32>) -> tensor<4x3xf32>
  return
}

// -----

func.func @concat_c3_axis(%x: tensor<2xf32>) {
  // expected-error @below {{(C3) axis = 1 is outside [-1, 1)}}
  %0 = onnx.Concat(%x, %x) {axis = 1 : i64} : (tensor<2xf32>, tensor<2xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @split_c1_sizes(%x: tensor<8xf32>) {
  %none = onnx.NoValue : none
  // expected-error @below {{(C1) result #0 has type 'tensor<3xf32>', ONNX's rule gives 'tensor<4xf32>'}}
  %0:2 = onnx.Split(%x, %none) {num_outputs = 2 : i64} : (tensor<8xf32>, none) -> (tensor<3xf32>, tensor<5xf32>)
  return
}

// -----

func.func @split_c2_neither(%x: tensor<8xf32>) {
  %none = onnx.NoValue : none
  // expected-error @below {{(C2) num_outputs must be the number of results, 2}}
  %0:2 = onnx.Split(%x, %none) : (tensor<8xf32>, none) -> (tensor<4xf32>, tensor<4xf32>)
  return
}

// -----

func.func @split_c2_both(%x: tensor<8xf32>, %s: tensor<2xi64>) {
  // expected-error @below {{(C2) needs either split, with one element per result, or num_outputs}}
  %0:2 = onnx.Split(%x, %s) {num_outputs = 2 : i64} : (tensor<8xf32>, tensor<2xi64>) -> (tensor<4xf32>, tensor<4xf32>)
  return
}

// -----

func.func @split_c2_negative(%x: tensor<8xf32>) {
  %k = onnx.Constant() {value = dense<[9, -1]> : tensor<2xi64>} : () -> tensor<2xi64>
  // expected-error @below {{(C2) split has a negative size}}
  %0:2 = onnx.Split(%x, %k) : (tensor<8xf32>, tensor<2xi64>) -> (tensor<?xf32>, tensor<?xf32>)
  return
}

// -----

func.func @split_c3_axis(%x: tensor<8xf32>) {
  %none = onnx.NoValue : none
  // expected-error @below {{(C3) axis = 1 is outside [-1, 1)}}
  %0:2 = onnx.Split(%x, %none) {axis = 1 : i64, num_outputs = 2 : i64} : (tensor<8xf32>, none) -> (tensor<4xf32>, tensor<4xf32>)
  return
}

// -----

func.func @slice_c1_size(%x: tensor<8xf32>) {
  %none = onnx.NoValue : none
  %k = onnx.Constant() {value = dense<-4> : tensor<1xi64>} : () -> tensor<1xi64>
  %k2 = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  // expected-error @below {{(C1) result #0 has type 'tensor<8xf32>', ONNX's rule gives 'tensor<3xf32>'}}
  %0 = onnx.Slice(%x, %k, %k2, %none, %none) : (tensor<8xf32>, tensor<1xi64>, tensor<1xi64>, none, none) -> tensor<8xf32>
  return
}

// -----

func.func @slice_c2_lengths(%x: tensor<8xf32>, %a: tensor<1xi64>, %b: tensor<2xi64>) {
  %none = onnx.NoValue : none
  // expected-error @below {{(C2) ends has 2 elements, starts has 1}}
  %0 = onnx.Slice(%x, %a, %b, %none, %none) : (tensor<8xf32>, tensor<1xi64>, tensor<2xi64>, none, none) -> tensor<?xf32>
  return
}

// -----

func.func @slice_c2_too_many(%x: tensor<8xf32>, %b: tensor<2xi64>) {
  %none = onnx.NoValue : none
  // expected-error @below {{(C2) slices 2 axes of a tensor of 1}}
  %0 = onnx.Slice(%x, %b, %b, %none, %none) : (tensor<8xf32>, tensor<2xi64>, tensor<2xi64>, none, none) -> tensor<?xf32>
  return
}

// -----

func.func @slice_c3_axis(%x: tensor<8xf32>, %a: tensor<1xi64>) {
  %none = onnx.NoValue : none
  %k = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  // expected-error @below {{(C3) axis = 1 is outside [-1, 1)}}
  %0 = onnx.Slice(%x, %a, %a, %k, %none) : (tensor<8xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>, none) -> tensor<?xf32>
  return
}

// -----

func.func @slice_c3_step(%x: tensor<8xf32>, %a: tensor<1xi64>) {
  %none = onnx.NoValue : none
  %k = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  // expected-error @below {{(C3) a step is 0}}
  %0 = onnx.Slice(%x, %a, %a, %none, %k) : (tensor<8xf32>, tensor<1xi64>, tensor<1xi64>, none, tensor<1xi64>) -> tensor<?xf32>
  return
}

// -----

func.func @gather_c1_shape(%x: tensor<8x4xf32>, %i: tensor<2xi64>) {
  // expected-error @below {{(C1) result #0 has type 'tensor<2x4xf32>', ONNX's rule gives 'tensor<8x2xf32>'}}
  %0 = onnx.Gather(%x, %i) {axis = 1 : i64} : (tensor<8x4xf32>, tensor<2xi64>) -> tensor<2x4xf32>
  return
}

// -----

func.func @gather_c2_float(%x: tensor<8xf32>) {
  // expected-error @below {{(C2) indices must be i32 or i64, got 'tensor<8xf32>'}}
  %0 = onnx.Gather(%x, %x) : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  return
}

// -----

func.func @gather_c3_axis(%x: tensor<8xf32>, %i: tensor<2xi64>) {
  // expected-error @below {{(C3) axis = 1 is outside [-1, 1)}}
  %0 = onnx.Gather(%x, %i) {axis = 1 : i64} : (tensor<8xf32>, tensor<2xi64>) -> tensor<2xf32>
  return
}

// -----

func.func @gather_elements_c1_shape(%x: tensor<8xf32>, %i: tensor<2xi64>) {
  // expected-error @below {{(C1) result #0 has type 'tensor<8xf32>', ONNX's rule gives 'tensor<2xf32>'}}
  %0 = onnx.GatherElements(%x, %i) : (tensor<8xf32>, tensor<2xi64>) -> tensor<8xf32>
  return
}

// -----

func.func @gather_elements_c2_rank(%x: tensor<8x1xf32>, %i: tensor<2xi64>) {
  // expected-error @below {{(C2) indices have 1 axes, data has 2}}
  %0 = onnx.GatherElements(%x, %i) : (tensor<8x1xf32>, tensor<2xi64>) -> tensor<2xf32>
  return
}

// -----

func.func @gather_elements_c3_axis(%x: tensor<8xf32>, %i: tensor<2xi64>) {
  // expected-error @below {{(C3) axis = -2 is outside [-1, 1)}}
  %0 = onnx.GatherElements(%x, %i) {axis = -2 : i64} : (tensor<8xf32>, tensor<2xi64>) -> tensor<2xf32>
  return
}

// -----

func.func @gather_nd_c1_shape(%x: tensor<8x4xf32>, %i: tensor<2x1xi64>) {
  // expected-error @below {{(C1) result #0 has type 'tensor<2xf32>', ONNX's rule gives 'tensor<2x4xf32>'}}
  %0 = onnx.GatherND(%x, %i) : (tensor<8x4xf32>, tensor<2x1xi64>) -> tensor<2xf32>
  return
}

// -----

func.func @gather_nd_c2_scalar(%x: tensor<8x4xf32>, %i: tensor<i64>) {
  // expected-error @below {{(C2) indices must have at least one axis}}
  %0 = onnx.GatherND(%x, %i) : (tensor<8x4xf32>, tensor<i64>) -> tensor<*xf32>
  return
}

// -----

func.func @gather_nd_c3_depth(%x: tensor<8x4xf32>, %i: tensor<2x3xi64>) {
  // expected-error @below {{(C3) indices name 3 axes, data has 2}}
  %0 = onnx.GatherND(%x, %i) : (tensor<8x4xf32>, tensor<2x3xi64>) -> tensor<*xf32>
  return
}

// -----

func.func @gather_nd_c3_batch(%x: tensor<8x4xf32>, %i: tensor<2x1xi64>) {
  // expected-error @below {{(C3) batch_dims = 2 for data of 2 and indices of 2 axes}}
  %0 = onnx.GatherND(%x, %i) {batch_dims = 2 : i64} : (tensor<8x4xf32>, tensor<2x1xi64>) -> tensor<*xf32>
  return
}

// -----

func.func @reduce_sum_c1_keepdims(%x: tensor<2x8xf32>) {
  %k = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  // expected-error @below {{(C1) result #0 has type 'tensor<2xf32>', ONNX's rule gives 'tensor<2x1xf32>'}}
  %0 = onnx.ReduceSum(%x, %k) : (tensor<2x8xf32>, tensor<1xi64>) -> tensor<2xf32>
  return
}

// -----

func.func @reduce_mean_c2_axis(%x: tensor<2x8xf32>) {
  %k = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  // expected-error @below {{(C2) axis = 2 is outside [-2, 2)}}
  %0 = onnx.ReduceMean(%x, %k) : (tensor<2x8xf32>, tensor<1xi64>) -> tensor<2x1xf32>
  return
}

// -----

func.func @reduce_sum_c2_twice(%x: tensor<2x8xf32>) {
  %k = onnx.Constant() {value = dense<[1, -1]> : tensor<2xi64>} : () -> tensor<2xi64>
  // expected-error @below {{(C2) axis 1 is named twice}}
  %0 = onnx.ReduceSum(%x, %k) : (tensor<2x8xf32>, tensor<2xi64>) -> tensor<2x1xf32>
  return
}

// -----

func.func @cumsum_c1(%x: tensor<2x8xf32>, %a: tensor<i64>) {
  // expected-error @below {{(C1) result #0 has type 'tensor<8x2xf32>', ONNX's rule gives 'tensor<2x8xf32>'}}
  %0 = onnx.CumSum(%x, %a) : (tensor<2x8xf32>, tensor<i64>) -> tensor<8x2xf32>
  return
}

// -----

func.func @cumsum_c2_many(%x: tensor<2x8xf32>, %a: tensor<2xi64>) {
  // expected-error @below {{(C2) axis must be one i64 or i32, got 'tensor<2xi64>'}}
  %0 = onnx.CumSum(%x, %a) : (tensor<2x8xf32>, tensor<2xi64>) -> tensor<2x8xf32>
  return
}

// -----

func.func @cumsum_c2_range(%x: tensor<2x8xf32>) {
  %k = onnx.Constant() {value = dense<2> : tensor<i64>} : () -> tensor<i64>
  // expected-error @below {{(C2) axis = 2 is outside [-2, 2)}}
  %0 = onnx.CumSum(%x, %k) : (tensor<2x8xf32>, tensor<i64>) -> tensor<2x8xf32>
  return
}

// -----

func.func @softmax_c1(%x: tensor<2x8xf32>) {
  // expected-error @below {{(C1) result #0 has type 'tensor<2xf32>', ONNX's rule gives 'tensor<2x8xf32>'}}
  %0 = onnx.Softmax(%x) : (tensor<2x8xf32>) -> tensor<2xf32>
  return
}

// -----

func.func @softmax_c2_axis(%x: tensor<2x8xf32>) {
  // expected-error @below {{(C2) axis = 2 is outside [-2, 2)}}
  %0 = onnx.Softmax(%x) {axis = 2 : i64} : (tensor<2x8xf32>) -> tensor<2x8xf32>
  return
}

// -----

func.func @topk_c1_indices(%x: tensor<2x8xf32>) {
  %k = onnx.Constant() {value = dense<3> : tensor<1xi64>} : () -> tensor<1xi64>
  // expected-error @below {{(C1) result #1 has type 'tensor<2x3xi32>', ONNX's rule gives 'tensor<2x3xi64>'}}
  %0, %1 = onnx.TopK(%x, %k) : (tensor<2x8xf32>, tensor<1xi64>) -> (tensor<2x3xf32>, tensor<2x3xi32>)
  return
}

// -----

func.func @topk_c2_large(%x: tensor<2x8xf32>) {
  %k = onnx.Constant() {value = dense<9> : tensor<1xi64>} : () -> tensor<1xi64>
  // expected-error @below {{(C2) K = 9 for an axis of size 8}}
  %0, %1 = onnx.TopK(%x, %k) : (tensor<2x8xf32>, tensor<1xi64>) -> (tensor<2x?xf32>, tensor<2x?xi64>)
  return
}

// -----

func.func @topk_c2_many(%x: tensor<2x8xf32>, %n: tensor<2xi64>) {
  // expected-error @below {{(C2) K must be one i64, got 'tensor<2xi64>'}}
  %0, %1 = onnx.TopK(%x, %n) : (tensor<2x8xf32>, tensor<2xi64>) -> (tensor<2x?xf32>, tensor<2x?xi64>)
  return
}

// -----

func.func @topk_c3_axis(%x: tensor<2x8xf32>, %n: tensor<1xi64>) {
  // expected-error @below {{(C3) axis = 2 is outside [-2, 2)}}
  %0, %1 = onnx.TopK(%x, %n) {axis = 2 : i64} : (tensor<2x8xf32>, tensor<1xi64>) -> (tensor<2x?xf32>, tensor<2x?xi64>)
  return
}

// -----

func.func @matmul_c1_shape(%x: tensor<2x8xf32>, %w: tensor<8x3xf32>) {
  // expected-error @below {{(C1) result #0 has type 'tensor<3x2xf32>', ONNX's rule gives 'tensor<2x3xf32>'}}
  %0 = onnx.MatMul(%x, %w) : (tensor<2x8xf32>, tensor<8x3xf32>) -> tensor<3x2xf32>
  return
}

// -----

func.func @matmul_c1_batch(%x: tensor<2x4x8xf32>, %w: tensor<3x8x4xf32>) {
  // expected-error @below {{(C1) shapes do not broadcast: sizes 2 and 3 meet}}
  %0 = onnx.MatMul(%x, %w) : (tensor<2x4x8xf32>, tensor<3x8x4xf32>) -> tensor<*xf32>
  return
}

// -----

func.func @matmul_c2_mixed(%x: tensor<2x8xf32>, %w: tensor<8x3xf64>) {
  // expected-error @below {{(C2) operands must be numbers of one element type, got 'f32' and 'f64'}}
  %0 = onnx.MatMul(%x, %w) : (tensor<2x8xf32>, tensor<8x3xf64>) -> tensor<2x3xf32>
  return
}

// -----

func.func @matmul_c2_scalar(%x: tensor<2x8xf32>, %w: tensor<f32>) {
  // expected-error @below {{(C2) operands must have at least one axis}}
  %0 = onnx.MatMul(%x, %w) : (tensor<2x8xf32>, tensor<f32>) -> tensor<2xf32>
  return
}

// -----

func.func @matmul_c3_inner(%x: tensor<2x8xf32>, %w: tensor<7x3xf32>) {
  // expected-error @below {{(C3) A has 8 columns, B has 7 rows}}
  %0 = onnx.MatMul(%x, %w) : (tensor<2x8xf32>, tensor<7x3xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @gemm_c1_shape(%x: tensor<2x8xf32>, %w: tensor<8x3xf32>) {
  %none = onnx.NoValue : none
  // expected-error @below {{(C1) result #0 has type 'tensor<2x4xf32>', ONNX's rule gives 'tensor<2x3xf32>'}}
  %0 = onnx.Gemm(%x, %w, %none) : (tensor<2x8xf32>, tensor<8x3xf32>, none) -> tensor<2x4xf32>
  return
}

// -----

func.func @gemm_c2_inner(%x: tensor<2x8xf32>, %w: tensor<8x3xf32>) {
  %none = onnx.NoValue : none
  // expected-error @below {{(C2) A' has 8 columns, B' has 3 rows}}
  %0 = onnx.Gemm(%x, %w, %none) {transB = 1 : i64} : (tensor<2x8xf32>, tensor<8x3xf32>, none) -> tensor<2x8xf32>
  return
}

// -----

func.func @gemm_c2_rank(%x: tensor<2x8xf32>, %w: tensor<8xf32>) {
  %none = onnx.NoValue : none
  // expected-error @below {{(C2) A and B must be matrices}}
  %0 = onnx.Gemm(%x, %w, %none) : (tensor<2x8xf32>, tensor<8xf32>, none) -> tensor<2x8xf32>
  return
}

// -----

func.func @gemm_c2_element(%x: tensor<2x8xf32>, %w: tensor<8x3xf64>) {
  %none = onnx.NoValue : none
  // expected-error @below {{(C2) operands must have one element type}}
  %0 = onnx.Gemm(%x, %w, %none) : (tensor<2x8xf32>, tensor<8x3xf64>, none) -> tensor<2x3xf32>
  return
}

// -----

func.func @rms_normalization_c1_element(%x: tensor<2x8xf32>, %w: tensor<8xf16>) {
  // expected-error @below {{(C1) result #0 has type 'tensor<2x8xf32>', ONNX's rule gives 'tensor<2x8xf16>'}}
  %0 = onnx.RMSNormalization(%x, %w) : (tensor<2x8xf32>, tensor<8xf16>) -> tensor<2x8xf32>
  return
}

// -----

func.func @rms_normalization_c2_axis(%x: tensor<2x8xf32>, %w: tensor<8xf32>) {
  // expected-error @below {{(C2) axis = 2 is outside [-2, 2)}}
  %0 = onnx.RMSNormalization(%x, %w) {axis = 2 : i64} : (tensor<2x8xf32>, tensor<8xf32>) -> tensor<2x8xf32>
  return
}

// -----

func.func @rms_normalization_c3_rank(%x: tensor<2x8xf32>, %w: tensor<1x2x8xf32>) {
  // expected-error @below {{(C3) scale has 3 axes, X has 2}}
  %0 = onnx.RMSNormalization(%x, %w) : (tensor<2x8xf32>, tensor<1x2x8xf32>) -> tensor<2x8xf32>
  return
}

// -----

func.func @rms_normalization_c3_size(%x: tensor<2x8xf32>, %w: tensor<7xf32>) {
  // expected-error @below {{(C3) shapes do not broadcast: sizes 8 and 7 meet}}
  %0 = onnx.RMSNormalization(%x, %w) : (tensor<2x8xf32>, tensor<7xf32>) -> tensor<2x8xf32>
  return
}

// -----

func.func @rotary_embedding_c1(%x: tensor<1x2x64xf32>, %c: tensor<1x2x8xf32>) {
  %none = onnx.NoValue : none
  // expected-error @below {{(C1) result #0 has type 'tensor<1x2x32xf32>', ONNX's rule gives 'tensor<1x2x64xf32>'}}
  %0 = onnx.RotaryEmbedding(%x, %c, %c, %none) {num_heads = 4 : i64} : (tensor<1x2x64xf32>, tensor<1x2x8xf32>, tensor<1x2x8xf32>, none) -> tensor<1x2x32xf32>
  return
}

// -----

func.func @rotary_embedding_c2_rank(%x: tensor<2x64xf32>, %c: tensor<1x2x8xf32>) {
  %none = onnx.NoValue : none
  // expected-error @below {{(C2) X must have 3 or 4 axes, got 'tensor<2x64xf32>'}}
  %0 = onnx.RotaryEmbedding(%x, %c, %c, %none) {num_heads = 4 : i64} : (tensor<2x64xf32>, tensor<1x2x8xf32>, tensor<1x2x8xf32>, none) -> tensor<2x64xf32>
  return
}

// -----

func.func @rotary_embedding_c2_heads(%x: tensor<1x2x64xf32>, %c: tensor<1x2x8xf32>) {
  %none = onnx.NoValue : none
  // expected-error @below {{(C2) X of 3 axes needs num_heads}}
  %0 = onnx.RotaryEmbedding(%x, %c, %c, %none) : (tensor<1x2x64xf32>, tensor<1x2x8xf32>, tensor<1x2x8xf32>, none) -> tensor<1x2x64xf32>
  return
}

// -----

func.func @rotary_embedding_c3_columns(%x: tensor<1x2x64xf32>, %c: tensor<1x2x8xf32>) {
  %none = onnx.NoValue : none
  // expected-error @below {{(C3) caches must have 3 axes and 16 columns}}
  %0 = onnx.RotaryEmbedding(%x, %c, %c, %none) {num_heads = 2 : i64} : (tensor<1x2x64xf32>, tensor<1x2x8xf32>, tensor<1x2x8xf32>, none) -> tensor<1x2x64xf32>
  return
}

// -----

func.func @rotary_embedding_c3_rank(%x: tensor<1x2x64xf32>, %c: tensor<512x8xf32>) {
  %none = onnx.NoValue : none
  // expected-error @below {{(C3) caches must have 3 axes and 8 columns}}
  %0 = onnx.RotaryEmbedding(%x, %c, %c, %none) {num_heads = 4 : i64} : (tensor<1x2x64xf32>, tensor<512x8xf32>, tensor<512x8xf32>, none) -> tensor<1x2x64xf32>
  return
}

// -----

func.func @attention_c1_shape(%q: tensor<1x3x64xf32>, %k: tensor<1x3x32xf32>) {
  %none = onnx.NoValue : none
  // expected-error @below {{(C1) result #0 has type 'tensor<1x3x32xf32>', ONNX's rule gives 'tensor<1x3x64xf32>'}}
  %0, %1, %2, %3 = onnx.Attention(%q, %k, %k, %none, %none, %none, %none) {kv_num_heads = 2 : i64, q_num_heads = 4 : i64} : (tensor<1x3x64xf32>, tensor<1x3x32xf32>, tensor<1x3x32xf32>, none, none, none, none) -> (tensor<1x3x32xf32>, none, none, none)
  return
}

// -----

func.func @attention_c2_heads(%q: tensor<1x3x64xf32>, %k: tensor<1x3x32xf32>) {
  %none = onnx.NoValue : none
  // expected-error @below {{(C2) Q, K, V of 3 axes need q_num_heads and kv_num_heads}}
  %0, %1, %2, %3 = onnx.Attention(%q, %k, %k, %none, %none, %none, %none) : (tensor<1x3x64xf32>, tensor<1x3x32xf32>, tensor<1x3x32xf32>, none, none, none, none) -> (tensor<*xf32>, none, none, none)
  return
}

// -----

func.func @attention_c2_rank(%q: tensor<1x3x64xf32>, %k: tensor<1x2x3x16xf32>) {
  %none = onnx.NoValue : none
  // expected-error @below {{(C2) Q, K, V must all have 3 or all have 4 axes}}
  %0, %1, %2, %3 = onnx.Attention(%q, %k, %k, %none, %none, %none, %none) {kv_num_heads = 2 : i64, q_num_heads = 4 : i64} : (tensor<1x3x64xf32>, tensor<1x2x3x16xf32>, tensor<1x2x3x16xf32>, none, none, none, none) -> (tensor<*xf32>, none, none, none)
  return
}

// -----

func.func @attention_c3_half_past(%q: tensor<1x3x64xf32>, %k: tensor<1x3x32xf32>, %p: tensor<1x2x5x16xf32>) {
  %none = onnx.NoValue : none
  // expected-error @below {{(C3) past_key and past_value come together}}
  %0, %1, %2, %3 = onnx.Attention(%q, %k, %k, %none, %p, %none, %none) {kv_num_heads = 2 : i64, q_num_heads = 4 : i64} : (tensor<1x3x64xf32>, tensor<1x3x32xf32>, tensor<1x3x32xf32>, none, tensor<1x2x5x16xf32>, none, none) -> (tensor<*xf32>, none, none, none)
  return
}

// -----

func.func @attention_c4_groups(%q: tensor<1x3x64xf32>, %k: tensor<1x3x32xf32>) {
  %none = onnx.NoValue : none
  // expected-error @below {{(C4) 3 query heads are no multiple of 2 key heads}}
  %0, %1, %2, %3 = onnx.Attention(%q, %k, %k, %none, %none, %none, %none) {kv_num_heads = 2 : i64, q_num_heads = 3 : i64} : (tensor<1x3x64xf32>, tensor<1x3x32xf32>, tensor<1x3x32xf32>, none, none, none, none) -> (tensor<*xf32>, none, none, none)
  return
}

// -----

func.func @max_c1_shape(%x: tensor<2x8xf32>, %y: tensor<8xf32>) {
  // expected-error @below {{(C1) result #0 has type 'tensor<8xf32>', ONNX's rule gives 'tensor<2x8xf32>'}}
  %0 = onnx.Max(%x, %y) : (tensor<2x8xf32>, tensor<8xf32>) -> tensor<8xf32>
  return
}

// -----

func.func @not_c1_shape(%x: tensor<4xi1>) {
  // expected-error @below {{(C1) result #0 has type 'tensor<3xi1>', ONNX's rule gives 'tensor<4xi1>'}}
  %0 = onnx.Not(%x) : (tensor<4xi1>) -> tensor<3xi1>
  return
}
