//===- Models.h - ONNX files that the tests of import write -----------------------------------===//

#ifndef MIXSERVE_TEST_UNIT_IMPORT_MODELS_H
#define MIXSERVE_TEST_UNIT_IMPORT_MODELS_H

#include "onnx-ml.pb.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <filesystem>
#include <string>

namespace mixserve::test {

/// A folder of its own that goes away with the object.
class Folder {
public:
  Folder();
  ~Folder();
  std::string operator/(const std::string &name) const { return path + "/" + name; }
  std::string path;
};

void writeFile(const std::string &path, const std::string &bytes);
std::string readFile(const std::string &path);

/// What an import gave: a module, or the text of all errors.
struct Imported {
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::string errors;
};
Imported importFile(const std::string &path, mlir::MLIRContext &context);
/// Writes the model into a folder, imports it, and expects the errors to contain `text`.
void expectRefused(const ::onnx::ModelProto &model, const std::string &text);

/// opset 20, IR 10, without nodes.
::onnx::ModelProto emptyModel();
/// x [T, 4] float; y = MatMul(x, w), w [4, 3] inline.
::onnx::ModelProto matMulModel();
::onnx::NodeProto *addNode(::onnx::ModelProto &model, const std::string &op,
                           std::vector<std::string> inputs, std::vector<std::string> outputs,
                           const std::string &name = "");
::onnx::ValueInfoProto *addInput(::onnx::ModelProto &model, const std::string &name, int type,
                                 std::vector<int64_t> shape);
::onnx::ValueInfoProto *addOutput(::onnx::ModelProto &model, const std::string &name, int type);
/// An initialiser with zeros as raw_data.
::onnx::TensorProto *addZeros(::onnx::ModelProto &model, const std::string &name, int type,
                              std::vector<int64_t> shape);
::onnx::TensorProto *addInts(::onnx::ModelProto &model, const std::string &name,
                             std::vector<int64_t> values);
/// Moves the tensor's data to `location`.
void makeExternal(::onnx::TensorProto &tensor, const std::string &location,
                  const std::string &offset = "0", const std::string &length = "");

} // namespace mixserve::test

#endif // MIXSERVE_TEST_UNIT_IMPORT_MODELS_H
