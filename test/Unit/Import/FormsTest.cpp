//===- FormsTest.cpp - the forms in which exporters write the same thing ----------------------===//

#include "Models.h"

#include "mixserve/Import/Evaluator.h"

#include "dialects/nn/NNDialect.h"
#include "dialects/onnx/OnnxDialect.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

using namespace mlir;
using namespace mixserve;
using namespace mixserve::test;
using ::onnx::ModelProto;
using ::onnx::TensorProto;

namespace {

/// An imported model and the text of its module.
struct Accepted {
  explicit Accepted(const ModelProto &model, const std::string &data = "") {
    writeFile(folder / "model.onnx", model.SerializeAsString());
    if (!data.empty())
      writeFile(folder / "model.onnx.data", data);
    Imported imported = importFile(folder / "model.onnx", context);
    EXPECT_TRUE(imported.module) << imported.errors;
    module = std::move(imported.module);
    if (module) {
      llvm::raw_string_ostream stream(text);
      module->print(stream);
    }
  }
  /// That part of the text is there.
  void has(const std::string &part) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\nin\n" << text;
  }
  void lacks(const std::string &part) { EXPECT_EQ(text.find(part), std::string::npos) << text; }

  Folder folder;
  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  std::string text;
};

::onnx::AttributeProto *addAttribute(::onnx::NodeProto *node, const std::string &name,
                                     ::onnx::AttributeProto::AttributeType type) {
  auto *attribute = node->add_attribute();
  attribute->set_name(name);
  attribute->set_type(type);
  return attribute;
}

