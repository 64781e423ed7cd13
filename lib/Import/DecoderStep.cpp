//===- DecoderStep.cpp - a decoder as the function @step --------------------===//

#include "mixserve/Import/DecoderStep.h"

#include "dialects/moe/MoEDialect.h"
#include "dialects/nn/NNDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <cmath>

using namespace mlir;

namespace mixserve {

namespace {

class StepBuilder {
public:
  StepBuilder(ModuleOp module, const StepDecoder &decoder)
      : decoder(decoder), params(OpBuilder::atBlockEnd(module.getBody())), ops(module.getContext()),
        element(decoder.embedding.type.getElementType()) {}

  void run();

private:
  /// Declares a parameter and reads it.
  Value param(const std::string &name, const StepWeight &weight);
  /// [T, width] of the model's element type.
  RankedTensorType rows(int64_t width) const {
    return RankedTensorType::get({ShapedType::kDynamic, width}, element);
  }
  IntegerAttr integer(int64_t value) { return ops.getI64IntegerAttr(value); }
  Value norm(Value input, const StepNorm &norm, const std::string &name);
  Value linear(Value input, const StepWeight &weight, const std::string &name);
  Value rope(Value input, const StepRope &rope);
  Value attention(Value input, const StepAttention &attention, const std::string &prefix,
                  int64_t number);
  Value experts(Value input, const StepExperts &experts, const std::string &prefix);
  Value layer(Value input, const StepLayer &layer, int64_t number);

  const StepDecoder &decoder;
  OpBuilder params, ops;
  Type element;
  Value batch;
};

} // namespace

Value StepBuilder::param(const std::string &name, const StepWeight &weight) {
  nn::ParamOp::create(params, weight.loc, params.getStringAttr(name), TypeAttr::get(weight.type),
                      weight.boxes, Attribute(), nn::PackAttr());
  return nn::ParamRefOp::create(ops, weight.loc, weight.type,
                                FlatSymbolRefAttr::get(ops.getContext(), name));
}

Value StepBuilder::norm(Value input, const StepNorm &norm, const std::string &name) {
  Value weight = param(name, norm.weight);
  return nn::RmsNormOp::create(ops, norm.weight.loc, input.getType(), input, weight,
                               ops.getF64FloatAttr(norm.eps));
}

Value StepBuilder::linear(Value input, const StepWeight &weight, const std::string &name) {
  Value value = param(name, weight);
  return nn::LinearOp::create(ops, weight.loc, rows(weight.type.getDimSize(0)), input, value);
}

Value StepBuilder::rope(Value input, const StepRope &rope) {
  return nn::RopeOp::create(ops, rope.loc, input.getType(), input, batch, integer(rope.headDim),
                            ops.getDenseF64ArrayAttr(rope.invFreq),
                            ops.getF64FloatAttr(rope.scale));
}

Value StepBuilder::attention(Value input, const StepAttention &attention, const std::string &prefix,
                             int64_t number) {
  Value h = norm(input, attention.norm, prefix + "attn_norm");
  const std::pair<const StepHeads *, const char *> paths[] = {
      {&attention.queries, "q"}, {&attention.keys, "k"}, {&attention.values, "v"}};
  SmallVector<Value, 3> heads;
  for (auto [path, name] : paths)
    heads.push_back(linear(h, path->linear, prefix + name));
  for (auto [path, head] : llvm::zip_equal(paths, heads))
    if (path.first->norm)
      head = norm(head, *path.first->norm, prefix + path.second + "_norm");
  for (auto [path, head] : llvm::zip_equal(paths, heads))
    if (path.first->rope)
      head = rope(head, *path.first->rope);
  Value a = nn::AttentionOp::create(ops, attention.loc, rows(attention.heads * attention.headDim),
                                    heads[0], heads[1], heads[2], batch, integer(attention.heads),
                                    integer(attention.kvHeads), integer(attention.headDim),
                                    ops.getF64FloatAttr(attention.scale), integer(number));
  return linear(a, attention.output, prefix + "o");
}

Value StepBuilder::experts(Value input, const StepExperts &experts, const std::string &prefix) {
  Value h = norm(input, experts.norm, prefix + "moe_norm");
  Value logits = linear(h, experts.router, prefix + "router");
  auto spec = moe::RouterAttr::get(ops.getContext(), moe::Score::Softmax, experts.normalize,
                                   ops.getF64FloatAttr(1.0));
  auto slots = [&](Type type) {
    return RankedTensorType::get({ShapedType::kDynamic, experts.topK}, type);
  };
  auto route = moe::RouteOp::create(ops, experts.router.loc, slots(ops.getF32Type()),
                                    slots(ops.getI32Type()), logits, spec, integer(experts.topK));
  Value gate = param(prefix + "experts.gate", experts.gate);
  Value up = param(prefix + "experts.up", experts.up);
  Value down = param(prefix + "experts.down", experts.down);
  return moe::ExpertsOp::create(ops, experts.loc, input.getType(), h, route.getWeights(),
                                route.getIds(), gate, up, down, moe::Activation::SwiGLU);
}

Value StepBuilder::layer(Value input, const StepLayer &layer, int64_t number) {
  std::string prefix = "layers." + std::to_string(number) + ".";
  Operation *before = &ops.getBlock()->back();
  Value a = attention(input, layer.attention, prefix, number);
  Value x = arith::AddFOp::create(ops, layer.afterAttention, input, a);
  Value y = experts(x, layer.experts, prefix);
  Value out = arith::AddFOp::create(ops, layer.afterExperts, x, y);
  for (Operation *op = before->getNextNode(); op; op = op->getNextNode())
    op->setAttr(nn::kLayerAttr, integer(number));
  return out;
}

void StepBuilder::run() {
  Location loc = decoder.logits.loc;
  auto batchType = nn::BatchType::get(ops.getContext());
  auto type = ops.getFunctionType({batchType}, {rows(decoder.logits.type.getDimSize(0))});
  auto step = func::FuncOp::create(ops, loc, "step", type);
  batch = step.addEntryBlock()->getArgument(0);
  ops.setInsertionPointToStart(&step.getBody().front());

  Location start = decoder.embedding.loc;
  Value ids = nn::TokensOp::create(
      ops, start, RankedTensorType::get({ShapedType::kDynamic}, ops.getI32Type()), batch);
  Value table = param("embed", decoder.embedding);
  Value x =
      nn::EmbeddingOp::create(ops, start, rows(decoder.embedding.type.getDimSize(1)), ids, table);
  for (auto [number, layer] : llvm::enumerate(decoder.layers))
    x = this->layer(x, layer, number);
  x = norm(x, decoder.finalNorm, "final_norm");
  x = nn::SelectRowsOp::create(ops, loc, x.getType(), x, batch);
  Value logits = linear(x, decoder.logits, "lm_head");
  func::ReturnOp::create(ops, loc, logits);
  params.insert(step);
}

void buildStep(ModuleOp module, const StepDecoder &decoder) { StepBuilder(module, decoder).run(); }

llvm::SmallVector<double> rotaryFrequencies(double theta, int64_t pairs) {
  llvm::SmallVector<double> frequencies;
  for (int64_t i = 0; i < pairs; ++i)
    frequencies.push_back(std::pow(theta, -static_cast<double>(i) / static_cast<double>(pairs)));
  return frequencies;
}

} // namespace mixserve
