//===- Linears.cpp - embeddings, products with weights, sums of rows --------------------------===//

#include "Rules.h"

using namespace mlir;

namespace mixserve::raise {

Result embed(Context &context, onnx::GatherOp op, const Meaning &table, const Meaning &ids) {
  auto *param = as<Param>(table);
  if (!param || param->view.rank() != 2 || !ids.isData() ||
      !context.probe.dependsOn(ids.value, InputRole::Tokens))
    return std::nullopt;
  // Token t has id t in this batch: the ids themselves say how rows are laid out.
  const HostTensor *tensor = context.probe.near(ids.value);
  if (!tensor)
    return context.refuse(op,
                          "its ids cannot be computed from token ids: " + context.probe.error());
  Sizes sizes = context.near();
  bool inOrder = !tensor->isFloating() && tensor->numElements() == sizes.tokens();
  for (int64_t t = 0; inOrder && t < sizes.tokens(); ++t)
    inOrder = tensor->asInt(t) == t;
  Layout flat;
  append(flat.axes.emplace_back(), {Role::Token, sizes.tokens(), 1});
  std::optional<Layout> layout = reshaped(flat, tensor->shape());
  if (!inOrder || !layout)
    return context.refuse(op, "it looks up something else than the token ids, in order");
  auto *embedding = context.make<Embedding>(op);
  embedding->table = param->view;
  embedding->width = param->view.size(1);
  append(layout->axes.emplace_back(), {Role::Feature, embedding->width, 1});
  return Meaning{op.getOutput(), embedding, *layout};
}

/// rows [T, K] times weight [N, K], transposed.
static Meaning makeLinear(Context &context, Operation *op, const Meaning &x, const Rows *rows,
                          ParamView weight) {
  auto *linear = context.make<Linear>(op);
  linear->input = rows;
  linear->width = weight.size(0);
  linear->weight = std::move(weight);
  Meaning out{op->getResult(0), linear, x.layout};
  out.layout.last().clear();
  append(out.layout.last(), {Role::Feature, linear->width, 1});
  return out;
}

Result linear(Context &context, onnx::MatMulOp op, const Meaning &x, const Meaning &weight) {
  auto *rows = as<Rows>(x);
  auto *param = as<Param>(weight);
  if (!rows || !param || param->view.rank() != 2)
    return std::nullopt;
  if (!isPlain(x.layout, rows->width, context.near()) || param->view.size(0) != rows->width)
    return context.refuse(op,
                          "it multiplies " + describe(x) +
                              " that are not whole rows in order; expected [.., tokens, width]");
  return makeLinear(context, op, x, rows, param->view.swapped());
}

Result gemm(Context &context, onnx::GemmOp op, const Meaning &x, const Meaning &weight,
            const Meaning &bias) {
  auto *rows = as<Rows>(x);
  auto *param = as<Param>(weight);
  if (!rows || !param || param->view.rank() != 2)
    return std::nullopt;
  if (bias.value && !onnx::isNoValue(bias.value))
    return context.refuse(op, "it adds a bias, which nn.linear does not have");
  if (op.getTransA() || !op.getAlpha().isExactlyValue(1.0))
    return context.refuse(op, "expected transA = 0 and alpha = 1");
  ParamView matrix = op.getTransB() ? param->view : param->view.swapped();
  if (!isPlain(x.layout, rows->width, context.near()) || matrix.size(1) != rows->width)
    return context.refuse(op, "it multiplies " + describe(x) +
                                  " that are not whole rows in order; expected [tokens, width]");
  return makeLinear(context, op, x, rows, matrix);
}

static int64_t widthOf(const Term *term) {
  if (auto *rows = dyn_cast<Rows>(term))
    return rows->width;
  if (auto *expert = dyn_cast<WeightedExpert>(term))
    return expert->output->width;
  return -1;
}

Result addRows(Context &context, onnx::AddOp op, const Meaning &a, const Meaning &b) {
  if (a.isComputable() || b.isComputable() || widthOf(a.term) < 0 || widthOf(b.term) < 0)
    return std::nullopt;
  if (!sameLayout(a.layout, b.layout) || widthOf(a.term) != widthOf(b.term))
    return context.refuse(op, "it adds " + describe(a) + " and " + describe(b) +
                                  " whose rows lie differently");
  auto *sum = context.make<Sum>(op);
  sum->a = a.term;
  sum->b = b.term;
  sum->width = widthOf(a.term);
  return Meaning{op.getC(), sum, longer(a.layout, b.layout)};
}

Result addZero(Context &context, onnx::AddOp op, const Meaning &in, const Meaning &zeros) {
  if (in.isComputable() || !zeros.isData() ||
      context.probe.dependsOn(zeros.value, InputRole::Positions) ||
      context.probe.dependsOn(zeros.value, InputRole::AttentionMask))
    return std::nullopt;
  const HostTensor *tensor = context.probe.near(zeros.value);
  if (!tensor || tensor->rank() > in.layout.rank())
    return std::nullopt;
  for (int64_t i = 0; i < tensor->numElements(); ++i)
    if (tensor->asDouble(i) != 0)
      return std::nullopt;
  for (int64_t axis = 1; axis <= tensor->rank(); ++axis)
    if (int64_t size = tensor->size(tensor->rank() - axis);
        size != 1 && size != sizeOf(in.layout.axes[in.layout.rank() - axis]))
      return std::nullopt;
  return Meaning{op.getC(), in.term, in.layout};
}

Result addBias(Context &context, onnx::AddOp op, const Meaning &rows, const Meaning &bias) {
  if (as<Linear>(rows) && as<Param>(bias))
    return context.refuse(op, "it adds a bias, which nn.linear does not have");
  return std::nullopt;
}

} // namespace mixserve::raise
