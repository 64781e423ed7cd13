//===- NodeBuilder.cpp - one ONNX node as one op ----------------------------------------------===//

#include "NodeBuilder.h"
#include "Diagnose.h"

#include "dialects/onnx/OnnxDialect.h"

using namespace mlir;
using ::onnx::AttributeProto;
using ::onnx::NodeProto;

namespace mixserve::import {

std::string describe(const NodeProto &node) {
  StringRef name = node.name();
  if (name.empty() && node.output_size() > 0)
    name = node.output(0);
  return ("node '" + name + "' (" + node.op_type() + ")").str();
}

NodeBuilder::NodeBuilder(const OnnxModel &model, Initializers &initializers, OpBuilder &builder,
                         int64_t opset)
    : model(model), initializers(initializers), builder(builder), opset(opset),
      ruleHandler(builder.getContext(), [this](Diagnostic &diagnostic) {
        if (!ruleErrors)
          return failure();
        *ruleErrors += (ruleErrors->empty() ? "" : "; ") + diagnostic.str();
        return success();
      }) {}

InFlightDiagnostic NodeBuilder::error(const NodeProto &node) {
  return errorIn(builder.getContext(), model.path) << describe(node) << ": ";
}

Location NodeBuilder::location(const NodeProto &node) {
  return NameLoc::get(builder.getStringAttr(node.op_type() + ":" + node.name()));
}

Value NodeBuilder::noValue(Location loc) {
  // One for all: the first op that leaves an input out makes it, and later ones come after it.
  if (!none)
    none = onnx::NoValueOp::create(builder, loc, builder.getNoneType());
  return none;
}

/// The AttributeProto type that a kind of OperatorRow::attributes stands for.
static AttributeProto::AttributeType protoType(StringRef kind) {
  if (kind == "f")
    return AttributeProto::FLOAT;
  if (kind == "I")
    return AttributeProto::INTS;
  if (kind == "F")
    return AttributeProto::FLOATS;
  if (kind == "T")
    return AttributeProto::TENSOR;
  return AttributeProto::INT; // i, t, =N
}

LogicalResult NodeBuilder::addAttribute(const NodeProto &node, const OperatorRow &row,
                                        const AttributeProto &attribute, OperationState &state,
                                        SmallVectorImpl<Value> &operands) {
  StringRef kind = attributeKind(row, attribute.name());
  if (kind == "x")
    return success();
  if (kind.empty() || !attribute.ref_attr_name().empty())
    return error(node) << "attribute '" << attribute.name() << "' is not supported";
  if (attribute.type() != protoType(kind))
    return error(node) << "attribute '" << attribute.name()
                       << "' has the wrong type; export the model again";
  if (kind.starts_with("=")) {
    if (std::to_string(attribute.i()) != kind.drop_front())
      return error(node) << "attribute '" << attribute.name() << "' = " << attribute.i()
                         << " is not supported, only " << kind.drop_front();
    return success();
  }
  if (kind == "t") {
    Type type = elementType(builder.getContext(), static_cast<int32_t>(attribute.i()));
    if (!type || attribute.i() != static_cast<int32_t>(attribute.i()))
      return error(node) << "element type "
                         << (attribute.i() == static_cast<int32_t>(attribute.i())
                                 ? dtypeName(static_cast<int32_t>(attribute.i()))
                                 : std::to_string(attribute.i()))
                         << " is not supported";
    state.addAttribute(attribute.name(), TypeAttr::get(type));
  } else if (kind == "i") {
    state.addAttribute(attribute.name(), builder.getI64IntegerAttr(attribute.i()));
  } else if (kind == "f") {
    state.addAttribute(attribute.name(), builder.getF32FloatAttr(attribute.f()));
  } else if (kind == "T") {
    FailureOr<TensorSource> source = initializers.convert(
        attribute.t(), describe(node) + ": attribute '" + attribute.name() + "'");
    if (failed(source))
      return failure();
    if (!source->constant)
      return error(node) << "attribute '" << attribute.name() << "' is too large";
    state.addAttribute(attribute.name(), source->constant);
  } else if (attribute.name() == "axes") { // ReduceMean before opset 18
    if (opset >= 18 || operands.size() > 1)
      return error(node)
             << "has axes both as attribute and input, or in a version without the attribute";
    auto type = RankedTensorType::get({attribute.ints_size()}, builder.getI64Type());
    auto axes = DenseElementsAttr::get(
        type, llvm::ArrayRef<int64_t>(attribute.ints().data(), attribute.ints_size()));
    operands.push_back(onnx::ConstantOp::create(builder, state.location, type, axes));
  } else {
    state.addAttribute(
        attribute.name(),
        builder.getDenseI64ArrayAttr({attribute.ints().data(), size_t(attribute.ints_size())}));
  }
  return success();
}

LogicalResult NodeBuilder::setResultTypes(const NodeProto &node, Operation *op) {
  std::string reason;
  ruleErrors = &reason;
  FailureOr<SmallVector<Type>> types = cast<onnx::InferResults>(op).inferResultTypes();
  ruleErrors = nullptr;
  if (failed(types))
    return error(node) << reason;
  for (auto [index, result] : llvm::enumerate(op->getResults())) {
    const bool wanted = static_cast<int>(index) < node.output_size() && !node.output(index).empty();
    if (wanted && !(*types)[index])
      return error(node) << "output #" << index << " is not supported";
    if (wanted || index == 0)
      result.setType((*types)[index]);
  }
  return success();
}

Operation *NodeBuilder::build(const NodeProto &node, const OperatorRow &row,
                              SmallVector<Value> operands) {
  Location loc = location(node);
  const int inputs = operands.size();
  if (inputs < row.minInputs || (row.operands >= 0 && inputs > row.operands)) {
    error(node) << "has " << inputs << " inputs, the operator takes " << row.minInputs
                << (row.operands == row.minInputs ? "" : " to " + std::to_string(row.operands));
    return nullptr;
  }
  const int outputs = node.output_size();
  if (outputs < row.minOutputs || (row.results >= 0 && outputs > row.results)) {
    error(node) << "has " << outputs << " outputs, the operator gives "
                << (row.results < 0 ? row.minOutputs : row.results);
    return nullptr;
  }
  for (auto [index, operand] : llvm::enumerate(operands))
    if (!operand) {
      if (static_cast<int>(index) < row.minInputs || row.operands < 0) {
        error(node) << "input #" << index << " is missing";
        return nullptr;
      }
      operand = noValue(loc);
    }

  auto name = names.find(&row);
  if (name == names.end())
    name = names.try_emplace(&row, ("onnx." + row.name).str(), builder.getContext()).first;
  OperationState state(loc, name->second);
  for (const AttributeProto &attribute : node.attribute())
    if (failed(addAttribute(node, row, attribute, state, operands)))
      return nullptr;
  while (static_cast<int>(operands.size()) < row.operands)
    operands.push_back(noValue(loc));
  if (row.name == "Split" && opset < 18 && isa<NoneType>(operands[1].getType()))
    state.addAttribute("num_outputs", builder.getI64IntegerAttr(outputs));
  if ((row.name == "Cast" && !state.attributes.get("to")) ||
      (row.name == "Concat" && !state.attributes.get("axis"))) {
    error(node) << "lacks its required attribute; export the model again";
    return nullptr;
  }
  state.addOperands(operands);
  state.addTypes(SmallVector<Type>(row.results < 0 ? outputs : row.results, builder.getNoneType()));
  Operation *op = builder.create(state);
  if (failed(setResultTypes(node, op)))
    return nullptr;
  return op;
}

FailureOr<TensorSource> NodeBuilder::constant(const NodeProto &node) {
  if (node.attribute_size() != 1 || node.input_size() != 0 || node.output_size() != 1)
    return error(node) << "must have one attribute, no input and one output";
  const AttributeProto &attribute = node.attribute(0);
  StringRef kind = attributeKind(*findOperator("Constant"), attribute.name());
  if (kind.empty() || attribute.type() != protoType(kind))
    return error(node) << "attribute '" << attribute.name() << "' is not supported";
  if (kind == "T")
    return initializers.convert(attribute.t(), describe(node));
  TensorSource source;
  auto set = [&](auto values, bool isList, Type element) {
    source.type = RankedTensorType::get(
        isList ? ArrayRef<int64_t>(int64_t(values.size())) : ArrayRef<int64_t>(), element);
    source.constant = DenseElementsAttr::get(source.type, values);
    return source;
  };
  if (kind == "i" || kind == "I") {
    SmallVector<int64_t> values(attribute.ints().begin(), attribute.ints().end());
    if (kind == "i")
      values.assign(1, attribute.i());
    return set(ArrayRef<int64_t>(values), kind == "I", builder.getI64Type());
  }
  SmallVector<float> values(attribute.floats().begin(), attribute.floats().end());
  if (kind == "f")
    values.assign(1, attribute.f());
  return set(ArrayRef<float>(values), kind == "F", builder.getF32Type());
}

} // namespace mixserve::import
