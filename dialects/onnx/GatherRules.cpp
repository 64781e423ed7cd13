//===- GatherRules.cpp - result types of the three gathers ------------------------------------===//

#include "dialects/onnx/TypeRules.h"

using namespace mlir;

namespace mixserve::onnx {

static LogicalResult verifyIndices(Operation *op, Value indices) {
  if (!isIndex(elementOf(indices)))
    return op->emitOpError("(C2) indices must be i32 or i64, got ") << indices.getType();
  return success();
}

ResultTypes GatherOp::inferResultTypes() {
  if (failed(verifyIndices(*this, getIndices())))
    return failure();
  Type element = elementOf(getData());
  std::optional<Shape> data = shapeOf(getData()), indices = shapeOf(getIndices());
  if (!data)
    return one(tensorOf(std::nullopt, element));
  FailureOr<int64_t> axis = normalizeAxis(*this, "(C3)", getAxis(), data->size());
  if (failed(axis))
    return failure();
  if (!indices)
    return one(tensorOf(std::nullopt, element));
  Shape result(data->begin(), data->begin() + *axis);
  result.append(*indices);
  result.append(data->begin() + *axis + 1, data->end());
  return one(tensorOf(result, element));
}

ResultTypes GatherElementsOp::inferResultTypes() {
  if (failed(verifyIndices(*this, getIndices())))
    return failure();
  std::optional<Shape> data = shapeOf(getData()), indices = shapeOf(getIndices());
  if (data && indices && data->size() != indices->size())
    return emitOpError("(C2) indices have ")
           << indices->size() << " axes, data has " << data->size();
  if (data && failed(normalizeAxis(*this, "(C3)", getAxis(), data->size())))
    return failure();
  return one(tensorOf(indices, elementOf(getData())));
}

ResultTypes GatherNDOp::inferResultTypes() {
  if (failed(verifyIndices(*this, getIndices())))
    return failure();
  Type element = elementOf(getData());
  std::optional<Shape> data = shapeOf(getData()), indices = shapeOf(getIndices());
  if (!data || !indices)
    return one(tensorOf(std::nullopt, element));
  const int64_t batch = getBatchDims();
  if (indices->empty())
    return emitOpError("(C2) indices must have at least one axis");
  if (batch < 0 || batch >= int64_t(std::min(data->size(), indices->size())))
    return emitOpError("(C3) batch_dims = ") << batch << " for data of " << data->size()
                                             << " and indices of " << indices->size() << " axes";
  const int64_t depth = indices->back();
  if (ShapedType::isDynamic(depth))
    return one(tensorOf(std::nullopt, element));
  if (depth < 1 || depth > int64_t(data->size()) - batch)
    return emitOpError("(C3) indices name ")
           << depth << " axes, data has " << int64_t(data->size()) - batch;
  Shape result(indices->begin(), indices->end() - 1);
  result.append(data->begin() + batch + depth, data->end());
  return one(tensorOf(result, element));
}

} // namespace mixserve::onnx
