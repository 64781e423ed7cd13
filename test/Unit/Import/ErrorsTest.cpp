//===- ErrorsTest.cpp - what import refuses, and how it says so -------------------------------===//

#include "Models.h"

#include <gtest/gtest.h>
#include <random>

using namespace mixserve::test;
using ::onnx::ModelProto;
using ::onnx::TensorProto;

namespace {

const char *const kTiny[] = {"mobius-onnx-standard", "transformers-batched_mm-cache"};

std::string tinyFolder(const std::string &name) {
  const char *source = std::getenv("MIXSERVE_SOURCE_DIR");
  return std::string(source ? source : ".") + "/models/qwen3moe-tiny/onnx/" + name;
}

std::string errorsOf(const std::string &path) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  Imported imported = importFile(path, context);
  EXPECT_FALSE(imported.module);
  return imported.errors;
}

//===----------------------------------------------------------------------===//
// Files
//===----------------------------------------------------------------------===//

TEST(ImportFile, MissingFileIsNamed) {
  EXPECT_EQ(errorsOf("/nowhere/model.onnx"),
            "model '/nowhere/model.onnx': cannot be opened: No such file or "
            "directory; give the path of an .onnx file or a Hugging Face folder\n");
}

TEST(ImportFile, FolderAndEmptyFileAreRefused) {
  Folder folder;
  EXPECT_NE(errorsOf(folder.path).find("is not a file"), std::string::npos);
  writeFile(folder / "empty.onnx", "");
  EXPECT_NE(errorsOf(folder / "empty.onnx").find("is empty"), std::string::npos);
}

TEST(ImportFile, OtherFormatsAreRefused) {
  Folder folder;
  std::mt19937 random(1);
  std::string noise(4096, '\0');
  for (char &c : noise)
    c = static_cast<char>(random());
  for (const std::string &bytes :
       {std::string("module {}\n"), std::string("\x89PNG\r\n\x1a\n\0\0\0", 11),
        std::string("PK\x03\x04 zip"), std::string("<!DOCTYPE html><html></html>"),
        std::string(100, '\0'), std::string("\x08\x0a", 2), noise}) {
    writeFile(folder / "other.onnx", bytes);
    EXPECT_NE(errorsOf(folder / "other.onnx").find("model '"), std::string::npos);
  }
}

TEST(ImportFile, TruncatedAnywhereIsRefused) {
  for (const char *name : kTiny) {
    Folder folder;
    std::filesystem::copy_file(tinyFolder(name) + "/model.onnx.data", folder / "model.onnx.data");
    const std::string whole = readFile(tinyFolder(name) + "/model.onnx");
    for (int place = 0; place < 50; ++place) {
      // 49 places spread over the file, and one byte less than all of it.
      const size_t bytes = place == 49 ? whole.size() - 1 : whole.size() * place / 49;
      writeFile(folder / "model.onnx", whole.substr(0, bytes));
      const std::string errors = errorsOf(folder / "model.onnx");
      EXPECT_NE(errors.find(bytes == 0 ? "is empty" : "truncated"), std::string::npos)
          << bytes << ": " << errors;
    }
  }
}

/// Flipped bytes must give a module or an error, and neither crash nor hang. What they give is not
/// fixed.
TEST(ImportFile, FlippedBytesNeverCrash) {
  std::mt19937 random(7);
  for (const char *name : kTiny) {
    Folder folder;
    std::filesystem::copy_file(tinyFolder(name) + "/model.onnx.data", folder / "model.onnx.data");
    const std::string whole = readFile(tinyFolder(name) + "/model.onnx");
    int refused = 0;
    for (int round = 0; round < 250; ++round) {
      std::string bytes = whole;
      for (int flips = 1 + round % 3; flips > 0; --flips)
        bytes[random() % bytes.size()] = static_cast<char>(random());
      writeFile(folder / "model.onnx", bytes);
      mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
      refused += !importFile(folder / "model.onnx", context).module;
    }
    EXPECT_GT(refused, 25);
  }
}

//===----------------------------------------------------------------------===//
// External data
//===----------------------------------------------------------------------===//