TEST(ImportForms, InlineWeightIsABoxOfTheModelFile) {
  ModelProto model = matMulModel();
  std::string bytes(48, '\0');
  for (size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<char>('A' + i);
  model.mutable_graph()->mutable_initializer(0)->set_raw_data(bytes);
  Accepted accepted(model);
  const size_t offset = model.SerializeAsString().find(bytes);
  accepted.has("nn.param @w : tensor<4x3xf32> from [#nn.box<\"model.onnx\", offset = " +
               std::to_string(offset) +
               ", type = f32, at = [0, 0], shape = [4, 3], strides = [3, 1]>]");
  accepted.has("onnx.MatMul(%arg0, %0) : (tensor<?x4xf32>, tensor<4x3xf32>) -> tensor<?x3xf32>");
  accepted.has("onnx.dims = [\"T\", \"4\"], onnx.name = \"x\"");
  accepted.has("onnx.opset = {ai.onnx = 20 : i64}");
  accepted.has("nn.source_folder = \"" + accepted.folder.path + "\"");
  EXPECT_TRUE(parseSourceString<ModuleOp>(accepted.text, &accepted.context));
}

TEST(ImportForms, FloatDataIsABoxToo) {
  ModelProto model = matMulModel();
  TensorProto *w = model.mutable_graph()->mutable_initializer(0);
  w->clear_raw_data();
  for (int i = 0; i < 12; ++i)
    w->add_float_data(static_cast<float>(i));
  Accepted accepted(model);
  Evaluator evaluator;
  auto ref = *accepted.module->lookupSymbol<func::FuncOp>("main").getOps<nn::ParamRefOp>().begin();
  const HostTensor *tensor = evaluator.evaluate(ref);
  ASSERT_NE(tensor, nullptr) << evaluator.error();
  for (int i = 0; i < 12; ++i)
    EXPECT_EQ(tensor->floats()[i], static_cast<float>(i));
}

TEST(ImportForms, LargeIntegersAreParamsAndSmallOnesConstants) {
  ModelProto model = matMulModel();
  addZeros(model, "table", TensorProto::INT64, {513}); // 4104 bytes
  addZeros(model, "few", TensorProto::INT64, {512});   // 4096 bytes
  addNode(model, "Concat", {"table", "few"}, {"z"})->add_attribute()->set_name("axis");
  model.mutable_graph()->mutable_node(1)->mutable_attribute(0)->set_type(
      ::onnx::AttributeProto::INT);
  addOutput(model, "z", TensorProto::INT64);
  Accepted accepted(model);
  accepted.has("nn.param @table : tensor<513xi64>");
  accepted.has("onnx.Constant() {value = dense<0> : tensor<512xi64>}");
}

TEST(ImportForms, SmallExternalConstantsAreRead) {
  // With a size threshold of 0 even the axes of a Squeeze lie in the data file.
  ModelProto model = matMulModel();
  addInts(model, "axes", {1})->clear_int64_data();
  makeExternal(*model.mutable_graph()->mutable_initializer(1), "model.onnx.data", "8", "8");
  addNode(model, "Unsqueeze", {"y", "axes"}, {"z"});
  addOutput(model, "z", TensorProto::FLOAT);
  std::string data(16, '\0');
  data[8] = 1;
  Accepted accepted(model, data);
  accepted.has("onnx.Constant() {value = dense<1> : tensor<1xi64>}");
  accepted.has("-> tensor<?x1x3xf32>");
}

TEST(ImportForms, InitialisersListedAsInputsAreConstants) {
  ModelProto model = matMulModel();
  addInput(model, "w", TensorProto::FLOAT, {4, 3});
  Accepted accepted(model);
  accepted.has("func.func @main(%arg0: tensor<?x4xf32>");
  accepted.lacks("%arg1");
}

TEST(ImportForms, UnusedInitialisersLeaveNothing) {
  ModelProto model = matMulModel();
  addZeros(model, "unused", TensorProto::FLOAT, {1000000});
  Accepted(model).lacks("unused");
}

TEST(ImportForms, OlderVersionsBecomeTheNewestForm) {
  ModelProto model = matMulModel();
  model.mutable_opset_import(0)->set_version(13);
  auto *mean = addNode(model, "ReduceMean", {"y"}, {"m"}, "mean");
  addAttribute(mean, "axes", ::onnx::AttributeProto::INTS)->add_ints(-1);
  addAttribute(addNode(model, "Split", {"y"}, {"a", "b", "c"}), "axis", ::onnx::AttributeProto::INT)
      ->set_i(1);
  addOutput(model, "m", TensorProto::FLOAT);
  addOutput(model, "b", TensorProto::FLOAT);
  Accepted accepted(model);
  accepted.has("onnx.Constant() {value = dense<-1> : tensor<1xi64>}");
  accepted.has("(tensor<?x3xf32>, tensor<1xi64>) -> tensor<?x1xf32>");
  accepted.has(
      "{axis = 1 : i64, num_outputs = 3 : i64} : (tensor<?x3xf32>, none) -> (tensor<?x1xf32>, "
      "tensor<?x1xf32>, tensor<?x1xf32>)");
}

TEST(ImportForms, EveryFormOfConstant) {
  ModelProto model = matMulModel();
  auto constant = [&](const std::string &name, ::onnx::AttributeProto::AttributeType type) {
    addOutput(model, name, name[0] == 'f' ? TensorProto::FLOAT : TensorProto::INT64);
    const std::string attribute = name == "i"    ? "value_int"
                                  : name == "is" ? "value_ints"
                                  : name == "f"  ? "value_float"
                                  : name == "fs" ? "value_floats"
                                                 : "value";
    return addAttribute(addNode(model, "Constant", {}, {name}), attribute, type);
  };
  constant("i", ::onnx::AttributeProto::INT)->set_i(7);
  constant("is", ::onnx::AttributeProto::INTS)->add_ints(8);
  constant("f", ::onnx::AttributeProto::FLOAT)->set_f(0.5f);
  constant("fs", ::onnx::AttributeProto::FLOATS)->add_floats(0.25f);
  auto *small = constant("t", ::onnx::AttributeProto::TENSOR)->mutable_t();
  small->set_data_type(TensorProto::INT64);
  small->add_int64_data(9);
  auto *large = constant("fw", ::onnx::AttributeProto::TENSOR)->mutable_t();
  large->set_data_type(TensorProto::FLOAT);
  large->add_dims(2000);
  large->set_raw_data(std::string(8000, '\0'));
  Accepted accepted(model);
  for (const char *part :
       {"dense<7> : tensor<i64>", "dense<8> : tensor<1xi64>", "dense<5.000000e-01> : tensor<f32>",
        "dense<2.500000e-01> : tensor<1xf32>", "dense<9> : tensor<i64>",
        "nn.param @fw : tensor<2000xf32>"})
    accepted.has(part);
}

TEST(ImportForms, BothNamesOfTheStandardDomain) {
  ModelProto model = matMulModel();
  model.mutable_opset_import(0)->set_domain("ai.onnx");
  model.mutable_graph()->mutable_node(0)->set_domain("ai.onnx");
  Accepted(model).has("onnx.opset = {ai.onnx = 20 : i64}");
}

TEST(ImportForms, MissingInputsAndOutputsAreNone) {
  ModelProto model = matMulModel();
  addInts(model, "zero", {0});
  addInts(model, "one", {1});
  addNode(model, "Slice", {"y", "zero", "one", "", "one"}, {"z"});
  addNode(model, "Gemm", {"x", "w"}, {"g"});
  addOutput(model, "z", TensorProto::FLOAT);
  addOutput(model, "g", TensorProto::FLOAT);
  Accepted accepted(model);
  accepted.has(
      "(tensor<?x3xf32>, tensor<1xi64>, tensor<1xi64>, none, tensor<1xi64>) -> tensor<?x3xf32>");
  accepted.has("(tensor<?x4xf32>, tensor<4x3xf32>, none) -> tensor<?x3xf32>");
}

TEST(ImportForms, NodesKeepTheirNamesAsLocations) {
  Accepted accepted(matMulModel());
  accepted.module->walk([](mixserve::onnx::MatMulOp op) {
    auto name = dyn_cast<NameLoc>(op.getLoc());
    ASSERT_TRUE(name);
    EXPECT_EQ(name.getName().getValue(), "MatMul:product");
  });
}

} // namespace
