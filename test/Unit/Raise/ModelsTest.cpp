//===- ModelsTest.cpp - exports of the tiny model, as they are and in other words ------------------===//
#include "Mutations.h"
#include "dialects/nn/NNDialect.h"
#include "mixserve/Import/ImportOnnx.h"
#include "mixserve/Raise/Passes.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"

#include <gtest/gtest.h>

using namespace mlir;
using namespace mixserve;
using namespace mixserve::test;

namespace {

const std::string kExports[] = {"mobius-onnx-standard", "transformers-batched_mm-cache"};

class Raise : public testing::Test {
protected:
  Raise() {
    context.getDiagEngine().registerHandler([this](Diagnostic &diagnostic) {
      errors += diagnostic.str() + "\n";
      return success();
    });
  }

  OwningOpRef<ModuleOp> import(const std::string &name) {
    return importOnnx(std::string(std::getenv("MIXSERVE_SOURCE_DIR")) + "/models/qwen3moe-tiny/onnx/" + name +
                          "/model.onnx",
                      context);
  }

  /// The raised module as text; without boxes and folder if `stripped`. Empty after an error.
  std::string raise(ModuleOp module, bool stripped) {
    PassManager pipeline(&context);
    buildRaisePipeline(pipeline);
    if (failed(pipeline.run(module)))
      return "";
    if (stripped) {
      module->removeAttr("nn.source_folder");
      for (auto param : module.getOps<nn::ParamOp>())
        param.setBoxesAttr(ArrayAttr::get(&context, {}));
    }
    std::string text;
    llvm::raw_string_ostream stream(text);
    // Boxes that were taken out no longer tile their parameter.
    module.print(stream, OpPrintingFlags().assumeVerified());
    return text;
  }

  MLIRContext context;
  std::string errors;
};

TEST_F(Raise, TwoExportersGiveOneModel) {
  std::string texts[2];
  for (int i : {0, 1}) {
    OwningOpRef<ModuleOp> module = import(kExports[i]);
    ASSERT_TRUE(module) << errors;
    texts[i] = raise(*module, /*stripped=*/true);
    ASSERT_NE(texts[i], "") << errors;
  }
  EXPECT_EQ(texts[0], texts[1]);
  EXPECT_EQ(texts[0].find("onnx"), std::string::npos);
}

TEST_F(Raise, OtherWordsForTheSameModel) {
  using Mutation = void (*)(func::FuncOp, Random &);
  const std::pair<const char *, Mutation> mutations[] = {
      {"swapOperands", swapOperands}, {"insertNoOps", insertNoOps},
      {"shuffle", shuffle},           {"rename", rename},
      {"reshapeTwice", reshapeTwice}, {"duplicateConstants", duplicateConstants}};
  for (const std::string &name : kExports) {
    OwningOpRef<ModuleOp> original = import(name);
    std::string expected = raise(*original, /*stripped=*/false);
    ASSERT_NE(expected, "") << errors;
    auto check = [&](const std::string &what, ArrayRef<std::pair<const char *, Mutation>> some, int seed) {
      Random random(seed);
      OwningOpRef<ModuleOp> module = import(name);
      for (auto [label, mutation] : some)
        mutation(module->lookupSymbol<func::FuncOp>("main"), random);
      errors.clear();
      EXPECT_EQ(raise(*module, /*stripped=*/false), expected) << name << ", " << what << ", seed " << seed << "\n" << errors;
    };
    for (const auto &mutation : mutations)
      for (int seed : {1, 2, 3})
        check(mutation.first, mutation, seed);
    for (int seed = 1; seed <= 10; ++seed)
      check("all", mutations, seed);
  }
}

} // namespace
