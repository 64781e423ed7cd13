//===- ScaleTest.cpp - the time to raise is linear in nodes -----------------------------------===//
#include "dialects/nn/NNDialect.h"
#include "dialects/onnx/OnnxDialect.h"
#include "mixserve/Raise/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"

#include <chrono>
#include <gtest/gtest.h>

using namespace mlir;
using namespace mixserve;

namespace {

/// A decoder with experts one after the other, H = 8, F = 6, one head, without cache, as text.
class Decoder {
public:
  Decoder(int layers, int experts) {
    line("%ids = onnx.Identity(%tokens) : (tensor<?x?xi64>) -> tensor<?x?xi64>");
    line("%none = onnx.NoValue : none");
    line("%last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>");
    line("%k = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>");
    op("x", "Gather", {weight("16x8"), "ids"}, {"16x8xf32", "?x?xi64"}, kRows);
    std::string x = "x";
    for (int layer = 0; layer < layers; ++layer)
      x = addLayer(x, experts);
    op("logits", "MatMul", {norm(x), weight("8x16")}, {kRows, "8x16xf32"}, "?x?x16xf32");
  }

  std::string text() const {
    return "module {\n" + params +
           "func.func @main(%tokens: tensor<?x?xi64>) -> tensor<?x?x16xf32> {\n" + body +
           "return %logits : tensor<?x?x16xf32>\n}\n}\n";
  }
  int nodes = 0;

private:
  static constexpr const char *kRows = "?x?x8xf32", *kHidden = "?x?x6xf32", *kSlots = "?x?x2xf32";

  void line(const std::string &text) { body += text + "\n"; }
  std::string fresh() { return "v" + std::to_string(next++); }
  std::string op(const std::string &result, const std::string &name,
                 const std::vector<std::string> &operands, const std::vector<std::string> &types,
                 const std::string &type, const std::string &attributes = "") {
    auto joined = [](const std::vector<std::string> &parts, auto one) {
      std::string all;
      for (const std::string &part : parts)
        all += (all.empty() ? "" : ", ") + one(part);
      return all;
    };
    line("%" + result + " = onnx." + name + "(" +
         joined(operands, [](const std::string &v) { return "%" + v; }) + ") " + attributes +
         " : (" +
         joined(types, [](const std::string &t) { return t == "none" ? t : "tensor<" + t + ">"; }) +
         ") -> tensor<" + type + ">");
    ++nodes;
    return result;
  }
  std::string weight(const std::string &shape) {
    std::string name = fresh();
    std::string sizes = shape, strides = "1";
    if (size_t x = shape.find('x'); x != std::string::npos) {
      sizes = shape.substr(0, x) + ", " + shape.substr(x + 1);
      strides = shape.substr(x + 1) + ", 1";
    }
    std::string at = sizes == shape ? "0" : "0, 0";
    params += "nn.param @" + name + " : tensor<" + shape +
              "xf32> from [#nn.box<\"w\", offset = 0, type = f32, at = [" + at + "], shape = [" +
              sizes + "], strides = [" + strides + "]>]\n";
    line("%" + name + " = nn.param_ref @" + name + " : tensor<" + shape + "xf32>");
    return name;
  }
  std::string norm(const std::string &x) {
    return op(fresh(), "RMSNormalization", {x, weight("8")}, {kRows, "8xf32"}, kRows);
  }
  std::string linear(const std::string &x, const char *from, const std::string &shape,
                     const char *to) {
    return op(fresh(), "MatMul", {x, weight(shape)}, {from, shape + "xf32"}, to);
  }
  std::string binary(const std::string &name, const std::string &a, const std::string &b,
                     const char *type, const char *second = nullptr) {
    return op(fresh(), name, {a, b}, {type, second ? second : type}, type);
  }
  std::string sum(const std::string &slots) {
    return op(fresh(), "ReduceSum", {slots, "last"}, {kSlots, "1xi64"}, "?x?x1xf32");
  }

