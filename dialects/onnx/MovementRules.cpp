//===- MovementRules.cpp - result types of ops that reshape, permute, join and cut ------------===//

#include "dialects/onnx/TypeRules.h"

using namespace mlir;

namespace mixserve::onnx {

ResultTypes ShapeOp::inferResultTypes() {
  Type i64 = IntegerType::get(getContext(), 64);
  std::optional<Shape> shape = shapeOf(getData());
  if (!shape)
    return one(tensorOfRank(1, i64));
  const int64_t rank = shape->size();
  auto clampAxis = [rank](int64_t axis) {
    return std::clamp<int64_t>(axis < 0 ? axis + rank : axis, 0, rank);
  };
  const int64_t start = clampAxis(getStart()), end = clampAxis(getEnd().value_or(rank));
  return one(tensorOf(Shape{std::max<int64_t>(end - start, 0)}, i64));
}

ResultTypes ReshapeOp::inferResultTypes() {
  FailureOr<IndexList> target = indexList(*this, "(C2)", "shape", getShape());
  if (failed(target))
    return failure();
  Type element = elementOf(getData());
  if (!target->values)
    return one(target->length ? tensorOfRank(*target->length, element)
                              : tensorOf(std::nullopt, element));
  std::optional<Shape> data = shapeOf(getData());
  Shape result(*target->values);
  int64_t known = 1;
  std::optional<size_t> rest;
  for (size_t i = 0; i < result.size(); ++i) {
    if (result[i] == -1) {
      if (rest)
        return emitOpError("(C2) shape has -1 twice");
      rest = i;
      continue;
    }
    if (result[i] < 0)
      return emitOpError("(C2) shape has the size ") << result[i];
    if (result[i] == 0 && !getAllowzero()) {
      if (data && i >= data->size())
        return emitOpError("(C2) shape copies axis ")
               << i << " of a tensor of " << data->size() << " axes";
      result[i] = data ? (*data)[i] : kDynamic;
    }
    known = mulSizes(known, result[i]);
  }
  int64_t total = data ? 1 : kDynamic;
  for (int64_t size : data.value_or(Shape()))
    total = mulSizes(total, size);
  if (rest)
    result[*rest] = kDynamic;
  if (ShapedType::isDynamic(known) || ShapedType::isDynamic(total))
    return one(tensorOf(result, element));
  if (rest && known != 0 && total % known == 0)
    result[*rest] = total / known;
  else if (rest || known != total)
    return emitOpError("(C3) cannot reshape ")
           << getData().getType() << ": " << total << " elements to a shape of " << known;
  return one(tensorOf(result, element));
}

ResultTypes SqueezeOp::inferResultTypes() {
  std::optional<Shape> data = shapeOf(getData());
  Type element = elementOf(getData());
  std::optional<SmallVector<int64_t>> axes;
  if (!isNoValue(getAxes())) {
    FailureOr<IndexList> list = indexList(*this, "(C2)", "axes", getAxes());
    if (failed(list))
      return failure();
    if (!list->values)
      return one(data && list->length && *list->length <= int64_t(data->size())
                     ? tensorOfRank(data->size() - *list->length, element)
                     : tensorOf(std::nullopt, element));
    axes = list->values;
  }
  if (!data)
    return one(tensorOf(std::nullopt, element));
  SmallVector<bool> drop(data->size(), false);
  if (axes) {
    FailureOr<Shape> normalized = normalizeAxes(*this, "(C2)", *axes, data->size());
    if (failed(normalized))
      return failure();
    for (int64_t axis : *normalized) {
      if ((*data)[axis] != 1 && !ShapedType::isDynamic((*data)[axis]))
        return emitOpError("(C3) axis ") << axis << " has size " << (*data)[axis] << ", not 1";
      drop[axis] = true;
    }
  } else {
    if (llvm::any_of(*data, ShapedType::isDynamic))
      return one(tensorOf(std::nullopt, element));
    for (size_t i = 0; i < data->size(); ++i)
      drop[i] = (*data)[i] == 1;
  }
  Shape result;
  for (size_t i = 0; i < data->size(); ++i)
    if (!drop[i])
      result.push_back((*data)[i]);
  return one(tensorOf(result, element));
}

ResultTypes UnsqueezeOp::inferResultTypes() {
  Type element = elementOf(getData());
  if (!isIndex(elementOf(getAxes())))
    return emitOpError("(C2) axes must be i64, got ") << getAxes().getType();
  std::optional<Shape> data = shapeOf(getData());
  std::optional<SmallVector<int64_t>> axes = getConstantInts(getAxes());
  auto axesType = cast<ShapedType>(getAxes().getType());
  if (!data || (!axes && !axesType.hasStaticShape()))
    return one(tensorOf(std::nullopt, element));
  const int64_t rank = data->size() + (axes ? axes->size() : axesType.getNumElements());
  if (!axes)
    return one(tensorOfRank(rank, element));
  FailureOr<Shape> normalized = normalizeAxes(*this, "(C2)", *axes, rank);
  if (failed(normalized))
    return failure();
  Shape result(rank, 0);
  for (int64_t axis : *normalized)
    result[axis] = 1;
  auto next = data->begin();
  for (int64_t &size : result)
    if (size != 1)
      size = *next++;
  return one(tensorOf(result, element));
}

ResultTypes TransposeOp::inferResultTypes() {
  std::optional<Shape> data = shapeOf(getData());
  Type element = elementOf(getData());
  if (!data)
    return one(getPerm() ? tensorOfRank(getPerm()->size(), element)
                         : tensorOf(std::nullopt, element));
  Shape perm;
  if (getPerm())
    perm.assign(getPerm()->begin(), getPerm()->end());
  else
    for (int64_t axis = data->size(); axis-- > 0;)
      perm.push_back(axis);
  if (perm.size() != data->size())
    return emitOpError("(C2) perm has ") << perm.size() << " axes, data has " << data->size();
  SmallVector<bool> seen(perm.size(), false);
  Shape result;
  for (int64_t axis : perm) {
    if (axis < 0 || axis >= int64_t(perm.size()) || seen[axis])
      return emitOpError("(C2) perm is no permutation: axis ") << axis;
    seen[axis] = true;
    result.push_back((*data)[axis]);
  }
  return one(tensorOf(result, element));
}

ResultTypes ExpandOp::inferResultTypes() {
  Type element = elementOf(getInput());
  FailureOr<IndexList> target = indexList(*this, "(C2)", "shape", getShape());
  if (failed(target))
    return failure();
  std::optional<Shape> input = shapeOf(getInput());
  if (!input || !target->length)
    return one(tensorOf(std::nullopt, element));
  if (target->values)
    for (int64_t size : *target->values)
      if (size < 0)
        return emitOpError("(C2) shape has the size ") << size;
  Shape wanted = target->values ? Shape(*target->values) : Shape(*target->length, kDynamic);
  FailureOr<Shape> result = broadcast(*this, "(C3)", *input, wanted);
  if (failed(result))
    return failure();
  return one(tensorOf(*result, element));
}

ResultTypes TileOp::inferResultTypes() {
  Type element = elementOf(getInput());
  FailureOr<IndexList> repeats = indexList(*this, "(C2)", "repeats", getRepeats());
  if (failed(repeats))
    return failure();
  std::optional<Shape> input = shapeOf(getInput());
  if (!input)
    return one(tensorOf(std::nullopt, element));
  if (repeats->length && *repeats->length != int64_t(input->size()))
    return emitOpError("(C2) repeats has ")
           << *repeats->length << " elements for " << input->size() << " axes";
  Shape result(input->size(), kDynamic);
  if (repeats->values)
    for (size_t i = 0; i < result.size(); ++i) {
      if ((*repeats->values)[i] < 0)
        return emitOpError("(C2) repeats has the negative count ") << (*repeats->values)[i];
      result[i] = mulSizes((*input)[i], (*repeats->values)[i]);
    }
  return one(tensorOf(result, element));
}

ResultTypes ConcatOp::inferResultTypes() {
  if (getInputs().empty())
    return emitOpError("(C2) needs at least one operand");
  Type element = elementOf(getInputs().front());
  std::optional<Shape> result;
  for (Value input : getInputs()) {
    if (elementOf(input) != element)
      return emitOpError("(C2) operands must have one element type, got ")
             << element << " and " << elementOf(input);
    std::optional<Shape> shape = shapeOf(input);
    if (!shape)
      return one(tensorOf(std::nullopt, element));
    FailureOr<int64_t> axis = normalizeAxis(*this, "(C3)", getAxis(), shape->size());
    if (failed(axis))
      return failure();
    if (!result) {
      result = shape;
      continue;
    }
    if (shape->size() != result->size())
      return emitOpError("(C2) operands must have one rank, got ")
             << result->size() << " and " << shape->size();
    for (int64_t i = 0; i < int64_t(shape->size()); ++i) {
      int64_t &size = (*result)[i], next = (*shape)[i];
      const bool unknown = ShapedType::isDynamic(size) || ShapedType::isDynamic(next);
      if (i == *axis)
        size = addSizes(size, next);
      else if (!unknown && size != next)
        return emitOpError("(C2) sizes differ on axis ") << i << ": " << size << " and " << next;
      else if (ShapedType::isDynamic(size))
        size = next;
    }
  }
  return one(tensorOf(result, element));
}

ResultTypes SplitOp::inferResultTypes() {
  Type element = elementOf(getInput());
  std::optional<Shape> input = shapeOf(getInput());
  const int64_t count = getNumResults();
  std::optional<SmallVector<int64_t>> pieces;
  if (!isNoValue(getSplit())) {
    FailureOr<IndexList> split = indexList(*this, "(C2)", "split", getSplit());
    if (failed(split))
      return failure();
    if (getNumOutputs() || (split->length && *split->length != count))
      return emitOpError("(C2) needs either split, with one element per result, or num_outputs");
    pieces = split->values;
    if (pieces && llvm::any_of(*pieces, [](int64_t piece) { return piece < 0; }))
      return emitOpError("(C2) split has a negative size");
  } else if (!getNumOutputs() || int64_t(*getNumOutputs()) != count || count == 0) {
    return emitOpError("(C2) num_outputs must be the number of results, ") << count;
  }
  if (!input)
    return SmallVector<Type>(count, tensorOf(std::nullopt, element));
  FailureOr<int64_t> axis = normalizeAxis(*this, "(C3)", getAxis(), input->size());
  if (failed(axis))
    return failure();
  const int64_t size = (*input)[*axis];
  SmallVector<Type> results;
  for (int64_t i = 0; i < count; ++i) {
    Shape shape = *input;
    shape[*axis] = kDynamic;
    if (pieces) {
      shape[*axis] = (*pieces)[i];
    } else if (getNumOutputs() && !ShapedType::isDynamic(size)) {
      const int64_t each = size / count + (size % count != 0);
      shape[*axis] = std::clamp<int64_t>(size - i * each, 0, each);
    }
    results.push_back(tensorOf(shape, element));
  }
  return results;
}

ResultTypes SliceOp::inferResultTypes() {
  Type element = elementOf(getData());
  std::optional<int64_t> length;
  std::optional<SmallVector<int64_t>> lists[4];
  const std::pair<StringRef, Value> operands[] = {
      {"starts", getStarts()}, {"ends", getEnds()}, {"axes", getAxes()}, {"steps", getSteps()}};
  for (auto [i, operand] : llvm::enumerate(operands)) {
    if (isNoValue(operand.second))
      continue;
    FailureOr<IndexList> list = indexList(*this, "(C2)", operand.first, operand.second);
    if (failed(list))
      return failure();
    if (list->length && length && *list->length != *length)
      return emitOpError("(C2) ") << operand.first << " has " << *list->length
                                  << " elements, starts has " << *length;
    if (list->length)
      length = list->length;
    lists[i] = list->values;
  }
  if (lists[3] && llvm::is_contained(*lists[3], 0))
    return emitOpError("(C3) a step is 0");
  std::optional<Shape> data = shapeOf(getData());
  if (!data)
    return one(tensorOf(std::nullopt, element));
  const int64_t rank = data->size();
  if (length && *length > rank)
    return emitOpError("(C2) slices ") << *length << " axes of a tensor of " << rank;
  const bool axesKnown = isNoValue(getAxes()) ? length.has_value() : lists[2].has_value();
  if (!axesKnown)
    return one(tensorOfRank(rank, element));
  SmallVector<int64_t> axes;
  if (lists[2])
    axes = *lists[2];
  else
    for (int64_t axis = 0; axis < *length; ++axis)
      axes.push_back(axis);
  FailureOr<Shape> normalized = normalizeAxes(*this, "(C3)", axes, rank);
  if (failed(normalized))
    return failure();
  Shape result = *data;
  const bool stepsKnown = isNoValue(getSteps()) || lists[3];
  for (auto [i, axis] : llvm::enumerate(*normalized)) {
    const int64_t size = result[axis];
    result[axis] = kDynamic;
    if (!lists[0] || !lists[1] || !stepsKnown || ShapedType::isDynamic(size))
      continue;
    const int64_t step = lists[3] ? (*lists[3])[i] : 1;
    int64_t start = (*lists[0])[i], end = (*lists[1])[i];
    start = start < 0 ? std::max<int64_t>(start, -size) + size : start;
    end = end < 0 ? std::max<int64_t>(end, -size - 1) + size : end;
    start = std::clamp<int64_t>(start, 0, step > 0 ? size : size - 1);
    end = std::clamp<int64_t>(end, step > 0 ? 0 : -1, step > 0 ? size : size - 1);
    const int64_t span = step > 0 ? end - start : start - end;
    const uint64_t stride = step > 0 ? uint64_t(step) : 0 - uint64_t(step);
    result[axis] = span <= 0 ? 0 : int64_t((uint64_t(span) - 1) / stride) + 1;
  }
  return one(tensorOf(result, element));
}

} // namespace mixserve::onnx
