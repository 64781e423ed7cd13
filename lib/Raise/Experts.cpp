//===- Experts.cpp - experts one after the other, or with weights gathered by id --------------===//

#include "Rules.h"

using namespace mlir;

namespace mixserve::raise {

//===----------------------------------------------------------------------===//
// Activation
//===----------------------------------------------------------------------===//

Result sigmoid(Context &context, onnx::SigmoidOp op, const Meaning &x) {
  auto *rows = as<Rows>(x);
  if (!rows)
    return std::nullopt;
  auto *term = context.make<Sigmoid>(op);
  term->input = rows;
  return Meaning{op.getY(), term, x.layout};
}

Result silu(Context &context, onnx::MulOp op, const Meaning &x, const Meaning &gate) {
  auto *rows = as<Rows>(x);
  auto *term = as<Sigmoid>(gate);
  if (!rows || !term)
    return std::nullopt;
  if (term->input != rows || !(x.layout == gate.layout))
    return context.refuse(op, "it multiplies rows with the sigmoid of other rows");
  auto *out = context.make<Silu>(op);
  out->input = rows;
  return Meaning{op.getC(), out, x.layout};
}

Result swiglu(Context &context, onnx::MulOp op, const Meaning &gate, const Meaning &up) {
  auto *activated = as<Silu>(gate);
  auto *rows = as<Rows>(up);
  if (!activated || !rows)
    return std::nullopt;
  if (!(gate.layout == up.layout) || activated->input->width != rows->width)
    return context.refuse(op, "it multiplies silu(gate) with rows that lie differently");
  auto *term = context.make<Swiglu>(op);
  term->gate = activated->input;
  term->up = rows;
  term->width = rows->width;
  return Meaning{op.getC(), term, up.layout};
}

//===----------------------------------------------------------------------===//
// Every expert on all rows, times its weight or zero
//===----------------------------------------------------------------------===//

Result slotMask(Context &context, onnx::EqualOp op, const Meaning &ids, const Meaning &expert) {
  auto *top = as<TopIds>(ids);
  if (!top || !expert.isComputable())
    return std::nullopt;
  std::optional<double> number = context.number(expert);
  if (!number)
    return context.refuse(op, "expected the ids compared with one constant expert");
  auto *term = context.make<SlotMask>(op);
  term->router = top->router;
  term->expert = static_cast<int64_t>(*number);
  return Meaning{op.getC(), term, ids.layout};
}

Result maskWeights(Context &context, onnx::MulOp op, const Meaning &weights, const Meaning &mask) {
  auto *top = as<TopWeights>(weights);
  auto *slots = as<SlotMask>(mask);
  if (!top || !slots)
    return std::nullopt;
  if (top->router != slots->router || !sameLayout(weights.layout, mask.layout))
    return context.refuse(op, "it masks routing weights by the ids of another router");
  auto *term = context.make<MaskedWeights>(op);
  term->weights = top;
  term->expert = slots->expert;
  return Meaning{op.getC(), term, longer(weights.layout, mask.layout)};
}

Result expertWeight(Context &context, onnx::ReduceSumOp op, const Meaning &masked) {
  auto *from = as<MaskedWeights>(masked);
  if (!from)
    return std::nullopt;
  std::optional<int64_t> axis =
      reducedAxis(context, op.getAxes(), op.getNoopWithEmptyAxes(), masked.layout.rank());
  if (!axis || !isWhole(masked.layout.axes[*axis], Role::Slot, from->weights->router->topK))
    return context.refuse(op, "expected the sum over the slots of a token");
  auto *term = context.make<ExpertWeight>(op);
  term->weights = from->weights;
  term->expert = from->expert;
  Meaning out{op.getReduced(), term, masked.layout};
  if (op.getKeepdims())
    out.layout.axes[*axis].clear();
  else
    out.layout.axes.erase(out.layout.axes.begin() + *axis);
  return out;
}

Result weighExpert(Context &context, onnx::MulOp op, const Meaning &rows, const Meaning &weight) {
  auto *factor = as<ExpertWeight>(weight);
  if (!factor || !as<Rows>(rows))
    return std::nullopt;
  auto *output = as<Linear>(rows);
  if (!output || !lacksAxis(weight.layout, rows.layout, -1))
    return context.refuse(op,
                          "expected the rows of an expert's last linear, got " + describe(rows));
  auto *term = context.make<WeightedExpert>(op);
  term->output = output;
  term->weight = factor;
  return Meaning{op.getC(), term, rows.layout};
}

//===----------------------------------------------------------------------===//
// Stacked weights, gathered by id
//===----------------------------------------------------------------------===//

Result gather(Context &context, Operation *op, const Meaning &stack, const Meaning &ids) {
  auto *param = as<Param>(stack);
  auto *top = as<TopIds>(ids);
  if (!param || !top)
    return std::nullopt;
  Layout lead = ids.layout;
  bool firstAxis = true;
  if (auto gatherNd = dyn_cast<onnx::GatherNDOp>(op)) {
    firstAxis = gatherNd.getBatchDims() == 0 && lead.rank() > 0 && lead.last().empty();
    if (firstAxis)
      lead.axes.pop_back();
  } else {
    firstAxis = cast<onnx::GatherOp>(op).getAxis() == 0;
  }
  if (param->view.rank() != 3 || !firstAxis || param->view.size(0) != top->router->logits->width)
    return context.refuse(
        op, "expected stacked weights [E, N, K] for all E = " + Twine(top->router->logits->width) +
                " experts of the router, taken by expert id");
  auto *term = context.make<Gathered>(op);
  term->stack = param->view;
  term->router = top->router;
  append(lead.axes.emplace_back(), {Role::Out, param->view.size(1), 1});
  append(lead.axes.emplace_back(), {Role::In, param->view.size(2), 1});
  return Meaning{op->getResult(0), term, lead};
}

/// A copy for every slot stands where the slots are.
static Axis withSlots(Axis axis, int64_t topK) {
  for (Factor &factor : axis)
    if (factor.role == Role::Repeat && factor.size == topK)
      factor = {Role::Slot, topK, 1};
  return axis;
}

/// True if rows with these leading axes are, broadcast, one row per (token, slot) as the weights
/// are.
static bool meetSlots(ArrayRef<Axis> rows, ArrayRef<Axis> weights, int64_t topK) {
  if (rows.size() != weights.size())
    return false;
  for (auto [row, weight] : llvm::zip_equal(rows, weights))
    if (withSlots(row, topK) != weight && !(row.empty() && isWhole(weight, Role::Slot, topK)))
      return false;
  return true;
}

Result gatheredLinear(Context &context, onnx::MatMulOp op, const Meaning &a, const Meaning &b) {
  bool weightsFirst = as<Gathered>(a);
  const Meaning &weights = weightsFirst ? a : b, &x = weightsFirst ? b : a;
  auto *gathered = as<Gathered>(weights);
  auto *rows = as<Rows>(x);
  if (!gathered || !rows)
    return std::nullopt;
  auto refuse = [&](const Twine &reason) { return context.refuse(op, reason); };
  int64_t rank = weights.layout.rank();
  if (x.layout.rank() != rank || rank < 3)
    return refuse("expected a batch of vectors times gathered weights");
  // [.., N, K] x [.., K, 1] or [.., 1, K] x [.., K, N].
  const Axis &contracted = weights.layout.axes[weightsFirst ? rank - 1 : rank - 2];
  const Axis &kept = weights.layout.axes[weightsFirst ? rank - 2 : rank - 1];
  const Axis &vector = x.layout.axes[weightsFirst ? rank - 2 : rank - 1];
  const Axis &unit = x.layout.axes[weightsFirst ? rank - 1 : rank - 2];
  bool natural = isWhole(contracted, Role::In, gathered->stack.size(2)) &&
                 isWhole(kept, Role::Out, gathered->stack.size(1));
  bool swapped = isWhole(contracted, Role::Out, gathered->stack.size(1)) &&
                 isWhole(kept, Role::In, gathered->stack.size(2));
  ParamView stack = natural ? gathered->stack : gathered->stack.swapped();
  if ((!natural && !swapped) || !unit.empty() || !isWhole(vector, Role::Feature, rows->width) ||
      stack.size(2) != rows->width)
    return refuse("expected whole rows times whole matrices of gathered weights");
  if (!meetSlots(ArrayRef<Axis>(x.layout.axes).drop_back(2),
                 ArrayRef<Axis>(weights.layout.axes).drop_back(2), gathered->router->topK))
    return refuse("expected one row per token and slot, in the order of the gathered weights");
  auto *term = context.make<ExpertLinear>(op);
  term->input = rows;
  term->width = stack.size(1);
  term->stack = stack;
  term->router = gathered->router;
  Meaning out{op.getY(), term, weights.layout};
  out.layout.axes[rank - 1].clear(), out.layout.axes[rank - 2].clear();
  append(out.layout.axes[weightsFirst ? rank - 2 : rank - 1], {Role::Feature, term->width, 1});
  return out;
}

Result weighSlots(Context &context, onnx::MulOp op, const Meaning &rows, const Meaning &weights) {
  auto *output = as<ExpertLinear>(rows);
  auto *top = as<TopWeights>(weights);
  if (!output || !top)
    return std::nullopt;
  if (output->router != top->router || !lacksAxis(weights.layout, rows.layout, -1))
    return context.refuse(op,
                          "it weighs gathered experts by routing weights of other rows or slots");
  auto *term = context.make<WeightedSlots>(op);
  term->output = output;
  term->weights = top;
  return Meaning{op.getC(), term, rows.layout};
}

Result sumSlots(Context &context, onnx::ReduceSumOp op, const Meaning &slots) {
  auto *from = as<WeightedSlots>(slots);
  if (!from)
    return std::nullopt;
  std::optional<int64_t> axis =
      reducedAxis(context, op.getAxes(), op.getNoopWithEmptyAxes(), slots.layout.rank());
  if (!axis || !isWhole(slots.layout.axes[*axis], Role::Slot, from->weights->router->topK))
    return context.refuse(op, "expected the sum over the slots of a token");
  auto *term = context.make<ExpertSum>(op);
  term->slots = from;
  term->width = from->output->width;
  Meaning out{op.getReduced(), term, slots.layout};
  if (op.getKeepdims())
    out.layout.axes[*axis].clear();
  else
    out.layout.axes.erase(out.layout.axes.begin() + *axis);
  return out;
}

} // namespace mixserve::raise