  std::string addLayer(const std::string &x, int experts) {
    std::string h = norm(x), a = fresh(), ids = fresh(), best = fresh();
    std::string q = linear(h, kRows, "8x8", kRows), k = linear(h, kRows, "8x8", kRows),
                v = linear(h, kRows, "8x8", kRows);
    const std::string rows = "tensor<" + std::string(kRows) + ">";
    line("%" + a + ":4 = onnx.Attention(%" + q + ", %" + k + ", %" + v +
         ", %none, %none, %none, %none) {is_causal = 1 : i64, kv_num_heads = 1 : i64, q_num_heads "
         "= 1 : i64} : (" +
         rows + ", " + rows + ", " + rows + ", none, none, none, none) -> (" + rows +
         ", tensor<?x?x?x?xf32>, tensor<?x?x?x?xf32>, none)");
    std::string x1 = binary("Add", x, linear(a + "#0", kRows, "8x8", kRows), kRows), h2 = norm(x1);
    std::string count = std::to_string(experts), logits = "?x?x" + count + "xf32";
    std::string scores =
        op(fresh(), "Softmax", {linear(h2, kRows, "8x" + count, logits.c_str())}, {logits}, logits);
    line("%" + best + ", %" + ids + " = onnx.TopK(%" + scores + ", %k) : (tensor<" + logits +
         ">, tensor<1xi64>) -> (tensor<?x?x2xf32>, tensor<?x?x2xi64>)");
    std::string all;
    for (int expert = 0; expert < experts; ++expert) {
      std::string gate = linear(h2, kRows, "8x6", kHidden), id = fresh();
      std::string silu =
          binary("Mul", gate, op(fresh(), "Sigmoid", {gate}, {kHidden}, kHidden), kHidden);
      std::string inner = binary("Mul", silu, linear(h2, kRows, "8x6", kHidden), kHidden);
      line("%" + id + " = onnx.Constant() {value = dense<" + std::to_string(expert) +
           "> : tensor<i64>} : () -> tensor<i64>");
      std::string mask = op(fresh(), "Equal", {ids, id}, {"?x?x2xi64", "i64"}, "?x?x2xi1");
      std::string slots = op(fresh(), "Cast", {mask}, {"?x?x2xi1"}, kSlots, "{to = f32}");
      std::string part = binary("Mul", linear(inner, kHidden, "6x8", kRows),
                                sum(binary("Mul", best, slots, kSlots)), kRows, "?x?x1xf32");
      all = expert == 0 ? part : binary("Add", all, part, kRows);
    }
    return binary("Add", x1, all, kRows);
  }

  std::string params, body;
  int next = 0;
};

/// Seconds to raise, the shortest of three; negative after a failure.
double seconds(const Decoder &decoder) {
  MLIRContext context;
  context.disableMultithreading();
  context.loadDialect<nn::NNDialect, onnx::OnnxDialect, func::FuncDialect>();
  double best = 1e9;
  for (int i = 0; i < 3; ++i) {
    OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(decoder.text(), &context);
    if (!module)
      return -1;
    PassManager pipeline(&context);
    buildRaisePipeline(pipeline);
    auto start = std::chrono::steady_clock::now();
    if (failed(pipeline.run(*module)))
      return -1;
    best = std::min(
        best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

TEST(RaiseScale, LinearInNodes) {
  Decoder small(4, 32), deep(32, 32), wide(4, 256);
  double base = seconds(small);
  ASSERT_GT(base, 0);
  for (const Decoder *large : {&deep, &wide}) {
    double time = seconds(*large);
    ASSERT_GT(time, 0);
    double nodes = double(large->nodes) / small.nodes;
    std::printf("%6d nodes %.4f s, %6d nodes %.4f s\n", small.nodes, base, large->nodes, time);
    // Quadratic would be `nodes` times as much again.
    EXPECT_LT(time / base, 3 * nodes);
  }
}

} // namespace
