//===- BuildStep.cpp - a decoder as the function @step
//--------------------------------------------===//

#include "BuildStep.h"
#include "dialects/moe/MoEDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;

namespace mixserve::raise {

namespace {

class StepBuilder {
public:
  StepBuilder(ModuleOp module, const Decoder &decoder)
      : decoder(decoder), params(OpBuilder::atBlockEnd(module.getBody())),
        ops(module.getContext()) {}

  void run();

private:
  /// Declares a parameter and reads it.
  Value param(Location loc, const std::string &name, const ParamView &view);
  /// [T, width] of the model's element type.
  RankedTensorType rows(int64_t width) const {
    return RankedTensorType::get({ShapedType::kDynamic, width}, element);
  }
  Value norm(Value input, const Norm *norm, const std::string &name);
  Value linear(Value input, const Linear *linear, const std::string &name);
  Value rope(Value input, const Rope *rope);
  Value attention(Value input, const AttentionBlock &block, const std::string &prefix,
                  int64_t number);
  Value experts(Value input, const ExpertBlock &block, const std::string &prefix);
  Value layer(Value input, const DecoderLayer &layer, int64_t number);

  const Decoder &decoder;
  OpBuilder params, ops;
  Type element;
  Value batch;
};

} // namespace

Value StepBuilder::param(Location loc, const std::string &name, const ParamView &view) {
  nn::ParamOp::create(params, loc, params.getStringAttr(name), TypeAttr::get(view.type()),
                      view.boxes(params.getContext()), Attribute(), nn::PackAttr());
  return nn::ParamRefOp::create(ops, loc, view.type(),
                                FlatSymbolRefAttr::get(ops.getContext(), name));
}

Value StepBuilder::norm(Value input, const Norm *norm, const std::string &name) {
  Value weight = param(norm->loc, name, norm->weight);
  return nn::RmsNormOp::create(ops, norm->loc, input.getType(), input, weight,
                               ops.getF64FloatAttr(norm->eps));
}

Value StepBuilder::linear(Value input, const Linear *linear, const std::string &name) {
  Value weight = param(linear->loc, name, linear->weight);
  return nn::LinearOp::create(ops, linear->loc, rows(linear->width), input, weight);
}

Value StepBuilder::rope(Value input, const Rope *rope) {
  return nn::RopeOp::create(
      ops, rope->loc, input.getType(), input, batch, ops.getI64IntegerAttr(rope->headDim),
      ops.getDenseF64ArrayAttr(rope->invFreq), ops.getF64FloatAttr(rope->scale));
}

Value StepBuilder::attention(Value input, const AttentionBlock &block, const std::string &prefix,
                             int64_t number) {
  Value h = norm(input, block.norm, prefix + "attn_norm");
  Value q = linear(h, block.queries.linear, prefix + "q");
  Value k = linear(h, block.keys.linear, prefix + "k");
  Value v = linear(h, block.values.linear, prefix + "v");
  if (block.queries.norm)
    q = norm(q, block.queries.norm, prefix + "q_norm");
  if (block.keys.norm)
    k = norm(k, block.keys.norm, prefix + "k_norm");
  if (block.values.norm)
    v = norm(v, block.values.norm, prefix + "v_norm");
  if (block.queries.rope)
    q = rope(q, block.queries.rope);
  if (block.keys.rope)
    k = rope(k, block.keys.rope);
  if (block.values.rope)
    v = rope(v, block.values.rope);
  const Attention *term = block.attention;
  auto integer = [&](int64_t value) { return ops.getI64IntegerAttr(value); };
  Value a = nn::AttentionOp::create(ops, term->loc, rows(term->width), q, k, v, batch,
                                    integer(term->heads), integer(term->keys->heads),
                                    integer(term->keys->headDim), ops.getF64FloatAttr(term->scale),
                                    integer(number));
  return linear(a, block.output, prefix + "o");
}

Value StepBuilder::experts(Value input, const ExpertBlock &block, const std::string &prefix) {
  Value h = norm(input, block.norm, prefix + "moe_norm");
  const Router *router = block.router;
  Value logits = linear(h, router->logits, prefix + "router");
  auto spec = moe::RouterAttr::get(ops.getContext(), moe::Score::Softmax, block.normalize,
                                   ops.getF64FloatAttr(1.0));
  auto slots = [&](Type type) {
    return RankedTensorType::get({ShapedType::kDynamic, router->topK}, type);
  };
  auto route = moe::RouteOp::create(ops, router->logits->loc, slots(ops.getF32Type()),
                                    slots(ops.getI32Type()), logits, spec,
                                    ops.getI64IntegerAttr(router->topK));
  Value gate = param(block.loc, prefix + "experts.gate", block.gate);
  Value up = param(block.loc, prefix + "experts.up", block.up);
  Value down = param(block.loc, prefix + "experts.down", block.down);
  return moe::ExpertsOp::create(ops, block.loc, input.getType(), h, route.getWeights(),
                                route.getIds(), gate, up, down, moe::Activation::SwiGLU);
}

Value StepBuilder::layer(Value input, const DecoderLayer &layer, int64_t number) {
  std::string prefix = "layers." + std::to_string(number) + ".";
  Operation *before = &ops.getBlock()->back();
  Value a = attention(input, layer.attention, prefix, number);
  Value x = arith::AddFOp::create(ops, layer.afterAttention->loc, input, a);
  Value y = experts(x, layer.experts, prefix);
  Value out = arith::AddFOp::create(ops, layer.afterExperts->loc, x, y);
  for (Operation *op = before->getNextNode(); op; op = op->getNextNode())
    op->setAttr(nn::kLayerAttr, ops.getI64IntegerAttr(number));
  return out;
}

void StepBuilder::run() {
  Location loc = decoder.logits->loc;
  element = decoder.embedding->table.type().getElementType();
  auto batchType = nn::BatchType::get(ops.getContext());
  auto type = ops.getFunctionType({batchType}, {rows(decoder.logits->width)});
  auto step = func::FuncOp::create(ops, loc, "step", type);
  batch = step.addEntryBlock()->getArgument(0);
  ops.setInsertionPointToStart(&step.getBody().front());

  Location start = decoder.embedding->loc;
  Value ids = nn::TokensOp::create(
      ops, start, RankedTensorType::get({ShapedType::kDynamic}, ops.getI32Type()), batch);
  Value table = param(start, "embed", decoder.embedding->table);
  Value x = nn::EmbeddingOp::create(ops, start, rows(decoder.embedding->width), ids, table);
  for (auto [number, layer] : llvm::enumerate(decoder.layers))
    x = this->layer(x, layer, number);
  x = norm(x, decoder.finalNorm, "final_norm");
  x = nn::SelectRowsOp::create(ops, loc, x.getType(), x, batch);
  Value logits = linear(x, decoder.logits, "lm_head");
  func::ReturnOp::create(ops, loc, logits);
  params.insert(step);
}

void buildStep(ModuleOp module, const Decoder &decoder) { StepBuilder(module, decoder).run(); }

} // namespace mixserve::raise
