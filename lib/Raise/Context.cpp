//===- Context.cpp - what all rules of interpretation share -----------------------------------===//

#include "Context.h"
#include "dialects/onnx/OnnxDialect.h"

using namespace mlir;

namespace mixserve::raise {

Meaning Context::refuse(Operation *op, const Twine &reason) {
  auto *broken = make<Broken>(op);
  broken->reason = ("cannot raise " + op->getName().getStringRef() + ": " + reason).str();
  broken->order = terms.size();
  return {op->getNumResults() ? op->getResult(0) : Value(), broken, {}};
}

std::optional<double> Context::number(const Meaning &meaning) {
  auto type = dyn_cast<RankedTensorType>(meaning.value.getType());
  if (!meaning.isComputable() || (type && type.hasStaticShape() && type.getNumElements() != 1))
    return std::nullopt;
  const HostTensor *tensor = probe.near(meaning.value);
  if (!tensor || tensor->numElements() != 1)
    return std::nullopt;
  double number = tensor->asDouble(0);
  if (meaning.value.getDefiningOp<onnx::ConstantOp>())
    return number;
  Scenario other{{probe.batch(3), 5, 7}, {}, {}};
  std::optional<HostTensor> again = probe.evaluate(other, meaning.value);
  if (!again || again->numElements() != 1 || again->asDouble(0) != number)
    return std::nullopt;
  return number;
}

std::optional<SmallVector<int64_t>> Context::integers(Value value) {
  if (std::optional<SmallVector<int64_t>> constant = onnx::getConstantInts(value))
    return constant;
  const HostTensor *tensor = probe.near(value);
  if (!tensor || tensor->isFloating())
    return std::nullopt;
  return SmallVector<int64_t>(tensor->ints().begin(), tensor->ints().end());
}

/// One line per Kind, in its order.
static constexpr StringLiteral kKindNames[] = {
    "an unknown value",
    "a weight",
    "a cache input",
    "embeddings",
    "normed rows",
    "the rows of a linear",
    "rows with rotary embedding",
    "the rows of an attention",
    "a sum of rows",
    "the sum of the chosen experts",
    "a slice of every head",
    "silu(gate) * up",
    "the rows of gathered experts",
    "x * x",
    "mean(x * x)",
    "mean(x * x) + eps",
    "sqrt(mean(x * x) + eps)",
    "1 / sqrt(mean(x * x) + eps)",
    "a norm without its weight",
    "a negated half",
    "rotated halves",
    "rows times a table of positions",
    "scaled rows",
    "cached and new keys or values",
    "attention scores",
    "masked attention scores",
    "attention probabilities",
    "router scores",
    "the top router logits",
    "routing weights",
    "expert ids",
    "the sum of the routing weights",
    "the mask of an expert",
    "masked routing weights",
    "the routing weight of an expert",
    "sigmoid(x)",
    "silu(x)",
    "a weighted expert",
    "gathered expert weights",
    "weighted rows of gathered experts",
};
static_assert(std::size(kKindNames) == static_cast<size_t>(Kind::WeightedSlots) + 1);

std::string describe(const Meaning &meaning) {
  if (meaning.isData())
    return "a computed tensor";
  return kKindNames[static_cast<size_t>(meaning.term->kind)].str();
}

bool lacksAxis(const Layout &small, const Layout &big, int64_t axis) {
  if (small.rank() > big.rank())
    return false;
  Layout expected = big;
  expected.axes[axis < 0 ? axis + big.rank() : axis].clear();
  return padded(small, big.rank()) == expected;
}

bool sameLayout(const Layout &a, const Layout &b) {
  int64_t rank = std::max(a.rank(), b.rank());
  return padded(a, rank) == padded(b, rank);
}

const Layout &longer(const Layout &a, const Layout &b) { return a.rank() >= b.rank() ? a : b; }

bool isPlain(const Layout &layout, int64_t width, Sizes sizes) {
  return layout.rank() > 0 && isWhole(layout.last(), Role::Feature, width) &&
         areRows(ArrayRef<Axis>(layout.axes).drop_back(), sizes.tokens());
}

Layout withHeadSize(Layout layout, int64_t from, int64_t to) {
  for (Axis &axis : MutableArrayRef<Axis>(layout.axes).drop_back())
    for (Factor &factor : axis)
      if (factor.role == Role::Feature)
        factor.stride = factor.stride / from * to;
  layout.last().clear();
  append(layout.last(), {Role::Feature, to, 1});
  return layout;
}

} // namespace mixserve::raise
