//===- Routers.cpp - scores, top-k and normalisation of routing weights -----------------------===//

#include "Rules.h"

using namespace mlir;

namespace mixserve::raise {

/// [.., K]: rows, then slots.
static bool isSlots(const Layout &layout, int64_t topK, Sizes sizes) {
  return layout.rank() > 0 && isWhole(layout.last(), Role::Slot, topK) &&
         areRows(ArrayRef<Axis>(layout.axes).drop_back(), sizes.tokens());
}

Result routerScores(Context &context, onnx::SoftmaxOp op, const Meaning &logits) {
  auto *rows = as<Linear>(logits);
  if (!rows)
    return std::nullopt;
  if (!isLastAxis(op.getAxis(), logits) || !isPlain(logits.layout, rows->width, context.near()))
    return context.refuse(op, "expected the softmax of router logits over all experts");
  auto *term = context.make<RouterScores>(op);
  term->logits = rows;
  return Meaning{op.getOutput(), term, logits.layout};
}

Result topWeightsOfLogits(Context &context, onnx::SoftmaxOp op, const Meaning &logits) {
  auto *top = as<TopLogits>(logits);
  if (!top)
    return std::nullopt;
  if (!isLastAxis(op.getAxis(), logits) ||
      !isSlots(logits.layout, top->router->topK, context.near()))
    return context.refuse(op, "expected the softmax of the top router logits over the slots");
  // softmax over the chosen logits = softmax over all, divided by the sum of the chosen.
  auto *term = context.make<TopWeights>(op);
  term->router = top->router;
  term->normalize = true;
  return Meaning{op.getOutput(), term, logits.layout};
}

TopKResults topK(Context &context, onnx::TopKOp op, const Meaning &in) {
  auto refuse = [&](const Twine &reason) {
    Meaning broken = context.refuse(op, reason);
    return TopKResults{broken, broken};
  };
  auto *scored = as<RouterScores>(in);
  auto *logits = scored ? scored->logits : as<Linear>(in);
  if (!logits)
    return refuse("expected router logits or their softmax, got " + describe(in));
  std::optional<double> count = context.number({op.getK(), nullptr, {}});
  if (!count || *count < 1 || *count > logits->width)
    return refuse("expected a constant number of experts per token, at most their number");
  if (!op.getLargest() || !isLastAxis(op.getAxis(), in) ||
      !isPlain(in.layout, logits->width, context.near()))
    return refuse("expected the largest router scores of every token");
  const Router *router = context.makeRouter(logits, static_cast<int64_t>(*count));
  Layout layout = in.layout;
  layout.last().clear();
  append(layout.last(), {Role::Slot, router->topK, 1});
  auto *ids = context.make<TopIds>(op);
  ids->router = router;
  RouterTerm<Kind::TopLogits> *top = nullptr;
  TopWeights *weights = nullptr;
  if (scored)
    (weights = context.make<TopWeights>(op))->router = router;
  else
    (top = context.make<TopLogits>(op))->router = router;
  const Term *values = scored ? static_cast<const Term *>(weights) : top;
  return {{op.getValues(), values, layout}, {op.getIndices(), ids, layout}};
}

Result sumWeights(Context &context, onnx::ReduceSumOp op, const Meaning &weights) {
  auto *top = as<TopWeights>(weights);
  if (!top)
    return std::nullopt;
  std::optional<int64_t> axis =
      reducedAxis(context, op.getAxes(), op.getNoopWithEmptyAxes(), weights.layout.rank());
  if (!axis || !isWhole(weights.layout.axes[*axis], Role::Slot, top->router->topK))
    return context.refuse(op, "expected the sum of the routing weights of a token");
  auto *sum = context.make<TopSum>(op);
  sum->router = top->router;
  Meaning out{op.getReduced(), sum, weights.layout};
  if (op.getKeepdims())
    out.layout.axes[*axis].clear();
  else
    out.layout.axes.erase(out.layout.axes.begin() + *axis);
  return out;
}

Result normalizeWeights(Context &context, onnx::DivOp op, const Meaning &weights,
                        const Meaning &sum) {
  auto *top = as<TopWeights>(weights);
  auto *divisor = as<TopSum>(sum);
  if (!top || !divisor)
    return std::nullopt;
  if (top->router != divisor->router || !lacksAxis(sum.layout, weights.layout, -1))
    return context.refuse(op, "it divides routing weights by the sum of others");
  auto *term = context.make<TopWeights>(op);
  term->router = top->router;
  term->normalize = true;
  return Meaning{op.getC(), term, weights.layout};
}

} // namespace mixserve::raise
