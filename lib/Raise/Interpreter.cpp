//===- Interpreter.cpp - finds out what every value of an ONNX graph means --------------------===//

#include "Interpreter.h"
#include "Rules.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace mixserve::raise {

/// The first rule that answers; for operators whose operands may be swapped, in both orders.
template <typename Op, typename... Rules>
static Result eitherOrder(Context &context, Op op, const Meaning &a, const Meaning &b,
                          Rules... rules) {
  Result result;
  ((result = rules(context, op, a, b)) || ...);
  if (!result)
    ((result = rules(context, op, b, a)) || ...);
  return result;
}

/// A node of one result, by its operator.
static Result interpret(Context &context, Operation *op, ArrayRef<Meaning> in) {
  return llvm::TypeSwitch<Operation *, Result>(op)
      .Case<onnx::IdentityOp, onnx::CastOp, onnx::CastLikeOp>(
          [&](auto) { return pass(context, op, in[0]); })
      .Case<onnx::ReshapeOp, onnx::SqueezeOp, onnx::UnsqueezeOp>(
          [&](auto) { return reshape(context, op, in[0]); })
      .Case<onnx::ExpandOp, onnx::TileOp>([&](auto) { return repeat(context, op, in[0]); })
      .Case([&](onnx::TransposeOp node) { return transpose(context, node, in[0]); })
      .Case([&](onnx::SliceOp node) { return slice(context, node, in[0]); })
      .Case([&](onnx::ConcatOp node) -> Result {
        if (in.size() != 2)
          return std::nullopt;
        Result joined = joinCache(context, node, in[0], in[1]);
        return joined ? joined : rotateHalves(context, node, in[0], in[1]);
      })
      .Case([&](onnx::MulOp node) {
        return eitherOrder(
            context, node, in[0], in[1], square, normalize, weighNorm, silu, swiglu, maskWeights,
            weighExpert, weighSlots,
            [](Context &context, onnx::MulOp op, const Meaning &a, const Meaning &b) {
              return timesNumber(context, op, a, b, /*divide=*/false);
            },
            timesTable);
      })
      .Case([&](onnx::AddOp node) {
        return eitherOrder(context, node, in[0], in[1], addEpsilon, addMask, rotate, addZero,
                           addBias, addRows);
      })
      .Case([&](onnx::DivOp node) -> Result {
        Result result = normalize(context, node, in[0], in[1]);
        if (!result)
          result = normalizeWeights(context, node, in[0], in[1]);
        return result ? result : timesNumber(context, node, in[0], in[1], /*divide=*/true);
      })
      .Case([&](onnx::MatMulOp node) -> Result {
        Result result = linear(context, node, in[0], in[1]);
        if (!result)
          result = attend(context, node, in[0], in[1]);
        if (!result)
          result = gatheredLinear(context, node, in[0], in[1]);
        return result ? result : scores(context, node, in[0], in[1]);
      })
      .Case([&](onnx::GatherOp node) -> Result {
        Result result = embed(context, node, in[0], in[1]);
        return result ? result : gather(context, node, in[0], in[1]);
      })
      .Case([&](onnx::SoftmaxOp node) -> Result {
        Result result = probabilities(context, node, in[0]);
        if (!result)
          result = topWeightsOfLogits(context, node, in[0]);
        return result ? result : routerScores(context, node, in[0]);
      })
      .Case([&](onnx::ReduceSumOp node) -> Result {
        Result result = sumWeights(context, node, in[0]);
        if (!result)
          result = expertWeight(context, node, in[0]);
        return result ? result : sumSlots(context, node, in[0]);
      })
      .Case([&](onnx::PowOp) -> Result {
        Result result = square(context, op, in[0], in[1]);
        return result ? result : inverseRoot(context, op, in[0]);
      })
      .Case([&](onnx::GemmOp node) { return gemm(context, node, in[0], in[1], in[2]); })
      .Case([&](onnx::GatherNDOp) { return gather(context, op, in[0], in[1]); })
      .Case([&](onnx::EqualOp node) { return eitherOrder(context, node, in[0], in[1], slotMask); })
      .Case([&](onnx::ReduceMeanOp node) { return meanSquare(context, node, in[0]); })
      .Case([&](onnx::SqrtOp node) { return root(context, node, in[0]); })
      .Case([&](onnx::ReciprocalOp) { return inverseRoot(context, op, in[0]); })
      .Case([&](onnx::RMSNormalizationOp node) { return rmsNorm(context, node, in[0], in[1]); })
      .Case([&](onnx::NegOp node) { return negate(context, node, in[0]); })
      .Case([&](onnx::RotaryEmbeddingOp node) { return rotaryOp(context, node, in[0]); })
      .Case([&](onnx::SigmoidOp node) { return sigmoid(context, node, in[0]); })
      .Default([](Operation *) { return std::nullopt; });
}

