//===- Attentions.cpp - attention over cached and new tokens, as one node or in steps ---------===//

#include "MaskCheck.h"
#include "Rules.h"
#include "mixserve/Import/Decimal.h"

#include <cmath>

using namespace mlir;

namespace mixserve::raise {

/// [B, heads, S, D] or, as rank 3, [B, S, heads * D]: the number of heads; none if the rows lie
/// otherwise.
static std::optional<int64_t> headsOf(const Layout &layout, int64_t width, int64_t tokens) {
  if (layout.rank() != 4 || !areRows({layout.axes[0], layout.axes[2]}, tokens))
    return std::nullopt;
  int64_t headDim = sizeOf(layout.axes[3]), heads = width / headDim;
  Axis expected;
  append(expected, {Role::Feature, heads, headDim});
  if (!isWhole(layout.axes[3], Role::Feature, headDim) || width % headDim != 0 ||
      layout.axes[1] != expected)
    return std::nullopt;
  return heads;
}

/// The layout of joined keys or values: [B, G, P + S, D].
static Layout joinedLayout(const Layout &rows, const Joined *joined, Sizes sizes) {
  Layout layout = rows;
  if (joined->cache) {
    layout.axes[2].clear();
    append(layout.axes[2], {Role::Key, sizes.keys(), 1});
  }
  return layout;
}

static bool isAxisTwo(int64_t axis) { return axis == 2 || axis == -2; }

Result joinCache(Context &context, onnx::ConcatOp op, const Meaning &cache, const Meaning &rows) {
  auto *past = as<Cache>(cache);
  auto *fresh = as<Rows>(rows);
  if (!past || !fresh)
    return std::nullopt;
  Sizes sizes = context.near();
  std::optional<int64_t> heads = headsOf(rows.layout, fresh->width, sizes.tokens());
  if (!heads || !isAxisTwo(op.getAxis()))
    return context.refuse(
        op, "expected a cache [B, G, P, D] joined with new rows [B, G, S, D] along axis 2");
  auto *joined = context.make<Joined>(op);
  joined->cache = past;
  joined->rows = fresh;
  joined->heads = *heads;
  joined->headDim = fresh->width / *heads;
  SmallVector<int64_t> sizesOfCache = context.probe.cacheSizes(past->argument, sizes);
  if ((sizesOfCache[1] != -1 && sizesOfCache[1] != *heads) ||
      (sizesOfCache[3] != -1 && sizesOfCache[3] != joined->headDim))
    return context.refuse(op, "the cache input has other heads than the rows it is joined with");
  return Meaning{op.getConcatResult(), joined, joinedLayout(rows.layout, joined, sizes)};
}

/// `in` without factors of a number, which go to `scale`.
static Meaning withoutScale(const Meaning &in, double &scale) {
  Meaning out = in;
  while (auto *scaled = as<Scaled>(out)) {
    scale *= scaled->factor;
    out.term = scaled->input;
  }
  return out;
}

/// Keys or values of a graph without cache: rows that only meet each other.
static const Joined *joinedOf(Context &context, Operation *op, const Meaning &in) {
  if (auto *joined = as<Joined>(in))
    return joined;
  auto *rows = as<Rows>(in);
  if (!rows || in.layout.rank() != 4 || rows->width < sizeOf(in.layout.axes[3]))
    return nullptr;
  auto *joined = context.make<Joined>(op);
  joined->rows = rows;
  joined->headDim = sizeOf(in.layout.axes[3]);
  joined->heads = rows->width / joined->headDim;
  return joined;
}

/// The reason why [B, heads, keys, D] does not give key head h / (N / G) to query head h, or "".
static std::string whyNotGrouped(const Layout &layout, const Joined *joined, int64_t heads,
                                 Sizes sizes) {
  Axis expected;
  append(expected, {Role::Feature, joined->heads, joined->headDim});
  append(expected, {Role::Repeat, heads / joined->heads, 0});
  bool keysInOrder = joined->cache ? isWhole(layout.axes[2], Role::Key, sizes.keys())
                                   : areRows({layout.axes[0], layout.axes[2]}, sizes.tokens());
  if (!keysInOrder || !isWhole(layout.axes[3], Role::Feature, joined->headDim))
    return "expected keys and values [B, heads, P + S, D]";
  if (heads % joined->heads != 0 || layout.axes[1] != expected)
    return "expected query head h to read key head h / (heads / key heads)";
  return "";
}

Result scores(Context &context, onnx::MatMulOp op, const Meaning &queries, const Meaning &keys) {
  double scale = 1;
  Meaning q = withoutScale(queries, scale), k = withoutScale(keys, scale);
  auto *rows = as<Rows>(q);
  if (!rows || (!as<Joined>(k) && !as<Rows>(k)) || k.layout.rank() != 4)
    return std::nullopt;
  Sizes sizes = context.near();
  std::optional<int64_t> heads = headsOf(q.layout, rows->width, sizes.tokens());
  std::swap(k.layout.axes[2], k.layout.axes[3]);
  const Joined *joined = joinedOf(context, op, k);
  if (!heads || !joined || joined->headDim * *heads != rows->width)
    return context.refuse(op, "expected queries [B, heads, S, D] times keys [B, heads, D, P + S]");
  if (std::string why = whyNotGrouped(k.layout, joined, *heads, sizes); !why.empty())
    return context.refuse(op, why);
  auto *term = context.make<Scores>(op);
  term->queries = rows;
  term->keys = joined;
  term->heads = *heads;
  term->scale = scale;
  Layout layout = q.layout;
  layout.axes[3] = k.layout.axes[2];
  return Meaning{op.getY(), term, layout};
}

Result timesNumber(Context &context, Operation *op, const Meaning &in, const Meaning &factor,
                   bool divide) {
  if ((!as<Rows>(in) && !as<Joined>(in) && !as<Scores>(in) && !as<Scaled>(in)) ||
      !factor.isComputable())
    return std::nullopt;
  std::optional<double> number = context.number(factor);
  if (!number || *number == 0)
    return std::nullopt;
  double times = divide ? 1 / *number : *number;
  if (auto *from = as<Scores>(in)) {
    auto *term = context.make<Scores>(op);
    *term = *from;
    term->scale *= times;
    return Meaning{op->getResult(0), term, in.layout};
  }
  auto *term = context.make<Scaled>(op);
  term->input = in.term;
  term->factor = times;
  return Meaning{op->getResult(0), term, in.layout};
}

/// The answer of whyNotCausal, remembered: all layers share their mask.
static const std::string &maskAnswer(Context &context, Value mask, bool isCausal) {
  auto [at, isNew] =
      context.maskAnswers.try_emplace({mask ? mask.getAsOpaquePointer() : nullptr, isCausal});
  if (isNew)
    at->second = whyNotCausal(context.probe, mask, isCausal);
  return at->second;
}

static std::string maskRefusal(const std::string &why) {
  return "unsupported attention mask: " + why + "; expected causal attention without padding";
}

template <typename To, typename From>
static Meaning advance(Context &context, Operation *op, const From *from, const Layout &layout) {
  auto *term = context.make<To>(op);
  term->queries = from->queries;
  term->keys = from->keys;
  term->heads = from->heads;
  term->scale = from->scale;
  return {op->getResult(0), term, layout};
}

Result addMask(Context &context, onnx::AddOp op, const Meaning &in, const Meaning &mask) {
  auto *from = as<Scores>(in);
  if (!from || !mask.isData())
    return std::nullopt;
  if (const std::string &why = maskAnswer(context, mask.value, false); !why.empty())
    return context.refuse(op, maskRefusal(why));
  return advance<Masked>(context, op, from, in.layout);
}

Result probabilities(Context &context, onnx::SoftmaxOp op, const Meaning &in) {
  if (as<Scores>(in))
    return context.refuse(op, maskRefusal(maskAnswer(context, Value(), false)));
  auto *from = as<Masked>(in);
  if (!from)
    return std::nullopt;
  if (!isLastAxis(op.getAxis(), in))
    return context.refuse(op, "expected the softmax of scores over the last axis");
  return advance<Probabilities>(context, op, from, in.layout);
}

static Meaning makeAttention(Context &context, Operation *op, const Rows *queries,
                             const Joined *keys, const Joined *values, int64_t heads, double scale,
                             Layout layout) {
  auto *term = context.make<Attention>(op);
  term->queries = queries;
  term->keys = keys;
  term->values = values;
  term->heads = heads;
  term->scale = shortestDecimal(scale);
  term->width = queries->width;
  return {op->getResult(0), term, std::move(layout)};
}

Result attend(Context &context, onnx::MatMulOp op, const Meaning &in, const Meaning &values) {
  auto *from = as<Probabilities>(in);
  if (!from || (!as<Joined>(values) && !as<Rows>(values)) || values.layout.rank() != 4)
    return std::nullopt;
  const Joined *joined = joinedOf(context, op, values);
  if (!joined)
    return context.refuse(op, "expected probabilities times values [B, heads, P + S, D]");
  if (std::string why = whyNotGrouped(values.layout, joined, from->heads, context.near());
      !why.empty())
    return context.refuse(op, why);
  if (joined->heads != from->keys->heads || joined->headDim != from->keys->headDim)
    return context.refuse(op, "keys and values have different heads");
  Layout layout = in.layout;
  layout.axes[1].clear(), layout.axes[3].clear();
  append(layout.axes[1], {Role::Feature, from->heads, joined->headDim});
  append(layout.axes[3], {Role::Feature, joined->headDim, 1});
  return makeAttention(context, op, from->queries, from->keys, joined, from->heads, from->scale,
                       layout);
}

//===----------------------------------------------------------------------===//
// onnx.Attention
//===----------------------------------------------------------------------===//

/// Rows given to onnx.Attention, [B, S, heads * D] or [B, heads, S, D], as [B, heads, S, D].
static std::optional<Meaning> asHeads(const Meaning &in, std::optional<int64_t> heads,
                                      Sizes sizes) {
  auto *rows = as<Rows>(in);
  if (!rows)
    return std::nullopt;
  Meaning out = in;
  if (in.layout.rank() == 3) {
    if (!heads || *heads < 1 || rows->width % *heads != 0 ||
        !isPlain(in.layout, rows->width, sizes))
      return std::nullopt;
    int64_t headDim = rows->width / *heads;
    out.layout.axes = {in.layout.axes[0], {}, in.layout.axes[1], {}};
    append(out.layout.axes[1], {Role::Feature, *heads, headDim});
    append(out.layout.axes[3], {Role::Feature, headDim, 1});
  }
  if (!headsOf(out.layout, rows->width, sizes.tokens()))
    return std::nullopt;
  return out;
}

/// Reasons to refuse that do not depend on what Q, K and V are.
static std::string unsupportedPart(onnx::AttentionOp op) {
  if (op.getSoftcap().convertToDouble() != 0)
    return "softcap is not supported";
  if (!onnx::isNoValue(op.getNonpadKvSeqlen()))
    return "nonpad_kv_seqlen is not supported: export with past_key and past_value";
  if (!op.getQkMatmulOutput().use_empty())
    return "its output qk_matmul_output is used";
  return "";
}

AttentionResults attentionOp(Context &context, onnx::AttentionOp op, ArrayRef<Meaning> operands) {
  auto refuse = [&](const std::string &reason) -> AttentionResults {
    Meaning broken = context.refuse(op, reason);
    return {broken, broken, broken};
  };
  if (std::string why = unsupportedPart(op); !why.empty())
    return refuse(why);
  Sizes sizes = context.near();
  std::optional<Meaning> q = asHeads(operands[0], op.getQNumHeads(), sizes);
  std::optional<Meaning> keyValue[2];
  const Joined *joined[2];
  for (int i : {0, 1}) {
    keyValue[i] = asHeads(operands[1 + i], op.getKvNumHeads(), sizes);
    if (!q || !keyValue[i])
      return refuse("expected rows [B, S, heads * D] or [B, heads, S, D] for Q, K and V, got " +
                    describe(operands[0]) + ", " + describe(operands[1]) + ", " +
                    describe(operands[2]));
    auto *rows = as<Rows>(*keyValue[i]);
    auto *term = context.make<Joined>(op);
    const Meaning &past = operands[4 + i];
    if (past.value && !onnx::isNoValue(past.value) && !(term->cache = as<Cache>(past)))
      return refuse("expected a cache input of the graph as past_key and past_value");
    term->rows = rows;
    term->headDim = sizeOf(keyValue[i]->layout.axes[3]);
    term->heads = rows->width / term->headDim;
    joined[i] = term;
  }
  auto *queries = as<Rows>(*q);
  int64_t headDim = joined[0]->headDim, heads = queries->width / headDim;
  if (joined[1]->headDim != headDim || joined[1]->heads != joined[0]->heads ||
      heads * headDim != queries->width || sizeOf(q->layout.axes[3]) != headDim ||
      heads % joined[0]->heads != 0)
    return refuse("expected one head size for Q, K and V, and heads a multiple of key heads");
  bool isCausal = op.getIsCausal() != 0;
  Value mask = onnx::isNoValue(op.getAttnMask()) ? Value() : op.getAttnMask();
  if (mask && !operands[3].isComputable())
    return refuse("expected a mask that is computed from sizes and the attention mask");
  if (const std::string &why = maskAnswer(context, mask, isCausal); !why.empty())
    return refuse(maskRefusal(why));
  double scale = op.getScale() ? op.getScale()->convertToDouble()
                               : 1 / std::sqrt(static_cast<double>(headDim));
  Layout layout = operands[0].layout;
  return {makeAttention(context, op, queries, joined[0], joined[1], heads, scale, layout),
          {op.getPresentKey(), joined[0], joinedLayout(keyValue[0]->layout, joined[0], sizes)},
          {op.getPresentValue(), joined[1], joinedLayout(keyValue[1]->layout, joined[1], sizes)}};
}

} // namespace mixserve::raise
