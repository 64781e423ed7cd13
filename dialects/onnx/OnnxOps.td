//===- OnnxOps.td - all ops of the dialect ---------------------------------------------------===//

#ifndef MIXSERVE_ONNX_OPS_TD
#define MIXSERVE_ONNX_OPS_TD

include "dialects/onnx/ConstantOps.td"
include "dialects/onnx/ElementwiseOps.td"
include "dialects/onnx/MovementOps.td"
include "dialects/onnx/ReductionOps.td"
include "dialects/onnx/TransformerOps.td"

#endif // MIXSERVE_ONNX_OPS_TD
