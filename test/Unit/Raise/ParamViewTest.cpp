//===- ParamViewTest.cpp - transposes, slices and stacks are boxes ----------------------------===//
#include "lib/Raise/ParamView.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

using namespace mlir;
using namespace mixserve;
using raise::ParamView;

namespace {

/// w [4, 6] at byte 100 of `f`, row-major.
class ParamViews : public testing::Test {
protected:
  ParamViews() {
    context.loadDialect<nn::NNDialect>();
    module = parseSourceString<ModuleOp>(
        R"(nn.param @w : tensor<4x6xf32> from [#nn.box<"f", offset = 100, type = f32, at = [0, 0], shape = [4, 6], strides = [6, 1]>])",
        &context);
    view = ParamView(*module->getOps<nn::ParamOp>().begin());
  }
  std::string boxes(const ParamView &view) {
    std::string text;
    llvm::raw_string_ostream(text) << view.type() << " " << view.boxes(&context);
    return text;
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  ParamView view;
};

TEST_F(ParamViews, Transposed) {
  EXPECT_EQ(
      boxes(view.swapped()),
      R"(tensor<6x4xf32> [#nn.box<"f", offset = 100, type = f32, at = [0, 0], shape = [6, 4], strides = [1, 6]>])");
}

TEST_F(ParamViews, Sliced) {
  EXPECT_EQ(
      boxes(view.sliced(1, 2, 3)),
      R"(tensor<4x3xf32> [#nn.box<"f", offset = 108, type = f32, at = [0, 0], shape = [4, 3], strides = [6, 1]>])");
  EXPECT_EQ(
      boxes(view.swapped().sliced(1, 2, 2)),
      R"(tensor<6x2xf32> [#nn.box<"f", offset = 148, type = f32, at = [0, 0], shape = [6, 2], strides = [1, 6]>])");
}

TEST_F(ParamViews, StackedThenSliced) {
  ParamView stack = ParamView::stacked({view.swapped(), view.swapped()});
  EXPECT_EQ(
      boxes(stack),
      R"(tensor<2x6x4xf32> [#nn.box<"f", offset = 100, type = f32, at = [0, 0, 0], shape = [1, 6, 4], strides = [0, 1, 6]>, #nn.box<"f", offset = 100, type = f32, at = [1, 0, 0], shape = [1, 6, 4], strides = [0, 1, 6]>])");
  EXPECT_EQ(
      boxes(stack.sliced(0, 1, 1)),
      R"(tensor<1x6x4xf32> [#nn.box<"f", offset = 100, type = f32, at = [0, 0, 0], shape = [1, 6, 4], strides = [0, 1, 6]>])");
}

TEST_F(ParamViews, ReshapedByOnesOnly) {
  EXPECT_EQ(
      boxes(*view.reshaped({1, 4, 1, 6})),
      R"(tensor<1x4x1x6xf32> [#nn.box<"f", offset = 100, type = f32, at = [0, 0, 0, 0], shape = [1, 4, 1, 6], strides = [0, 6, 0, 1]>])");
  EXPECT_FALSE(view.reshaped({2, 12}));
}

} // namespace
