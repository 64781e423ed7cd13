//===- EvaluateAttention.cpp - scaled dot product attention -----------------------------------===//
//
// Semantics: the Attention operator of opset 24 with the errata of onnx 1.23 (causal masks are
// aligned to the last key that is valid, a query that sees no key gives zeros).
//
//===-----------------------------------------------------------------------------------------===//

#include "Kernels.h"

#include <cmath>

using namespace llvm;

namespace mixserve::import {

using Kind = HostTensor::Kind;

/// [batch, heads, tokens, size] in double, from that form or from [batch, tokens, heads * size].
struct Heads {
  int64_t batch, heads, tokens, size;
  std::vector<double> values;
  const double *row(int64_t b, int64_t h, int64_t t) const {
    return values.data() + ((b * heads + h) * tokens + t) * size;
  }
};

static std::optional<Heads> splitHeads(const HostTensor &tensor, int64_t heads) {
  Heads result;
  if (tensor.rank() == 4) {
    result = {tensor.size(0), tensor.size(1), tensor.size(2), tensor.size(3), {}};
    for (int64_t i = 0; i < tensor.numElements(); ++i)
      result.values.push_back(tensor.asDouble(i));
    return result;
  }
  if (tensor.rank() != 3 || heads <= 0 || tensor.size(2) % heads != 0)
    return std::nullopt;
  result = {tensor.size(0), heads, tensor.size(1), tensor.size(2) / heads, {}};
  for (int64_t b = 0; b < result.batch; ++b)
    for (int64_t h = 0; h < heads; ++h)
      for (int64_t t = 0; t < result.tokens; ++t)
        for (int64_t d = 0; d < result.size; ++d)
          result.values.push_back(
              tensor.asDouble(((b * result.tokens + t) * heads + h) * result.size + d));
  return result;
}

/// Puts the past before the new tokens.
static std::optional<Heads> append(const HostTensor &past, const Heads &next) {
  std::optional<Heads> old = splitHeads(past, 0);
  if (!old || old->batch != next.batch || old->heads != next.heads || old->size != next.size)
    return std::nullopt;
  Heads joined = {next.batch, next.heads, old->tokens + next.tokens, next.size, {}};
  for (int64_t b = 0; b < next.batch; ++b)
    for (int64_t h = 0; h < next.heads; ++h)
      for (const Heads *part : {static_cast<const Heads *>(&*old), &next})
        joined.values.insert(joined.values.end(), part->row(b, h, 0),
                             part->row(b, h, 0) + part->tokens * part->size);
  return joined;
}

static void fill(HostTensor &tensor, const std::vector<double> &values) {
  tensor.visit([&](auto &out) {
    using T = typename std::decay_t<decltype(out)>::value_type;
    for (size_t i = 0; i < out.size(); ++i)
      out[i] = static_cast<T>(values[i]);
  });
}

namespace {
/// What is added to a score before softmax.
class Bias {
public:
  Bias(Run &run, onnx::AttentionOp op, int64_t batch, int64_t heads, int64_t queries, int64_t keys)
      : run(run), isCausal(op.getIsCausal()), queries(queries), keys(keys) {
    if (!run.has(3))
      return;
    // A mask may be shorter than the keys; what it lacks is masked.
    Sizes target = {batch, heads, queries, run.input(3).rank() ? run.input(3).shape().back() : 1};
    maskKeys = target.back();
    if (maskKeys > keys || broadcastShapes(target, run.input(3).shape()) != target)
      problem = "attn_mask " + shapeText(run.input(3).shape()) + " does not fit";
    else
      strides = broadcastStrides(run.input(3).shape(), target);
  }

  double at(int64_t b, int64_t h, int64_t q, int64_t k) const {
    const int64_t valid = run.has(6) ? run.input(6).asInt(b) : keys;
    const int64_t before = run.has(4) ? run.input(4).size(2) : run.has(6) ? valid - queries : 0;
    if (k >= valid || (isCausal && k > q + before))
      return -INFINITY;
    if (strides.empty())
      return 0;
    if (k >= maskKeys)
      return -INFINITY;
    const int64_t offset = b * strides[0] + h * strides[1] + q * strides[2] + k * strides[3];
    if (run.input(3).kind() == Kind::Bool)
      return run.input(3).asInt(offset) ? 0 : -INFINITY;
    return run.input(3).asDouble(offset);
  }