Interpreter::Interpreter(Context &context, func::FuncOp main, SymbolTable &symbols)
    : context(context), symbols(symbols) {
  for (BlockArgument argument : main.getBody().getArguments()) {
    Meaning meaning{argument, nullptr, {}};
    if (context.probe.role(argument.getArgNumber()) == InputRole::Cache) {
      auto *cache = context.make<Cache>(main);
      cache->argument = argument.getArgNumber();
      meaning.term = cache;
    }
    define(argument, meaning);
  }
  for (Operation &op : main.getBody().front().without_terminator())
    visit(op);
}

void Interpreter::define(Value value, Meaning meaning) {
  meaning.value = value;
  meanings[value] = std::move(meaning);
}

void Interpreter::defineAll(Operation &op, const Term *term) {
  for (Value result : op.getResults())
    define(result, {result, term, {}});
}

/// Sizes of a raised value are known: evaluation must not go through it.
void Interpreter::visitShape(Operation &op) {
  auto shape = cast<onnx::ShapeOp>(op);
  const Meaning data = meaning(shape.getData()); // a copy: define may move all meanings
  define(shape.getShape(), {shape.getShape(), nullptr, {}});
  if (data.isComputable() || as<Cache>(data))
    return;
  auto clamp = [&](int64_t at) {
    int64_t rank = data.layout.rank();
    return std::clamp<int64_t>(at < 0 ? at + rank : at, 0, rank);
  };
  int64_t start = clamp(shape.getStart()),
          end = shape.getEnd() ? clamp(*shape.getEnd()) : data.layout.rank();
  context.probe.bindShape(shape.getShape(), data.layout, start, std::max<int64_t>(end - start, 0));
}

void Interpreter::visit(Operation &op) {
  if (auto ref = dyn_cast<nn::ParamRefOp>(op)) {
    auto *param = context.make<Param>(&op);
    param->view = ParamView(symbols.lookup<nn::ParamOp>(ref.getParam()));
    return defineAll(op, param);
  }
  SmallVector<Meaning> in;
  for (Value operand : op.getOperands()) {
    in.push_back(meaning(operand));
    if (as<Broken>(in.back()))
      return defineAll(op, in.back().term);
  }
  if (isa<onnx::ShapeOp>(op))
    return visitShape(op);
  if (llvm::all_of(in, [](const Meaning &meaning) { return meaning.isData(); }))
    return defineAll(op, nullptr);
  bool isData = llvm::all_of(in, [](const Meaning &meaning) { return meaning.isComputable(); });
  if (auto attention = dyn_cast<onnx::AttentionOp>(op)) {
    AttentionResults results = attentionOp(context, attention, in);
    define(attention.getY(), results.output);
    define(attention.getPresentKey(), results.presentKey);
    define(attention.getPresentValue(), results.presentValue);
    return define(attention.getQkMatmulOutput(), results.output);
  }
  if (auto top = dyn_cast<onnx::TopKOp>(op); top && !isData) {
    TopKResults results = topK(context, top, in[0]);
    define(top.getValues(), results.values);
    return define(top.getIndices(), results.ids);
  }
  if (auto cut = dyn_cast<onnx::SplitOp>(op)) {
    SmallVector<Meaning> parts = split(context, cut, in[0]);
    for (auto [result, part] : llvm::zip_equal(cut.getResults(), parts))
      define(result, part);
    return;
  }
  Result result = interpret(context, &op, in);
  if (result)
    return define(op.getResult(0), *result);
  if (isData)
    return defineAll(op, nullptr);
  std::string operands;
  for (auto [i, meaning] : llvm::enumerate(in))
    if (!onnx::isNoValue(meaning.value))
      operands += (i ? ", " : "") + describe(meaning);
  defineAll(op, context.refuse(&op, "no rule takes it with " + operands).term);
}

} // namespace mixserve::raise
