//===- OnnxGraph.h - an ONNX graph under construction ---------------------===//
//
// Nodes are kept as wire bytes, weights as a name, a shape and a function of the element index: a
// graph with gigabytes of weights costs megabytes.
//
//===----------------------------------------------------------------------===//

#ifndef MIXSERVE_TEST_GENERATE_ONNXGRAPH_H
#define MIXSERVE_TEST_GENERATE_ONNXGRAPH_H

#include "test/Generate/WireWriter.h"

#include <functional>
#include <string>
#include <variant>
#include <vector>

namespace mixserve::generate {

/// TensorProto.DataType of onnx-ml.proto.
enum ElementType { Float = 1, Int64 = 7, Bool = 9 };

/// A number or a symbol.
using Dim = std::variant<int64_t, std::string>;
using Shape = std::vector<Dim>;

/// One attribute of a node; `with` makes it.
struct Attribute {
  Message message;
};
Attribute with(const std::string &name, int64_t value);
Attribute with(const std::string &name, float value);
Attribute with(const std::string &name, const std::vector<int64_t> &values);

/// A float32 initialiser whose elements are computed when it is written.
struct Weight {
  std::string name;
  std::vector<int64_t> dims;
  /// Element i in row-major order.
  std::function<float(uint64_t)> element;
  /// May be left as zeros when the model is written without its weights.
  bool bulk;

  uint64_t elements() const;
  uint64_t bytes() const { return 4 * elements(); }
};

class OnnxGraph {
public:
  explicit OnnxGraph(std::string name) : name(std::move(name)) {}

  void input(const std::string &value, ElementType type, const Shape &shape);
  void output(const std::string &value, ElementType type, const Shape &shape);
  /// Returns the name, to be used as an operand.
  std::string weight(Weight weight);
  /// A small int64 tensor: a scalar if `scalar`, else a vector.
  std::string integers(const std::string &name, const std::vector<int64_t> &values,
                       bool scalar = false);
  std::string scalar(const std::string &name, float value);
  /// Adds a node whose results are named by the caller.
  void node(const std::string &op, const std::string &name,
            const std::vector<std::string> &operands, const std::vector<std::string> &results,
            const std::vector<Attribute> &attributes = {});
  /// Adds a node with one result named after `scope`, and its type; returns the result's name.
  std::string apply(const std::string &op, const std::string &scope,
                    const std::vector<std::string> &operands, ElementType type, const Shape &shape,
                    const std::vector<Attribute> &attributes = {});
  /// A name for the next node of `scope`, numbered as exporters do.
  std::string number(const std::string &scope, const std::string &op);
  void declare(const std::string &value, ElementType type, const Shape &shape);

  /// How a model goes to disk.
  struct Form {
    bool external = true; ///< weights in `<file>.data` beside the model; norms stay inside
    bool sparse = false;  ///< bulk weights are holes of the file: zeros that take no disk
  };
  /// Writes the model to `path`; throws std::runtime_error with the path and the system's reason.
  void write(const std::string &path, Form form) const;

private:
  std::string name;
  Message nodes, constants, inputs, outputs, types;
  std::vector<Weight> weights;
  int64_t next = 0;
};

} // namespace mixserve::generate

#endif // MIXSERVE_TEST_GENERATE_ONNXGRAPH_H
