//===- Views.cpp - nodes that only move elements ----------------------------------------------===//

#include "Rules.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/Support/MathExtras.h"

#include <numeric>

using namespace mlir;

namespace mixserve::raise {

/// The sizes that Reshape, Squeeze or Unsqueeze gives to a tensor of `sizes`.
static std::optional<SmallVector<int64_t>> newSizes(Context &context, Operation *op,
                                                    ArrayRef<int64_t> sizes) {
  if (auto squeeze = dyn_cast<onnx::SqueezeOp>(op); squeeze && onnx::isNoValue(squeeze.getAxes()))
    return llvm::to_vector(llvm::make_filter_range(sizes, [](int64_t size) { return size != 1; }));
  std::optional<SmallVector<int64_t>> wanted = context.integers(op->getOperand(1));
  if (!wanted)
    return std::nullopt;
  if (auto view = dyn_cast<onnx::ReshapeOp>(op)) {
    int64_t open = -1, count = 1;
    for (auto [axis, size] : llvm::enumerate(*wanted)) {
      if (size == 0 && !view.getAllowzero()) {
        if (axis >= sizes.size())
          return std::nullopt;
        size = sizes[axis];
      }
      if (size == -1)
        open = axis;
      else
        count *= size;
    }
    int64_t all =
        std::accumulate(sizes.begin(), sizes.end(), int64_t(1), std::multiplies<int64_t>());
    if (open >= 0)
      (*wanted)[open] = count > 0 ? all / count : 0;
    return wanted;
  }
  // Squeeze and Unsqueeze: positions in the longer shape.
  bool removes = isa<onnx::SqueezeOp>(op);
  int64_t rank = sizes.size() + (removes ? 0 : wanted->size());
  SmallVector<bool> listed(rank, false);
  for (int64_t axis : *wanted) {
    axis += axis < 0 ? rank : 0;
    if (axis < 0 || axis >= rank)
      return std::nullopt;
    listed[axis] = true;
  }
  SmallVector<int64_t> result;
  size_t next = 0;
  for (int64_t axis = 0; axis < rank; ++axis) {
    if (removes && !listed[axis])
      result.push_back(sizes[axis]);
    if (!removes)
      result.push_back(listed[axis] || next >= sizes.size() ? 1 : sizes[next++]);
  }
  return result;
}

static Meaning viewOf(Context &context, Operation *op, Value result, ParamView view) {
  auto *term = context.make<Param>(op);
  term->view = std::move(view);
  return {result, term, {}};
}

Result reshape(Context &context, Operation *op, const Meaning &in) {
  if (auto *param = as<Param>(in)) {
    std::optional<SmallVector<int64_t>> sizes = newSizes(context, op, param->view.shape());
    std::optional<ParamView> view = sizes ? param->view.reshaped(*sizes) : std::nullopt;
    return view ? viewOf(context, op, op->getResult(0), *view)
                : Meaning{op->getResult(0), nullptr, {}};
  }
  std::optional<SmallVector<int64_t>> sizes = newSizes(context, op, sizesOf(in.layout));
  if (!sizes)
    return context.refuse(op, "its shape cannot be computed from sizes: " + context.probe.error());
  std::optional<Layout> layout = reshaped(in.layout, *sizes);
  if (!layout)
    return context.refuse(op, "it cuts " + describe(in) + " across rows, heads or columns");
  return Meaning{op->getResult(0), in.term, *layout};
}

Result transpose(Context &context, onnx::TransposeOp op, const Meaning &in) {
  auto *param = as<Param>(in);
  int64_t rank = param ? param->view.rank() : in.layout.rank();
  SmallVector<int64_t> perm;
  if (op.getPerm())
    perm.assign(op.getPerm()->begin(), op.getPerm()->end());
  else
    perm = llvm::to_vector(llvm::reverse(llvm::seq<int64_t>(0, rank)));
  if (static_cast<int64_t>(perm.size()) != rank)
    return std::nullopt;
  if (param)
    return viewOf(context, op, op.getTransposed(), param->view.transposed(perm));
  Meaning out{op.getTransposed(), in.term, {}};
  for (int64_t axis : perm)
    out.layout.axes.push_back(in.layout.axes[axis]);
  return out;
}

Result repeat(Context &context, Operation *op, const Meaning &in) {
  if (as<Param>(in))
    return Meaning{op->getResult(0), nullptr, {}};
  std::optional<SmallVector<int64_t>> counts = context.integers(op->getOperand(1));
  if (!counts)
    return context.refuse(op, "its shape cannot be computed from sizes: " + context.probe.error());
  int64_t rank = std::max<int64_t>(counts->size(), in.layout.rank());
  counts->insert(counts->begin(), rank - counts->size(), 1);
  Meaning out{op->getResult(0), in.term, padded(in.layout, rank)};
  for (auto [axis, count] : llvm::zip_equal(out.layout.axes, *counts)) {
    if (isa<onnx::ExpandOp>(op) && (count == sizeOf(axis) || count == 1))
      continue;
    if (isa<onnx::ExpandOp>(op) && sizeOf(axis) != 1)
      return std::nullopt;
    Axis repeated;
    append(repeated, {Role::Repeat, count, 0});
    for (const Factor &factor : axis)
      append(repeated, factor);
    axis = repeated;
  }
  return out;
}

Result pass(Context &context, Operation *op, const Meaning &in) {
  Type from = getElementTypeOrSelf(op->getOperand(0).getType());
  Type to = getElementTypeOrSelf(op->getResult(0).getType());
  bool harmless = from == to ||
                  (as<TopIds>(in) && to.isIntOrIndex() && to.getIntOrFloatBitWidth() >= 32) ||
                  (as<SlotMask>(in) && !to.isInteger(1));
  if (!harmless) {
    if (as<Param>(in))
      return Meaning{op->getResult(0), nullptr, {}};
    std::string types;
    llvm::raw_string_ostream(types) << from << " to " << to;
    return context.refuse(op, "it converts " + describe(in) + " from " + types +
                                  "; only models of one float type are supported");
  }
  return Meaning{op->getResult(0), in.term, in.layout};
}

/// Elements start .. start + size - 1 of an axis; `result` is that output of `op`.
static Result sliceAxis(Context &context, Operation *op, Value result, const Meaning &in,
                        int64_t axis, int64_t start, int64_t size) {
  if (auto *param = as<Param>(in)) {
    axis += axis < 0 ? param->view.rank() : 0;
    if (axis < 0 || axis >= param->view.rank() || start < 0 ||
        start + size > param->view.size(axis))
      return std::nullopt;
    return viewOf(context, op, result, param->view.sliced(axis, start, size));
  }
  auto *rows = as<Rows>(in);
  int64_t rank = in.layout.rank();
  if (!rows || rank == 0 || (axis != -1 && axis != rank - 1))
    return std::nullopt;
  int64_t whole = sizeOf(in.layout.last());
  if (!isWhole(in.layout.last(), Role::Feature, whole) || start < 0 || size < 1 ||
      start + size > whole || rows->width % whole != 0)
    return std::nullopt;
  if (size == whole)
    return Meaning{result, in.term, in.layout};
  auto *slice = context.make<Slice>(op);
  slice->input = rows;
  slice->start = start;
  slice->headDim = whole;
  slice->width = rows->width / whole * size;
  return Meaning{result, slice, withHeadSize(in.layout, whole, size)};
}

Result slice(Context &context, onnx::SliceOp op, const Meaning &in) {
  auto *param = as<Param>(in);
  if (!param && !as<Rows>(in))
    return std::nullopt;
  auto single = [&](Value value, int64_t otherwise) -> std::optional<int64_t> {
    if (onnx::isNoValue(value))
      return otherwise;
    std::optional<SmallVector<int64_t>> listed = context.integers(value);
    // What is cut from rows must not depend on the batch.
    bool isFixed = value.getDefiningOp<onnx::ConstantOp>() || context.number({value, nullptr, {}});
    return listed && listed->size() == 1 && isFixed ? std::optional(listed->front()) : std::nullopt;
  };
  std::optional<int64_t> start = single(op.getStarts(), 0), end = single(op.getEnds(), 0),
                         axis = single(op.getAxes(), 0), step = single(op.getSteps(), 1);
  SmallVector<int64_t> sizes =
      param ? SmallVector<int64_t>(param->view.shape()) : sizesOf(in.layout);
  int64_t rank = sizes.size();
  if (!start || !end || !axis || step != 1 || *axis < -rank || *axis >= rank)
    return std::nullopt;
  int64_t whole = sizes[*axis < 0 ? *axis + rank : *axis];
  auto clamp = [&](int64_t at) { return std::clamp<int64_t>(at < 0 ? at + whole : at, 0, whole); };
  return sliceAxis(context, op, op.getOutput(), in, *axis, clamp(*start),
                   clamp(*end) - clamp(*start));
}

SmallVector<Meaning> split(Context &context, onnx::SplitOp op, const Meaning &in) {
  auto *param = as<Param>(in);
  SmallVector<int64_t> sizes =
      param ? SmallVector<int64_t>(param->view.shape()) : sizesOf(in.layout);
  const int64_t rank = sizes.size(), asked = op.getAxis();
  const int64_t axis = asked < 0 ? asked + rank : asked;
  int64_t count = op->getNumResults(), at = 0;
  std::optional<SmallVector<int64_t>> pieces;
  if (!in.isData() && axis >= 0 && axis < rank) {
    if (!onnx::isNoValue(op.getSplit()))
      pieces = context.integers(op.getSplit());
    else
      pieces = SmallVector<int64_t>(count, llvm::divideCeil(sizes[axis], count));
  }
  SmallVector<Meaning> results;
  for (auto [i, result] : llvm::enumerate(op->getResults())) {
    Result part;
    if (pieces && static_cast<int64_t>(pieces->size()) == count) {
      int64_t size = std::min((*pieces)[i], sizes[axis] - at);
      part = sliceAxis(context, op, result, in, axis, at, size);
      at += size;
    }
    if (!part)
      part = in.isComputable()
                 ? Meaning{result, nullptr, {}}
                 : context.refuse(op, "expected columns of rows or heads to be split, got " +
                                          describe(in));
    results.push_back(*part);
  }
  return results;
}

} // namespace mixserve::raise
