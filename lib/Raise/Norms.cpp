//===- Norms.cpp - root mean square norms, as one node or in steps ----------------------------===//

#include "Rules.h"
#include "mixserve/Import/Decimal.h"

using namespace mlir;

namespace mixserve::raise {

std::optional<int64_t> reducedAxis(Context &context, Value axes, bool noopWithoutAxes,
                                   int64_t rank) {
  if (onnx::isNoValue(axes)) {
    if (rank != 1 || noopWithoutAxes)
      return std::nullopt;
    return 0;
  }
  std::optional<SmallVector<int64_t>> listed = context.integers(axes);
  if (!listed || listed->size() != 1)
    return std::nullopt;
  int64_t axis = listed->front() < 0 ? listed->front() + rank : listed->front();
  if (axis < 0 || axis >= rank)
    return std::nullopt;
  return axis;
}

/// A norm reads this sum: it is a point of the residual stream.
static const Rows *read(const Rows *rows) {
  if (auto *sum = dyn_cast<Sum>(rows))
    sum->read = true;
  return rows;
}

template <typename Step, typename From>
static Meaning step(Context &context, Operation *op, const From *from, Layout layout, double eps) {
  auto *term = context.make<Step>(op);
  term->input = from->input;
  term->eps = eps;
  return {op->getResult(0), term, std::move(layout)};
}

Result square(Context &context, Operation *op, const Meaning &a, const Meaning &b) {
  auto *rows = as<Rows>(a);
  bool isSquare = isa<onnx::PowOp>(op) ? rows && context.number(b) == 2.0 : a.term == b.term;
  if (!rows || !isSquare || (isa<onnx::MulOp>(op) && !(a.layout == b.layout)))
    return std::nullopt;
  auto *term = context.make<Square>(op);
  term->input = read(rows);
  return Meaning{op->getResult(0), term, a.layout};
}

Result meanSquare(Context &context, onnx::ReduceMeanOp op, const Meaning &squares) {
  auto *from = as<Square>(squares);
  if (!from)
    return std::nullopt;
  int64_t rank = squares.layout.rank();
  if (reducedAxis(context, op.getAxes(), op.getNoopWithEmptyAxes(), rank) != rank - 1 ||
      !op.getKeepdims())
    return context.refuse(op, "expected the mean over the last axis, kept as size 1");
  Layout layout = squares.layout;
  layout.last().clear();
  return step<MeanSquare>(context, op, from, layout, 0);
}

Result addEpsilon(Context &context, onnx::AddOp op, const Meaning &mean, const Meaning &eps) {
  auto *from = as<MeanSquare>(mean);
  if (!from || !eps.isComputable())
    return std::nullopt;
  std::optional<double> number = context.number(eps);
  if (!number || *number <= 0)
    return context.refuse(op, "expected one positive constant epsilon");
  return step<Shifted>(context, op, from, mean.layout, shortestDecimal(*number));
}

Result root(Context &context, onnx::SqrtOp op, const Meaning &shifted) {
  auto *from = as<Shifted>(shifted);
  if (!from)
    return std::nullopt;
  return step<Root>(context, op, from, shifted.layout, from->eps);
}

Result inverseRoot(Context &context, Operation *op, const Meaning &in) {
  if (auto *from = as<Root>(in); from && isa<onnx::ReciprocalOp>(op))
    return step<InverseRoot>(context, op, from, in.layout, from->eps);
  auto power = dyn_cast<onnx::PowOp>(op);
  auto *from = as<Shifted>(in);
  if (!power || !from || context.number({power.getY(), nullptr, {}}) != -0.5)
    return std::nullopt;
  return step<InverseRoot>(context, op, from, in.layout, from->eps);
}

Result normalize(Context &context, Operation *op, const Meaning &x, const Meaning &divisor) {
  auto *rows = as<Rows>(x);
  auto *inverse = isa<onnx::MulOp>(op) ? as<InverseRoot>(divisor) : nullptr;
  auto *root = isa<onnx::DivOp>(op) ? as<Root>(divisor) : nullptr;
  if (!rows || (!inverse && !root))
    return std::nullopt;
  if ((inverse ? inverse->input : root->input) != rows || !lacksAxis(divisor.layout, x.layout, -1))
    return context.refuse(op, "it divides rows by the root mean square of other rows");
  return inverse ? step<Normalized>(context, op, inverse, x.layout, inverse->eps)
                 : step<Normalized>(context, op, root, x.layout, root->eps);
}

static Result finish(Context &context, Operation *op, const Rows *input, double eps,
                     const Meaning &x, const Param *weight) {
  int64_t block = weight->view.rank() == 1 ? weight->view.size(0) : -1;
  if (x.layout.rank() == 0 || !isWhole(x.layout.last(), Role::Feature, block) ||
      input->width % block != 0)
    return context.refuse(op, "expected a weight [D] for blocks of D columns of a row");
  auto *norm = context.make<Norm>(op);
  norm->input = input;
  norm->weight = weight->view;
  norm->eps = eps;
  norm->width = input->width;
  return Meaning{op->getResult(0), norm, x.layout};
}

Result weighNorm(Context &context, onnx::MulOp op, const Meaning &normalized,
                 const Meaning &weight) {
  auto *from = as<Normalized>(normalized);
  auto *param = as<Param>(weight);
  if (!from || !param)
    return std::nullopt;
  return finish(context, op, from->input, from->eps, normalized, param);
}

Result rmsNorm(Context &context, onnx::RMSNormalizationOp op, const Meaning &x,
               const Meaning &scale) {
  auto *rows = as<Rows>(x);
  auto *param = as<Param>(scale);
  if (!rows || !param)
    return std::nullopt;
  if (!isLastAxis(op.getAxis(), x))
    return context.refuse(op, "expected the norm of the last axis");
  return finish(context, op, read(rows), shortestDecimal(op.getEpsilon().convertToDouble()), x,
                param);
}

} // namespace mixserve::raise
