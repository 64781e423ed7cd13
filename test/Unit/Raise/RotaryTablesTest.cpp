//===- RotaryTablesTest.cpp - frequencies recovered from what graphs compute ------------------===//
#include "lib/Raise/RotaryTables.h"

#include "dialects/nn/NNDialect.h"
#include "dialects/onnx/OnnxDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace mlir;
using namespace mixserve;
using namespace mixserve::raise;

namespace {

/// A graph with token ids and positions, for a Probe.
class RotaryTables : public testing::Test {
protected:
  RotaryTables() {
    context.loadDialect<nn::NNDialect, onnx::OnnxDialect, func::FuncDialect>();
    module = parseSourceString<ModuleOp>(R"(
      nn.param @w : tensor<9x2xf32> from [#nn.box<"f", offset = 0, type = f32, at = [0, 0], shape = [9, 2], strides = [2, 1]>]
      func.func @main(%ids: tensor<?x?xi64> {onnx.dims = ["B", "S"]}, %at: tensor<?x?xi64> {onnx.dims = ["B", "S"]}) -> tensor<?x?x2xf32> {
        %w = nn.param_ref @w : tensor<9x2xf32>
        %x = onnx.Gather(%w, %ids) : (tensor<9x2xf32>, tensor<?x?xi64>) -> tensor<?x?x2xf32>
        %a = onnx.Cast(%at) {to = f32} : (tensor<?x?xi64>) -> tensor<?x?xf32>
        %c = onnx.Cos(%a) : (tensor<?x?xf32>) -> tensor<?x?xf32>
        %y = onnx.Add(%x, %x) : (tensor<?x?x2xf32>, tensor<?x?x2xf32>) -> tensor<?x?x2xf32>
        return %y : tensor<?x?x2xf32>
      })",
                                         &context);
    probe = std::make_unique<Probe>(*Probe::create(module->lookupSymbol<func::FuncOp>("main")));
  }

  /// What recoverRotary finds if pair i of a row at `position` is turned by `angle`, in f32.
  template <typename Angle> Rotary recover(int64_t pairs, double scale, Angle angle) {
    return recoverRotary(*probe, pairs, [&](const Scenario &scenario) {
      RotaryTable table;
      for (int64_t b = 0; b < scenario.sizes.batch; ++b)
        for (int64_t s = 0; s < scenario.sizes.length; ++s)
          for (int64_t i = 0; i < pairs; ++i) {
            float turned = angle(scenario.position(b, s), i);
            table.cos.push_back(float(scale) * std::cos(turned));
            table.sin.push_back(float(scale) * std::sin(turned));
          }
      return std::optional(table);
    });
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  std::unique_ptr<Probe> probe;
};

TEST_F(RotaryTables, PowersOfARoundBaseAreExact) {
  for (double theta : {10000.0, 500000.0, 1e6, 150000.0})
    for (int64_t pairs : {8, 32, 64}) {
      Rotary rotary = recover(pairs, 1, [&](float position, int64_t i) {
        return position * float(std::pow(theta, -double(i) / pairs));
      });
      ASSERT_EQ(rotary.whyNot, "");
      EXPECT_EQ(rotary.scale, 1.0);
      for (int64_t i = 0; i < pairs; ++i)
        EXPECT_EQ(rotary.invFreq[i], std::pow(theta, -double(i) / pairs)) << theta << " " << i;
    }
}

TEST_F(RotaryTables, OtherFrequenciesAreAsMeasured) {
  // Two bands, as long-context scalings have.
  auto frequency = [](int64_t i) { return (i < 4 ? 1.0 : 0.125) * std::pow(10000.0, -i / 8.0); };
  Rotary rotary =
      recover(8, 0.75, [&](float position, int64_t i) { return position * float(frequency(i)); });
  ASSERT_EQ(rotary.whyNot, "");
  EXPECT_EQ(rotary.scale, 0.75);
  for (int64_t i = 0; i < 8; ++i)
    EXPECT_NEAR(rotary.invFreq[i] / frequency(i), 1, 1e-6);
}

TEST_F(RotaryTables, FrequenciesThatDependOnThePositionAreRefused) {
  Rotary rotary = recover(4, 1, [](float position, int64_t i) {
    return (position < 4096 ? position : position / 2) * float(std::pow(10000.0, -i / 4.0));
  });
  EXPECT_NE(rotary.whyNot.find("the row at position 13100"), std::string::npos) << rotary.whyNot;
}

TEST_F(RotaryTables, PairsThatDoNotTurnAreRefused) {
  Rotary rotary = recover(4, 1, [](float position, int64_t i) { return i == 2 ? 0.f : position; });
  EXPECT_NE(rotary.whyNot, "");
}

} // namespace
