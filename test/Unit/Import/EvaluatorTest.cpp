//===- EvaluatorTest.cpp - the evaluator's driver: what it needs, what it refuses -------------===//
//
// What single operators compute is ConformanceTest's; whole models are GoldenTest's.
//
//===-----------------------------------------------------------------------------------------===//

#include "Models.h"

#include "mixserve/Import/Evaluator.h"

#include "dialects/nn/NNDialect.h"
#include "dialects/onnx/OnnxDialect.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"

#include <cstring>
#include <gtest/gtest.h>

using namespace mlir;
using namespace mixserve;
using namespace mixserve::test;

namespace {

/// A parsed module with one function, whose first returned value is evaluated.
struct Program {
  explicit Program(const std::string &text) : context(MLIRContext::Threading::DISABLED) {
    context.loadDialect<mixserve::onnx::OnnxDialect, nn::NNDialect, func::FuncDialect>();
    module = parseSourceString<ModuleOp>(text, &context);
    EXPECT_TRUE(module);
    function = *module->getOps<func::FuncOp>().begin();
  }
  Value result(unsigned i = 0) { return function.front().getTerminator()->getOperand(i); }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  func::FuncOp function;
};

std::vector<int64_t> intsOf(const HostTensor *tensor) {
  return tensor ? std::vector<int64_t>(tensor->ints().begin(), tensor->ints().end())
                : std::vector<int64_t>();
}

TEST(Evaluator, EvaluatesOnlyWhatTheValueNeeds) {
  Program program(R"(
    func.func @f(%a: tensor<?xi64>, %b: tensor<?xi64>) -> (tensor<?xi64>, tensor<?xi64>) {
      %0 = onnx.Add(%a, %a) : (tensor<?xi64>, tensor<?xi64>) -> tensor<?xi64>
      %1 = onnx.Mul(%0, %b) : (tensor<?xi64>, tensor<?xi64>) -> tensor<?xi64>
      return %0, %1 : tensor<?xi64>, tensor<?xi64>
    })");
  Evaluator evaluator;
  evaluator.bind(program.function.getArgument(0), HostTensor::ints({3}, {1, 2, 3}));
  EXPECT_EQ(intsOf(evaluator.evaluate(program.result(0))), (std::vector<int64_t>{2, 4, 6}));
  EXPECT_EQ(evaluator.evaluate(program.result(1)), nullptr);
  EXPECT_EQ(evaluator.error(), "it depends on an argument that has no content");
  evaluator.bind(program.function.getArgument(1), HostTensor::ints({1}, {10}));
  EXPECT_EQ(intsOf(evaluator.evaluate(program.result(1))), (std::vector<int64_t>{20, 40, 60}));
  EXPECT_EQ(evaluator.error(), "");
}

TEST(Evaluator, ABoundValueHidesItsOp) {
  Program program(R"(
    func.func @f(%a: tensor<?xi64>) -> tensor<?xi64> {
      %0 = onnx.Neg(%a) : (tensor<?xi64>) -> tensor<?xi64>
      %1 = onnx.Neg(%0) : (tensor<?xi64>) -> tensor<?xi64>
      return %1 : tensor<?xi64>
    })");
  Evaluator evaluator;
  evaluator.bind(program.result().getDefiningOp()->getOperand(0), HostTensor::ints({2}, {5, -5}));
  EXPECT_EQ(intsOf(evaluator.evaluate(program.result())), (std::vector<int64_t>{-5, 5}));
}

TEST(Evaluator, IntegersWrapAtTheirWidth) {
  Program program(R"(
    func.func @f(%a: tensor<1xi8>) -> (tensor<1xi8>, tensor<1xui8>) {
      %0 = onnx.Add(%a, %a) : (tensor<1xi8>, tensor<1xi8>) -> tensor<1xi8>
      %1 = onnx.Cast(%a) {to = ui8} : (tensor<1xi8>) -> tensor<1xui8>
      return %0, %1 : tensor<1xi8>, tensor<1xui8>
    })");
  Evaluator evaluator;
  evaluator.bind(program.function.getArgument(0), HostTensor::ints({1}, {-100}));
  EXPECT_EQ(intsOf(evaluator.evaluate(program.result(0))), (std::vector<int64_t>{56}));
  EXPECT_EQ(intsOf(evaluator.evaluate(program.result(1))), (std::vector<int64_t>{156}));
}

TEST(Evaluator, FailuresNameTheOpAndTheReason) {
  Program program(R"(
    func.func @f(%x: tensor<?xf32>, %i: tensor<?xi64>, %y: tensor<?xf32>, %z: tensor<?xi64>) -> (
        tensor<?xf32>, tensor<?xf32>, tensor<?xi64>, tensor<?xf32>, tensor<?x?xf32>) {
      %0 = onnx.Gather(%x, %i) : (tensor<?xf32>, tensor<?xi64>) -> tensor<?xf32> loc("Gather:lookup")
      %1 = onnx.Add(%x, %y) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      %2 = onnx.Div(%i, %z) : (tensor<?xi64>, tensor<?xi64>) -> tensor<?xi64>
      %3 = func.call @g(%x) : (tensor<?xf32>) -> tensor<?xf32>
      %shape = onnx.Constant() {value = dense<100000> : tensor<2xi64>} : () -> tensor<2xi64>
      %4 = onnx.ConstantOfShape(%shape) : (tensor<2xi64>) -> tensor<?x?xf32>
      return %0, %1, %2, %3, %4 : tensor<?xf32>, tensor<?xf32>, tensor<?xi64>, tensor<?xf32>, tensor<?x?xf32>
    }
    func.func private @g(tensor<?xf32>) -> tensor<?xf32>)");
  Evaluator evaluator;
  evaluator.bind(program.function.getArgument(0), HostTensor::floats({3}, {1, 2, 3}));
  evaluator.bind(program.function.getArgument(1), HostTensor::ints({2}, {-3, 3}));
  evaluator.bind(program.function.getArgument(2), HostTensor::floats({2}, {1, 2}));
  evaluator.bind(program.function.getArgument(3), HostTensor::ints({1}, {0}));
  const std::vector<std::string> expected = {
      "onnx.Gather (Gather:lookup): index 3 is outside an axis of 3",
      "onnx.Add: shapes [3] and [2] do not broadcast",
      "onnx.Div: integer division by zero",
      "func.call: is no onnx op that can be evaluated",
      "onnx.ConstantOfShape: a result of shape [100000, 100000] is above the limit of 67108864 "
      "elements",
  };
  for (unsigned i = 0; i < 5; ++i) {
    EXPECT_EQ(evaluator.evaluate(program.result(i)), nullptr);
    EXPECT_EQ(evaluator.error(), expected[i]);
  }
}

/// A parameter of two boxes: the left half of the rows transposed in the file, the right half as it
/// is.
constexpr char kParam[] = R"(
  nn.param @w : tensor<2x3xf32> from [
    #nn.box<"w.data", offset = 4, type = f32, at = [0, 0], shape = [2, 2], strides = [1, 2]>,
    #nn.box<"w.data", offset = 20, type = f32, at = [0, 2], shape = [2, 1], strides = [1, 1]>]
  func.func @f() -> tensor<2x3xf32> {
    %w = nn.param_ref @w : tensor<2x3xf32>
    return %w : tensor<2x3xf32>
  })";

TEST(Evaluator, ReadsTheBoxesOfAParameter) {
  Folder folder;
  const float numbers[] = {-1, 1, 2, 3, 4, 5, 6};
  writeFile(folder / "w.data",
            std::string(reinterpret_cast<const char *>(numbers), sizeof numbers));
  Program program(kParam);
  (*program.module)->setAttr(nn::kSourceFolderAttr, StringAttr::get(&program.context, folder.path));
  Evaluator evaluator;
  const HostTensor *w = evaluator.evaluate(program.result());
  ASSERT_NE(w, nullptr) << evaluator.error();
  EXPECT_EQ(w->floats().vec(), (std::vector<float>{1, 3, 5, 2, 4, 6}));

  Evaluator::Limits small;
  small.paramBytes = 23;
  Evaluator limited(small);
  EXPECT_EQ(limited.evaluate(program.result()), nullptr);
  EXPECT_EQ(limited.error(),
            "nn.param_ref: the parameters needed are above the limit of bytes read");
}

TEST(Evaluator, SaysWhichDataFileIsMissingOrShort) {
  Folder folder;
  Program program(kParam);
  (*program.module)->setAttr(nn::kSourceFolderAttr, StringAttr::get(&program.context, folder.path));
  Evaluator evaluator;
  EXPECT_EQ(evaluator.evaluate(program.result()), nullptr);
  EXPECT_NE(evaluator.error().find("external data 'w.data' is missing"), std::string::npos)
      << evaluator.error();
  writeFile(folder / "w.data", std::string(20, '\0'));
  EXPECT_EQ(evaluator.evaluate(program.result()), nullptr);
  EXPECT_EQ(evaluator.error(), "nn.param_ref: cannot read 'w.data'");
}

} // namespace