/// Imports the MatMul model with w in `location`, next to what `prepare` puts into the folder.
template <typename F>
std::string externalErrors(F prepare, const std::string &location, const std::string &offset = "0",
                           const std::string &length = "") {
  Folder folder;
  std::filesystem::create_directory(folder / "model");
  ModelProto model = matMulModel();
  makeExternal(*model.mutable_graph()->mutable_initializer(0), location, offset, length);
  writeFile(folder / "model/model.onnx", model.SerializeAsString());
  prepare(folder);
  return errorsOf(folder / "model/model.onnx");
}
const auto nothing = [](const Folder &) {};
const auto weights = [](const Folder &folder) {
  writeFile(folder / "model/w.data", std::string(48, '\0'));
};

void expectContains(const std::string &errors, const std::string &text) {
  EXPECT_NE(errors.find(text), std::string::npos) << errors;
  EXPECT_NE(errors.find("initialiser 'w'"), std::string::npos) << errors;
}

TEST(ImportExternal, MissingFileIsNamed) {
  expectContains(externalErrors(nothing, "w.data"), "external data 'w.data' is missing in folder");
}

TEST(ImportExternal, ShortFileSaysHowShort) {
  auto cut = [](const Folder &folder) {
    writeFile(folder / "model/w.data", std::string(47, '\0'));
  };
  expectContains(externalErrors(cut, "w.data"),
                 "is too short: needs bytes 0 to 48, the file has 47");
  expectContains(externalErrors(weights, "w.data", "1"),
                 "is too short: needs bytes 1 to 49, the file has 48");
  expectContains(externalErrors(weights, "w.data", "18446744073709551615"), "is too short");
}

TEST(ImportExternal, WrongNumbersAreRefused) {
  expectContains(externalErrors(weights, "w.data", "-4"), "offset '-4', which is no number");
  expectContains(externalErrors(weights, "w.data", "0", "many"),
                 "length 'many', which is no number");
  expectContains(externalErrors(weights, "w.data", "0", "44"),
                 "gives it 44 bytes, its type needs 48");
}

TEST(ImportExternal, NothingOutsideTheFolderIsRead) {
  auto outside = [](const Folder &folder) {
    writeFile(folder / "w.data", std::string(48, '\0'));
    std::filesystem::create_symlink(folder / "w.data", folder / "model/link.data");
    std::filesystem::create_directory_symlink(folder.path, folder / "model/up");
  };
  expectContains(externalErrors(outside, "../w.data"), "leaves the model's folder with '..'");
  expectContains(externalErrors(outside, "up/../w.data"), "leaves the model's folder with '..'");
  expectContains(externalErrors(outside, "/etc/passwd"), "is an absolute path");
  expectContains(externalErrors(outside, "C:\\w.data"), "is an absolute path");
  expectContains(externalErrors(outside, "link.data"), "is a link that leaves the model's folder");
  expectContains(externalErrors(outside, "up/w.data"), "is a link that leaves the model's folder");
  expectContains(externalErrors(outside, "up"), "is a link that leaves the model's folder");
  expectContains(externalErrors(outside, ""), "has no usable file name");
  expectContains(externalErrors(outside, "."), "is a link that leaves the model's folder");
}

TEST(ImportExternal, OnlyRegularFilesAreRead) {
  auto folderInPlace = [](const Folder &folder) {
    std::filesystem::create_directory(folder / "model/w.data");
  };
  expectContains(externalErrors(folderInPlace, "w.data"), "is not a file");
}

//===----------------------------------------------------------------------===//
// Operators
//===----------------------------------------------------------------------===//

TEST(ImportOperators, EveryUnsupportedOneIsListedInOneError) {
  ModelProto model = matMulModel();
  model.add_opset_import()->set_domain("com.microsoft");
  model.mutable_opset_import(1)->set_version(1);
  auto *moe = addNode(model, "MoE", {"y"}, {"a"}, "layer0/moe");
  moe->set_domain("com.microsoft");
  addNode(model, "NonZero", {"a"}, {"b"}, "hits");
  addNode(model, "If", {"b"}, {"c"}, "branch")
      ->add_attribute()
      ->mutable_g()
      ->add_node()
      ->set_op_type("Loop");
  addNode(model, "RMSNormalization", {"y", "w"}, {"d"});
  addNode(model, "Mine", {"y"}, {"e"}, "own")->set_domain("my.domain");
  for (int i = 0; i < 20; ++i)
    addNode(model, "OneHot", {"y"}, {"h" + std::to_string(i)}, "hot" + std::to_string(i));
  auto *function = model.add_functions();
  function->set_domain("my.domain");
  function->set_name("Mine");
  expectRefused(
      model,
      "uses 6 operators that this build does not support; export the model without:\n"
      "  ai.onnx.If (opset 20): 1 node: 'branch'\n"
      "  ai.onnx.NonZero (opset 20): 1 node: 'hits'\n"
      "  ai.onnx.OneHot (opset 20): 20 nodes: 'hot0', 'hot1', 'hot2', 'hot3', 'hot4', 'hot5', "
      "'hot6', 'hot7' and 12 more\n"
      "  ai.onnx.RMSNormalization (opset 20): 1 node: 'd' (known from opset 23)\n"
      "  com.microsoft.MoE (opset 1): 1 node: 'layer0/moe'\n"
      "  my.domain.Mine (opset not imported): 1 node: 'own' (a function of the model; inline its "
      "functions)\n");
}

