//===- GoldenTest.cpp - whole exported models against onnxruntime -----------------------------===//

#include "Safetensors.h"

#include "mixserve/Import/Evaluator.h"
#include "mixserve/Import/ImportOnnx.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace mlir;
using namespace mixserve;
using namespace mixserve::test;

namespace {

class Golden : public testing::TestWithParam<const char *> {};

/// Imports a model, evaluates every output op by op on the inputs that onnxruntime had, and
/// compares.
TEST_P(Golden, EveryOutputEqualsOnnxruntime) {
  const std::string folder = modelsFolder() + "/qwen3moe-tiny/onnx/" + GetParam();
  std::map<std::string, HostTensor> golden = readSafetensors(folder + "/golden_ort.safetensors");
  MLIRContext context;
  OwningOpRef<ModuleOp> module = importOnnx(folder + "/model.onnx", context);
  ASSERT_TRUE(module);
  auto main = module->lookupSymbol<func::FuncOp>("main");
  ASSERT_TRUE(main);
  Evaluator evaluator;
  for (unsigned i = 0; i < main.getNumArguments(); ++i) {
    auto name = main.getArgAttrOfType<StringAttr>(i, "onnx.name");
    ASSERT_TRUE(name);
    auto found = golden.find("in." + name.str());
    ASSERT_NE(found, golden.end()) << name.str();
    evaluator.bind(main.getArgument(i), found->second);
  }
  auto results = cast<func::ReturnOp>(main.front().getTerminator());
  ASSERT_GT(results.getNumOperands(), 1u);
  for (unsigned i = 0; i < results.getNumOperands(); ++i) {
    const std::string name = main.getResultAttrOfType<StringAttr>(i, "onnx.name").str();
    const HostTensor *computed = evaluator.evaluate(results.getOperand(i));
    ASSERT_NE(computed, nullptr) << evaluator.error();
    const HostTensor &expected = golden.at("out." + name);
    ASSERT_EQ(computed->shape(), expected.shape()) << name;
    double largest = 0;
    for (int64_t k = 0; k < expected.numElements(); ++k)
      largest = std::max(largest, std::abs(computed->asDouble(k) - expected.asDouble(k)));
    EXPECT_LT(largest, 2e-5) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Qwen3Moe, Golden,
                         testing::Values("mobius-onnx-standard", "transformers-batched_mm-cache"),
                         [](const auto &info) {
                           std::string name = info.param;
                           for (char &c : name)
                             if (!isalnum(c))
                               c = '_';
                           return name;
                         });

} // namespace
