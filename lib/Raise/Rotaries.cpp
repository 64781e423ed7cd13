//===- Rotaries.cpp - rotary embeddings, as one node or as products with tables ---------------===//

#include "Rules.h"

#include <cmath>

using namespace mlir;

namespace mixserve::raise {

Result negate(Context &context, onnx::NegOp op, const Meaning &in) {
  auto *slice = as<Slice>(in);
  if (!slice)
    return std::nullopt;
  auto *term = context.make<Negated>(op);
  term->input = slice;
  return Meaning{op.getY(), term, in.layout};
}

Result rotateHalves(Context &context, onnx::ConcatOp op, const Meaning &first,
                    const Meaning &second) {
  auto *negated = as<Negated>(first);
  auto *lower = as<Slice>(second);
  if (!negated || !lower)
    return std::nullopt;
  const Slice *upper = negated->input;
  int64_t half = lower->headDim / 2;
  bool areHalves = upper->input == lower->input && lower->headDim == 2 * half &&
                   upper->headDim == 2 * half && lower->start == 0 && upper->start == half &&
                   lower->width * 2 == lower->input->width && lower->width == upper->width &&
                   first.layout == second.layout;
  if (!areHalves || !isLastAxis(op.getAxis(), first))
    return context.refuse(op, "expected [-second half, first half] of every head");
  auto *term = context.make<RotatedHalf>(op);
  term->input = lower->input;
  return Meaning{op.getConcatResult(), term, withHeadSize(first.layout, half, 2 * half)};
}

Result timesTable(Context &context, onnx::MulOp op, const Meaning &rows, const Meaning &table) {
  if ((!as<Rows>(rows) && !as<RotatedHalf>(rows)) || !table.isData())
    return std::nullopt;
  auto *term = context.make<TableProduct>(op);
  term->input = rows.term;
  term->table = table.value;
  return Meaning{op.getC(), term, rows.layout};
}

/// The elements of `tensor`, broadcast to `rows` with heads of `headDim` columns, for the first
/// head: [T, headDim]. None if it does not broadcast, or differs between heads.
static std::optional<std::vector<double>>
readBroadcast(const HostTensor &tensor, const Layout &rows, int64_t tokens, int64_t headDim) {
  int64_t lead = rows.rank() - tensor.rank();
  if (lead < 0)
    return std::nullopt;
  for (int64_t axis = 0; axis < tensor.rank(); ++axis) {
    int64_t size = tensor.size(axis);
    auto isHead = [&](const Factor &factor) {
      return factor.role != Role::Token &&
             (factor.role != Role::Feature || factor.stride >= headDim);
    };
    if (size != 1 &&
        (size != sizeOf(rows.axes[lead + axis]) || llvm::any_of(rows.axes[lead + axis], isHead)))
      return std::nullopt;
  }
  std::vector<double> elements;
  elements.reserve(tokens * headDim);
  for (int64_t token = 0; token < tokens; ++token)
    for (int64_t column = 0; column < headDim; ++column) {
      int64_t flat = 0;
      for (int64_t axis = 0; axis < tensor.rank(); ++axis) {
        int64_t index = 0;
        if (tensor.size(axis) != 1)
          for (const Factor &factor : rows.axes[lead + axis]) {
            int64_t position = factor.role == Role::Token ? token : column;
            index = index * factor.size + position / factor.stride % factor.size;
          }
        flat = flat * tensor.size(axis) + index;
      }
      elements.push_back(tensor.asDouble(flat));
    }
  return elements;
}

/// Both tables for a scenario, as columns of the first head.
static std::optional<RotaryTable> readTables(Context &context, const Scenario &scenario,
                                             const RotaryAnswer &asked, int64_t headDim) {
  std::optional<Layout> rows = resized(asked.layout, context.near(), scenario.sizes);
  std::optional<HostTensor> cos = context.probe.evaluate(scenario, asked.cos);
  std::optional<HostTensor> sin = cos ? context.probe.evaluate(scenario, asked.sin) : std::nullopt;
  if (!rows || !cos || !sin)
    return std::nullopt;
  auto cosines = readBroadcast(*cos, *rows, scenario.sizes.tokens(), headDim);
  auto sines = readBroadcast(*sin, *rows, scenario.sizes.tokens(), headDim);
  if (!cosines || !sines)
    return std::nullopt;
  return RotaryTable{*cosines, *sines};
}

/// Tables [T, 2R] of which both halves are the same, as [T, R]; NaN where they are not.
static RotaryTable firstHalf(const RotaryTable &table, int64_t pairs) {
  RotaryTable half;
  for (size_t start = 0; start < table.cos.size(); start += 2 * pairs)
    for (int64_t i = 0; i < pairs; ++i) {
      size_t a = start + i, b = a + pairs;
      half.cos.push_back(table.cos[a] == table.cos[b] ? table.cos[a] : NAN);
      half.sin.push_back(table.sin[a] == table.sin[b] ? table.sin[a] : NAN);
    }
  return half;
}

/// The earlier answer for the same tables, or that of `find`.
static const Rotary &lookUp(Context &context, const RotaryAnswer &asked,
                            llvm::function_ref<Rotary()> find) {
  for (const RotaryAnswer &answer : context.rotaries)
    if (answer.cos == asked.cos && answer.sin == asked.sin && answer.positions == asked.positions &&
        answer.layout == asked.layout)
      return answer.rotary;
  context.rotaries.push_back(asked);
  context.rotaries.back().rotary = find();
  return context.rotaries.back().rotary;
}

static Meaning makeRope(Context &context, Operation *op, const Meaning &x, int64_t headDim,
                        const Rotary &rotary) {
  if (!rotary.whyNot.empty())
    return context.refuse(op, "unsupported position scheme: " + rotary.whyNot +
                                  "; expected rotary angles position * inverse frequency");
  auto *rope = context.make<Rope>(op);
  rope->input = as<Rows>(x);
  rope->width = rope->input->width;
  rope->headDim = headDim;
  rope->invFreq = rotary.invFreq;
  rope->scale = rotary.scale;
  return {op->getResult(0), rope, x.layout};
}

Result rotate(Context &context, onnx::AddOp op, const Meaning &cosines, const Meaning &sines) {
  auto *cos = as<TableProduct>(cosines);
  auto *sin = as<TableProduct>(sines);
  if (!cos || !sin || !isa<Rows>(cos->input) || !isa<RotatedHalf>(sin->input))
    return std::nullopt;
  auto *half = cast<RotatedHalf>(sin->input);
  if (half->input != cos->input || !(cosines.layout == sines.layout))
    return context.refuse(op, "it adds rows and rotated halves of other rows");
  int64_t headDim = sizeOf(cosines.layout.last()), pairs = headDim / 2;
  RotaryAnswer asked{cos->table, sin->table, Value(), cosines.layout, {}};
  const Rotary &rotary = lookUp(context, asked, [&] {
    return recoverRotary(
        context.probe, pairs, [&](const Scenario &scenario) -> std::optional<RotaryTable> {
          std::optional<RotaryTable> table = readTables(context, scenario, asked, headDim);
          if (!table)
            return std::nullopt;
          return firstHalf(*table, pairs);
        });
  });
  return makeRope(context, op, {op.getC(), cos->input, cosines.layout}, headDim, rotary);
}

/// The tables of a RotaryEmbedding node: [B, S, R], or [positions, R] gathered by position ids.
static std::optional<RotaryTable> readCaches(Context &context, const Scenario &scenario,
                                             onnx::RotaryEmbeddingOp op, const Layout &near,
                                             int64_t pairs) {
  if (onnx::isNoValue(op.getPositionIds()))
    return readTables(context, scenario, {op.getCosCache(), op.getSinCache(), Value(), near, {}},
                      pairs);
  std::optional<HostTensor> cos = context.probe.evaluate(scenario, op.getCosCache());
  std::optional<HostTensor> sin =
      cos ? context.probe.evaluate(scenario, op.getSinCache()) : std::nullopt;
  std::optional<HostTensor> positions =
      sin ? context.probe.evaluate(scenario, op.getPositionIds()) : std::nullopt;
  if (!positions || positions->numElements() != scenario.sizes.tokens())
    return std::nullopt;
  RotaryTable table;
  for (int64_t position : positions->ints())
    for (int64_t i = 0; i < pairs; ++i) {
      if (position < 0 || position >= cos->size(0))
        return std::nullopt;
      table.cos.push_back(cos->asDouble(position * pairs + i));
      table.sin.push_back(sin->asDouble(position * pairs + i));
    }
  return table;
}

Result rotaryOp(Context &context, onnx::RotaryEmbeddingOp op, const Meaning &x) {
  auto *rows = as<Rows>(x);
  if (!rows)
    return std::nullopt;
  if (op.getInterleaved())
    return context.refuse(
        op, "interleaved = 1 turns pairs (2i, 2i + 1); only halves (i, i + R) are supported");
  int64_t rank = x.layout.rank();
  int64_t headDim = rank == 4 ? sizeOf(x.layout.last())
                              : (op.getNumHeads() > 0 ? rows->width / op.getNumHeads() : 0);
  bool isRows = rank == 3 && isPlain(x.layout, rows->width, context.near());
  bool isHeads = rank == 4 && isWhole(x.layout.last(), Role::Feature, headDim) &&
                 areRows({x.layout.axes[0], x.layout.axes[2]}, context.near().tokens());
  if ((!isRows && !isHeads) || headDim < 2 || rows->width % headDim != 0)
    return context.refuse(op, "expected rows [B, S, heads * D] or [B, heads, S, D]");
  int64_t turned = op.getRotaryEmbeddingDim(), pairs = (turned ? turned : headDim) / 2;
  if (pairs < 1 || 2 * pairs > headDim || turned % 2 != 0)
    return context.refuse(op, "expected rotary_embedding_dim to be even and at most the head size");
  Sizes near = context.near();
  Layout tables;
  append(tables.axes.emplace_back(), {Role::Token, near.batch, near.length});
  append(tables.axes.emplace_back(), {Role::Token, near.length, 1});
  append(tables.axes.emplace_back(), {Role::Feature, pairs, 1});
  RotaryAnswer asked{op.getCosCache(), op.getSinCache(), op.getPositionIds(), tables, {}};
  const Rotary &rotary = lookUp(context, asked, [&] {
    return recoverRotary(context.probe, pairs, [&](const Scenario &scenario) {
      return readCaches(context, scenario, op, tables, pairs);
    });
  });
  return makeRope(context, op, {op.getY(), rows, x.layout}, headDim, rotary);
}

} // namespace mixserve::raise