TEST(ImportOperators, NodesThatBreakARuleAreNamed) {
  ModelProto model = matMulModel();
  model.mutable_graph()->mutable_node(0)->add_input("w");
  expectRefused(model, "node 'product' (MatMul): has 3 inputs, the operator takes 2");
  model = matMulModel();
  model.mutable_graph()->mutable_node(0)->clear_input();
  expectRefused(model, "node 'product' (MatMul): has 0 inputs, the operator takes 2");
  model = matMulModel();
  model.mutable_graph()->mutable_node(0)->set_input(1, "");
  expectRefused(model, "node 'product' (MatMul): input #1 is missing");
  model = matMulModel();
  model.mutable_graph()->mutable_node(0)->clear_output();
  expectRefused(model, "has 0 outputs, the operator gives 1");
  model = matMulModel();
  model.mutable_graph()->mutable_initializer(0)->set_dims(0, 3);
  model.mutable_graph()->mutable_initializer(0)->set_dims(1, 4);
  expectRefused(model,
                "node 'product' (MatMul): 'onnx.MatMul' op (C3) A has 4 columns, B has 3 rows");
}

TEST(ImportOperators, AttributesAreChecked) {
  auto withAttribute = [](auto set) {
    ModelProto model = matMulModel();
    set(addNode(model, "Softmax", {"y"}, {"z"}, "soft")->add_attribute());
    return model;
  };
  expectRefused(withAttribute([](auto *attribute) {
                  attribute->set_name("colour");
                  attribute->set_type(::onnx::AttributeProto::INT);
                }),
                "node 'soft' (Softmax): attribute 'colour' is not supported");
  expectRefused(withAttribute([](auto *attribute) {
                  attribute->set_name("axis");
                  attribute->set_type(::onnx::AttributeProto::FLOAT);
                }),
                "attribute 'axis' has the wrong type");
  expectRefused(withAttribute([](auto *attribute) {
                  attribute->set_name("axis");
                  attribute->set_type(::onnx::AttributeProto::INT);
                  attribute->set_i(2);
                }),
                "node 'soft' (Softmax): 'onnx.Softmax' op (C2) axis = 2 is outside [-2, 2)");
  ModelProto model = matMulModel();
  addNode(model, "Cast", {"y"}, {"z"}, "cast");
  expectRefused(model, "node 'cast' (Cast): lacks its required attribute");
}

//===----------------------------------------------------------------------===//
// Graphs
//===----------------------------------------------------------------------===//

TEST(ImportGraph, NamesMustBeDefinedOnceAndBefore) {
  ModelProto model = matMulModel();
  model.mutable_graph()->mutable_node(0)->set_input(0, "ghost");
  expectRefused(model, "node 'product' (MatMul) reads 'ghost', which nothing in the graph defines");
  model = matMulModel();
  addNode(model, "Neg", {"x"}, {"y"}, "again");
  expectRefused(model, "node 'again' (Neg): value 'y' is defined a second time");
  model = matMulModel();
  addNode(model, "Neg", {"x"}, {"w"}, "again");
  expectRefused(model, "node 'again' (Neg): value 'w' is defined a second time");
  model = matMulModel();
  addNode(model, "Neg", {"y"}, {"x"}, "again");
  expectRefused(model, "input 'x' is also the output of a node");
  model = matMulModel();
  addZeros(model, "w", TensorProto::FLOAT, {4, 3});
  expectRefused(model, "two initialisers are named 'w'");
  model = matMulModel();
  addInput(model, "x", TensorProto::FLOAT, {-1, 4});
  expectRefused(model, "two inputs are named 'x'");
  model = matMulModel();
  model.mutable_graph()->mutable_output(0)->set_name("z");
  expectRefused(model, "output 'z' reads 'z', which nothing in the graph defines");
}

