//===- Context.cpp - what all rules of interpretation share ---------------------------------------===//

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

static StringRef describeKind(Kind kind) {
  switch (kind) {
  case Kind::Broken: return "an unknown value";
  case Kind::Param: return "a weight";
  case Kind::Cache: return "a cache input";
  case Kind::Embedding: return "embeddings";
  case Kind::Norm: return "normed rows";
  case Kind::Linear: return "the rows of a linear";
  case Kind::Rope: return "rows with rotary embedding";
  case Kind::Attention: return "the rows of an attention";
  case Kind::Sum: return "a sum of rows";
  case Kind::ExpertSum: return "the sum of the chosen experts";
  case Kind::Slice: return "a slice of every head";
  case Kind::Swiglu: return "silu(gate) * up";
  case Kind::ExpertLinear: return "the rows of gathered experts";
  case Kind::Square: return "x * x";
  case Kind::MeanSquare: return "mean(x * x)";
  case Kind::Shifted: return "mean(x * x) + eps";
  case Kind::Root: return "sqrt(mean(x * x) + eps)";
  case Kind::InverseRoot: return "1 / sqrt(mean(x * x) + eps)";
  case Kind::Normalized: return "a norm without its weight";
  case Kind::Negated: return "a negated half";
  case Kind::RotatedHalf: return "rotated halves";
  case Kind::TableProduct: return "rows times a table of positions";
  case Kind::Scaled: return "scaled rows";
  case Kind::Joined: return "cached and new keys or values";
  case Kind::Scores: return "attention scores";
  case Kind::Masked: return "masked attention scores";
  case Kind::Probabilities: return "attention probabilities";
  case Kind::RouterScores: return "router scores";
  case Kind::TopLogits: return "the top router logits";
  case Kind::TopWeights: return "routing weights";
  case Kind::TopIds: return "expert ids";
  case Kind::TopSum: return "the sum of the routing weights";
  case Kind::SlotMask: return "the mask of an expert";
  case Kind::MaskedWeights: return "masked routing weights";
  case Kind::ExpertWeight: return "the routing weight of an expert";
  case Kind::Sigmoid: return "sigmoid(x)";
  case Kind::Silu: return "silu(x)";
  case Kind::WeightedExpert: return "a weighted expert";
  case Kind::Gathered: return "gathered expert weights";
  case Kind::WeightedSlots: return "weighted rows of gathered experts";
  }
  return "an unknown value";
}

std::string describe(const Meaning &meaning) {
  if (meaning.isData())
    return "a computed tensor";
  return describeKind(meaning.term->kind).str();
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
