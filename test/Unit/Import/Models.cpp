//===- Models.cpp - ONNX files that the tests of import write ---------------------------------===//

#include "Models.h"

#include "mixserve/Import/ImportOnnx.h"
#include "mlir/IR/Diagnostics.h"

#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>
#include <unistd.h>

namespace mixserve::test {

Folder::Folder() {
  std::string pattern = testing::TempDir() + "mixserve-import-XXXXXX";
  EXPECT_NE(mkdtemp(pattern.data()), nullptr);
  path = pattern;
}

Folder::~Folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
}

void writeFile(const std::string &path, const std::string &bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

std::string readFile(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

Imported importFile(const std::string &path, mlir::MLIRContext &context) {
  Imported result;
  mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &diagnostic) {
    result.errors += diagnostic.str() + "\n";
    return mlir::success();
  });
  result.module = importOnnx(path, context);
  // Exactly one of the two.
  EXPECT_EQ(static_cast<bool>(result.module), result.errors.empty()) << result.errors;
  return result;
}

void expectRefused(const ::onnx::ModelProto &model, const std::string &text) {
  Folder folder;
  writeFile(folder / "model.onnx", model.SerializeAsString());
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  Imported imported = importFile(folder / "model.onnx", context);
  EXPECT_FALSE(imported.module);
  EXPECT_NE(imported.errors.find(text), std::string::npos) << "got: " << imported.errors;
  EXPECT_NE(imported.errors.find(folder / "model.onnx"), std::string::npos)
      << "no file: " << imported.errors;
}

::onnx::ModelProto emptyModel() {
  ::onnx::ModelProto model;
  model.set_ir_version(10);
  model.set_producer_name("test");
  model.add_opset_import()->set_version(20);
  model.mutable_graph()->set_name("graph");
  return model;
}

::onnx::ModelProto matMulModel() {
  ::onnx::ModelProto model = emptyModel();
  addInput(model, "x", ::onnx::TensorProto::FLOAT, {-1, 4});
  addZeros(model, "w", ::onnx::TensorProto::FLOAT, {4, 3});
  addNode(model, "MatMul", {"x", "w"}, {"y"}, "product");
  addOutput(model, "y", ::onnx::TensorProto::FLOAT);
  return model;
}

::onnx::NodeProto *addNode(::onnx::ModelProto &model, const std::string &op,
                           std::vector<std::string> inputs, std::vector<std::string> outputs,
                           const std::string &name) {
  ::onnx::NodeProto *node = model.mutable_graph()->add_node();
  node->set_op_type(op);
  node->set_name(name);
  for (const std::string &input : inputs)
    node->add_input(input);
  for (const std::string &output : outputs)
    node->add_output(output);
  return node;
}

::onnx::ValueInfoProto *addInput(::onnx::ModelProto &model, const std::string &name, int type,
                                 std::vector<int64_t> shape) {
  ::onnx::ValueInfoProto *info = model.mutable_graph()->add_input();
  info->set_name(name);
  auto *tensor = info->mutable_type()->mutable_tensor_type();
  tensor->set_elem_type(type);
  tensor->mutable_shape();
  for (int64_t size : shape) {
    auto *dim = tensor->mutable_shape()->add_dim();
    if (size < 0)
      dim->set_dim_param("T");
    else
      dim->set_dim_value(size);
  }
  return info;
}

::onnx::ValueInfoProto *addOutput(::onnx::ModelProto &model, const std::string &name, int type) {
  ::onnx::ValueInfoProto *info = model.mutable_graph()->add_output();
  info->set_name(name);
  info->mutable_type()->mutable_tensor_type()->set_elem_type(type);
  return info;
}

static int64_t bytesOf(int type) {
  return type == ::onnx::TensorProto::INT64 ? 8 : type == ::onnx::TensorProto::BOOL ? 1 : 4;
}

::onnx::TensorProto *addZeros(::onnx::ModelProto &model, const std::string &name, int type,
                              std::vector<int64_t> shape) {
  ::onnx::TensorProto *tensor = model.mutable_graph()->add_initializer();
  tensor->set_name(name);
  tensor->set_data_type(type);
  int64_t bytes = bytesOf(type);
  for (int64_t size : shape) {
    tensor->add_dims(size);
    bytes *= size;
  }
  tensor->set_raw_data(std::string(bytes, '\0'));
  return tensor;
}

::onnx::TensorProto *addInts(::onnx::ModelProto &model, const std::string &name,
                             std::vector<int64_t> values) {
  ::onnx::TensorProto *tensor = model.mutable_graph()->add_initializer();
  tensor->set_name(name);
  tensor->set_data_type(::onnx::TensorProto::INT64);
  tensor->add_dims(static_cast<int64_t>(values.size()));
  for (int64_t value : values)
    tensor->add_int64_data(value);
  return tensor;
}

void makeExternal(::onnx::TensorProto &tensor, const std::string &location,
                  const std::string &offset, const std::string &length) {
  tensor.clear_raw_data();
  tensor.set_data_location(::onnx::TensorProto::EXTERNAL);
  for (auto [key, value] :
       {std::pair{"location", location}, {"offset", offset}, {"length", length}})
    if (!value.empty()) {
      auto *entry = tensor.add_external_data();
      entry->set_key(key);
      entry->set_value(value);
    }
}

} // namespace mixserve::test