TEST(ImportGraph, CyclesAndUnsortedNodesAreRefused) {
  ModelProto model = matMulModel();
  model.mutable_graph()->mutable_node(0)->set_input(0, "later");
  addNode(model, "Neg", {"x"}, {"later"}, "negation");
  expectRefused(model, "node 'product' (MatMul) reads 'later', which only the later node "
                       "'negation' (Neg) makes: the "
                       "nodes are not in topological order or form a cycle");
  model.mutable_graph()->mutable_node(1)->set_input(0, "y");
  expectRefused(model, "or form a cycle");
  model = matMulModel();
  model.mutable_graph()->mutable_node(0)->set_input(0, "y");
  expectRefused(model, "or form a cycle");
}

TEST(ImportGraph, DeclaredTypesMustAgreeWithTheOperators) {
  ModelProto model = matMulModel();
  model.mutable_graph()->mutable_output(0)->mutable_type()->mutable_tensor_type()->set_elem_type(
      TensorProto::INT64);
  expectRefused(
      model,
      "node 'product' (MatMul): value 'y' is declared 'tensor<*xi64>', but the operator gives "
      "'tensor<?x3xf32>'");
}

TEST(ImportGraph, FormsThatAreNotSupportedAreNamed) {
  ModelProto model = matMulModel();
  model.mutable_graph()->add_sparse_initializer()->add_dims(4);
  expectRefused(model, "it has sparse initialisers");
  model = matMulModel();
  model.mutable_graph()->mutable_initializer(0)->mutable_segment()->set_begin(0);
  expectRefused(model, "a tensor is stored in parts");
  model = matMulModel();
  model.mutable_graph()->mutable_input(0)->mutable_type()->mutable_sequence_type();
  expectRefused(model, "input 'x' is no tensor");
  model = matMulModel();
  addInput(model, "s", TensorProto::STRING, {1});
  expectRefused(model, "input 's' has element type STRING");
  model = matMulModel();
  model.mutable_graph()->mutable_initializer(0)->set_data_type(TensorProto::FLOAT8E4M3FN);
  expectRefused(model, "initialiser 'w' has element type FLOAT8E4M3FN");
}

TEST(ImportGraph, TensorsMustHaveTheBytesOfTheirShape) {
  ModelProto model = matMulModel();
  model.mutable_graph()->mutable_initializer(0)->mutable_raw_data()->pop_back();
  expectRefused(model,
                "initialiser 'w' has 47 bytes of elements, its type 'tensor<4x3xf32>' needs 48");
  model = matMulModel();
  model.mutable_graph()->mutable_initializer(0)->set_dims(0, -4);
  expectRefused(model, "initialiser 'w' has an impossible shape");
  model = matMulModel();
  for (int i = 0; i < 8; ++i)
    model.mutable_graph()->mutable_initializer(0)->add_dims(int64_t(1) << 40);
  expectRefused(model, "initialiser 'w' has an impossible shape");
  model = matMulModel();
  addInts(model, "axes", {1, 2})->set_dims(0, 3);
  addNode(model, "Unsqueeze", {"y", "axes"}, {"z"});
  expectRefused(model, "initialiser 'axes' has 16 bytes of elements");
}

TEST(ImportGraph, VersionsAreChecked) {
  ModelProto model = matMulModel();
  model.mutable_opset_import(0)->set_version(12);
  expectRefused(model, "uses ai.onnx opset 12, this build reads 13 to 28");
  model.mutable_opset_import(0)->set_version(99);
  expectRefused(model, "uses ai.onnx opset 99");
  model.clear_opset_import();
  expectRefused(model, "imports no operator set");
  model = matMulModel();
  model.set_ir_version(99);
  expectRefused(model, "has ir_version 99");
  model.clear_ir_version();
  expectRefused(model, "has no ir_version");
  model = matMulModel();
  model.clear_graph();
  expectRefused(model, "it has no graph");
  model = matMulModel();
  model.mutable_graph()->clear_node();
  expectRefused(model, "has a graph without nodes");
  model = matMulModel();
  model.mutable_graph()->clear_output();
  expectRefused(model, "has no outputs");
}

} // namespace
