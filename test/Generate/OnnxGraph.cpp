//===- OnnxGraph.cpp - nodes, values and initialisers as wire bytes -------===//
//
// Field numbers are those of onnx-ml.proto.
//
//===----------------------------------------------------------------------===//
#include "test/Generate/OnnxGraph.h"

#include <cstring>

namespace mixserve::generate {
namespace {

Message valueInfo(const std::string &value, ElementType type, const Shape &shape) {
  Message dims;
  for (const Dim &dim : shape) {
    Message one;
    if (const auto *number = std::get_if<int64_t>(&dim))
      one.integer(1, *number);
    else
      one.text(2, std::get<std::string>(dim));
    dims.message(1, one);
  }
  Message tensor, typeProto;
  typeProto.message(1, tensor.integer(1, type).message(2, dims));
  return Message().text(1, value).message(2, typeProto);
}

template <typename T> std::string raw(const std::vector<T> &values) {
  std::string bytes(values.size() * sizeof(T), '\0');
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

} // namespace

Attribute with(const std::string &name, int64_t value) {
  return {Message().text(1, name).integer(3, value).integer(20, 2)};
}

Attribute with(const std::string &name, float value) {
  return {Message().text(1, name).real(2, value).integer(20, 1)};
}

Attribute with(const std::string &name, const std::vector<int64_t> &values) {
  Message message;
  message.text(1, name);
  for (int64_t value : values)
    message.integer(8, value);
  return {message.integer(20, 7)};
}

uint64_t Weight::elements() const {
  uint64_t count = 1;
  for (int64_t dim : dims)
    count *= uint64_t(dim);
  return count;
}

void OnnxGraph::input(const std::string &value, ElementType type, const Shape &shape) {
  inputs.message(11, valueInfo(value, type, shape));
}

void OnnxGraph::output(const std::string &value, ElementType type, const Shape &shape) {
  outputs.message(12, valueInfo(value, type, shape));
}

void OnnxGraph::declare(const std::string &value, ElementType type, const Shape &shape) {
  types.message(13, valueInfo(value, type, shape));
}

std::string OnnxGraph::weight(Weight weight) {
  declare(weight.name, Float, Shape(weight.dims.begin(), weight.dims.end()));
  weights.push_back(std::move(weight));
  return weights.back().name;
}

std::string OnnxGraph::integers(const std::string &name, const std::vector<int64_t> &values,
                                bool scalar) {
  Message tensor;
  if (!scalar)
    tensor.integer(1, int64_t(values.size()));
  constants.message(5, tensor.integer(2, Int64).text(8, name).text(9, raw(values)));
  return name;
}

std::string OnnxGraph::scalar(const std::string &name, float value) {
  constants.message(5, Message().integer(2, Float).text(8, name).text(9, raw<float>({value})));
  return name;
}

void OnnxGraph::node(const std::string &op, const std::string &name,
                     const std::vector<std::string> &operands,
                     const std::vector<std::string> &results,
                     const std::vector<Attribute> &attributes) {
  Message node;
  for (const std::string &operand : operands)
    node.text(1, operand);
  for (const std::string &result : results)
    node.text(2, result);
  node.text(3, name).text(4, op);
  for (const Attribute &attribute : attributes)
    node.message(5, attribute.message);
  nodes.message(1, node);
}

std::string OnnxGraph::number(const std::string &scope, const std::string &op) {
  return "v_" + scope + "." + op + "_" + std::to_string(next++);
}

std::string OnnxGraph::apply(const std::string &op, const std::string &scope,
                             const std::vector<std::string> &operands, ElementType type,
                             const Shape &shape, const std::vector<Attribute> &attributes) {
  std::string result = number(scope, op);
  node(op, "node_" + result, operands, {result}, attributes);
  declare(result, type, shape);
  return result;
}

} // namespace mixserve::generate
