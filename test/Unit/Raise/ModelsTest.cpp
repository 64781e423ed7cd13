//===- ModelsTest.cpp - exports of the tiny model, as they are and in other words -------------===//
#include "Mutations.h"
#include "dialects/nn/NNDialect.h"
#include "dialects/onnx/OnnxDialect.h"
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
    return importOnnx(std::string(std::getenv("MIXSERVE_SOURCE_DIR")) +
                          "/models/qwen3moe-tiny/onnx/" + name + "/model.onnx",
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
    auto check = [&](const std::string &what, ArrayRef<std::pair<const char *, Mutation>> some,
                     int seed) {
      Random random(seed);
      OwningOpRef<ModuleOp> module = import(name);
      for (auto [label, mutation] : some)
        mutation(module->lookupSymbol<func::FuncOp>("main"), random);
      errors.clear();
      EXPECT_EQ(raise(*module, /*stripped=*/false), expected)
          << name << ", " << what << ", seed " << seed << "\n"
          << errors;
    };
    for (const auto &mutation : mutations)
      for (int seed : {1, 2, 3})
        check(mutation.first, mutation, seed);
    for (int seed = 1; seed <= 10; ++seed)
      check("all", mutations, seed);
  }
}

TEST_F(Raise, WrongModelsAreRefusedOrOther) {
  int refused = 0;
  for (const std::string &name : kExports)
    for (int seed = 1; seed <= 150; ++seed) {
      Random random(seed);
      OwningOpRef<ModuleOp> module = import(name);
      rewire(module->lookupSymbol<func::FuncOp>("main"), random);
      errors.clear();
      std::string text = raise(*module, /*stripped=*/false);
      EXPECT_EQ(text.empty(), !errors.empty()) << name << ", seed " << seed;
      refused += text.empty();
    }
  // Most wires cannot be moved without anyone noticing.
  EXPECT_GT(refused, 200);
}

TEST_F(Raise, ExpertsGatheredByAnotherRouter) {
  OwningOpRef<ModuleOp> module = import("transformers-batched_mm-cache");
  auto main = module->lookupSymbol<func::FuncOp>("main");
  auto gathers = llvm::to_vector(main.getOps<onnx::GatherNDOp>());
  // Of the mask, then gate_up and down of both layers.
  ASSERT_EQ(gathers.size(), 5u);
  gathers[3].getIndicesMutable().assign(gathers[1].getIndices());
  EXPECT_EQ(raise(*module, true), "");
  EXPECT_NE(errors.find("gathered by the ids of one router"), std::string::npos) << errors;
}

TEST_F(Raise, ErrorsNameTheNode) {
  OwningOpRef<ModuleOp> module = import("mobius-onnx-standard");
  auto main = module->lookupSymbol<func::FuncOp>("main");
  // The mask of this graph is causal without help of the node.
  auto attention = *main.getOps<onnx::AttentionOp>().begin();
  attention.setIsCausal(0);
  EXPECT_NE(raise(*OwningOpRef<ModuleOp>(module->clone()), true), "") << errors;
  attention.getAttnMaskMutable().assign(attention.getNonpadKvSeqlen());
  std::string location;
  context.getDiagEngine().registerHandler([&](Diagnostic &diagnostic) {
    llvm::raw_string_ostream(location) << diagnostic.getLocation();
    return failure();
  });
  EXPECT_EQ(raise(*module, true), "");
  EXPECT_NE(errors.find("cannot raise onnx.Attention: unsupported attention mask: bidirectional"),
            std::string::npos)
      << errors;
  EXPECT_NE(location.find("Attention:model/layers.0/self_attn/Attention_node_32"),
            std::string::npos)
      << location;
}

} // namespace