  Why problem;

private:
  Run &run;
  bool isCausal;
  int64_t queries, keys, maskKeys = 0;
  Sizes strides;
};
} // namespace

/// Softmax in place of a line; a line that is wholly masked becomes zeros.
static void softmax(MutableArrayRef<double> line) {
  double largest = -INFINITY, sum = 0;
  for (double value : line)
    largest = std::max(largest, value);
  if (largest == -INFINITY) {
    std::fill(line.begin(), line.end(), 0);
    return;
  }
  for (double &value : line)
    sum += value = std::exp(value - largest);
  for (double &value : line)
    value /= sum;
}

Why attention(Run &run) {
  auto op = mlir::cast<onnx::AttentionOp>(run.op);
  std::optional<Heads> q = splitHeads(run.input(0), op.getQNumHeads().value_or(0));
  std::optional<Heads> k = splitHeads(run.input(1), op.getKvNumHeads().value_or(0));
  std::optional<Heads> v = splitHeads(run.input(2), op.getKvNumHeads().value_or(0));
  if (k && run.has(4))
    k = append(run.input(4), *k);
  if (v && run.has(5))
    v = append(run.input(5), *v);
  if (!q || !k || !v || q->size != k->size || k->heads != v->heads || k->tokens != v->tokens ||
      k->heads == 0 || q->heads % k->heads != 0 || q->batch != k->batch || q->batch != v->batch)
    return "Q, K, V and the past do not fit";
  if (run.has(6) && run.input(6).numElements() != q->batch)
    return "nonpad_kv_seqlen must have one element per row";
  Bias bias(run, op, q->batch, q->heads, q->tokens, k->tokens);
  if (!bias.problem.empty())
    return bias.problem;

  const Kind kind = run.input(0).kind();
  const Sizes yShape = run.input(0).rank() == 4 ? Sizes{q->batch, q->heads, q->tokens, v->size}
                                                : Sizes{q->batch, q->tokens, q->heads * v->size};
  const Sizes scoreShape = {q->batch, q->heads, q->tokens, k->tokens};
  for (auto [index, shape] : {std::pair<unsigned, Sizes>{0, yShape},
                              {1, {k->batch, k->heads, k->tokens, k->size}},
                              {2, {v->batch, v->heads, v->tokens, v->size}},
                              {3, scoreShape}})
    if (Why why = run.allocate(index, kind, shape); !why.empty())
      return why;
  fill(run.out[1], k->values);
  fill(run.out[2], v->values);

  const double scale =
      op.getScale() ? op.getScale()->convertToFloat() : 1 / std::sqrt(static_cast<double>(q->size));
  const double softcap = op.getSoftcap().convertToFloat();
  const int64_t mode = op.getQkMatmulOutputMode();
  std::vector<double> y(run.out[0].numElements()), shown(run.out[3].numElements()), line(k->tokens);
  for (int64_t b = 0; b < q->batch; ++b)
    for (int64_t h = 0; h < q->heads; ++h)
      for (int64_t t = 0; t < q->tokens; ++t) {
        const int64_t group = h / (q->heads / k->heads);
        double *score = shown.data() + ((b * q->heads + h) * q->tokens + t) * k->tokens;
        auto show = [&](int64_t asked) {
          if (mode == asked)
            std::copy(line.begin(), line.end(), score);
        };
        const double *query = q->row(b, h, t);
        for (int64_t j = 0; j < k->tokens; ++j) {
          const double *key = k->row(b, group, j);
          line[j] = 0;
          for (int64_t d = 0; d < q->size; ++d)
            line[j] += query[d] * key[d];
          line[j] *= scale;
        }
        show(0);
        if (softcap > 0)
          for (double &value : line)
            value = softcap * std::tanh(value / softcap);
        show(1);
        for (int64_t j = 0; j < k->tokens; ++j)
          line[j] += bias.at(b, h, t, j);
        show(2);
        softmax(line);
        show(3);
        double *row = y.data() + (run.input(0).rank() == 4
                                      ? ((b * q->heads + h) * q->tokens + t) * v->size
                                      : (b * q->tokens + t) * q->heads * v->size + h * v->size);
        for (int64_t j = 0; j < k->tokens; ++j)
          for (int64_t d = 0; d < v->size; ++d)
            row[d] += line[j] * v->row(b, group, j)[d];
      }
  fill(run.out[0], y);
  fill(run.out[3], shown);
  return {};
}

} // namespace mixserve::import
