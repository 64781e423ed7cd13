//===- Decoder.cpp - the layers of a decoder, read from terms ---------------------------------===//

#include "Decoder.h"
#include "mlir/IR/Diagnostics.h"

using namespace mlir;

namespace mixserve::raise {

namespace {
/// What a residual sum adds to the stream before it.
struct Addends {
  const Rows *base = nullptr;
  SmallVector<const Term *> experts;
  SmallVector<const Linear *> linears;
};
} // namespace

/// Takes a sum apart, down to the sums that norms read.
static FailureOr<Addends> readAddends(const Sum *sum) {
  Addends addends;
  SmallVector<const Term *> work{sum->b, sum->a};
  while (!work.empty()) {
    const Term *term = work.pop_back_val();
    auto *inner = dyn_cast<Sum>(term);
    if (inner && !inner->read) {
      work.append({inner->b, inner->a});
    } else if (inner || isa<Embedding>(term)) {
      if (addends.base)
        return emitError(sum->loc, "this sum adds two points of the residual stream"), failure();
      addends.base = cast<Rows>(term);
    } else if (isa<WeightedExpert, ExpertSum>(term)) {
      addends.experts.push_back(term);
    } else if (auto *linear = dyn_cast<Linear>(term)) {
      addends.linears.push_back(linear);
    } else {
      return emitError(term->loc,
                       "the residual stream adds rows that come from no attention and no "
                       "experts"),
             failure();
    }
  }
  if (!addends.base)
    return emitError(sum->loc, "expected a sum with the residual stream"), failure();
  if (addends.linears.size() + !addends.experts.empty() != 1)
    return emitError(sum->loc,
                     "expected a residual sum that adds either an attention or experts, got ")
               << addends.linears.size() << " linears and " << addends.experts.size() << " experts",
           failure();
  return addends;
}

/// linear, norm, rope: each of the last two may be missing.
static FailureOr<HeadPath> readHeadPath(const Rows *rows, StringRef what, int64_t headDim) {
  HeadPath path;
  const Rows *from = rows;
  if ((path.rope = dyn_cast<Rope>(from)))
    from = path.rope->input;
  if ((path.norm = dyn_cast<Norm>(from)))
    from = path.norm->input;
  path.linear = dyn_cast<Linear>(from);
  if (!path.linear)
    return emitError(from->loc, "expected ") << what
                                             << " from a linear, an optional norm and an optional "
                                                "rotary embedding, in this order",
           failure();
  if (path.rope && path.rope->headDim != headDim)
    return emitError(path.rope->loc, "rotary embedding turns heads of ")
               << path.rope->headDim << " columns, attention has heads of " << headDim,
           failure();
  return path;
}

static FailureOr<AttentionBlock> readAttention(const Sum *sum, const Addends &addends) {
  const Linear *output = addends.linears.front();
  auto *attention = dyn_cast<Attention>(output->input);
  if (!attention)
    return emitError(output->loc,
                     "the residual stream adds this linear, which reads no attention; layers of "
                     "attention and routed experts are supported"),
           failure();
  int64_t headDim = attention->keys->headDim;
  FailureOr<HeadPath> queries = readHeadPath(attention->queries, "queries", headDim);
  FailureOr<HeadPath> keys =
      failed(queries) ? queries : readHeadPath(attention->keys->rows, "keys", headDim);
  FailureOr<HeadPath> values =
      failed(keys) ? keys : readHeadPath(attention->values->rows, "values", headDim);
  if (failed(values))
    return failure();
  auto *norm = dyn_cast<Norm>(queries->linear->input);
  if (!norm || norm->input != addends.base || keys->linear->input != norm ||
      values->linear->input != norm)
    return emitError(attention->loc,
                     "expected queries, keys and values from one norm of the residual stream "
                     "that the attention is added to"),
           failure();
  return AttentionBlock{norm, *queries, *keys, *values, attention, output};
}

FailureOr<Decoder> readDecoder(const Linear *logits) {
  Decoder decoder{nullptr, {}, dyn_cast<Norm>(logits->input), logits};
  if (!decoder.finalNorm)
    return emitError(logits->loc, "expected logits from a linear of a normed residual stream"),
           failure();
  const Rows *stream = decoder.finalNorm->input;
  while (!(decoder.embedding = dyn_cast<Embedding>(stream))) {
    auto *afterExperts = dyn_cast<Sum>(stream);
    if (!afterExperts)
      return emitError(stream->loc, "expected a residual sum or embeddings here"), failure();
    FailureOr<Addends> experts = readAddends(afterExperts);
    if (failed(experts))
      return failure();
    if (experts->experts.empty())
      return emitError(experts->linears.front()->loc, "expected the experts of a layer here, got a "
                                                      "linear; layers without routed experts "
                                                      "are not supported"),
             failure();
    FailureOr<ExpertBlock> block = readExperts(afterExperts, experts->experts);
    if (failed(block))
      return failure();
    if (block->norm->input != experts->base)
      return emitError(block->loc,
                       "expected experts on a norm of the residual stream that they are added to"),
             failure();
    auto *afterAttention = dyn_cast<Sum>(experts->base);
    if (!afterAttention)
      return emitError(block->loc, "expected an attention before these experts"), failure();
    FailureOr<Addends> addends = readAddends(afterAttention);
    if (failed(addends))
      return failure();
    if (addends->linears.empty())
      return emitError(afterAttention->loc, "expected an attention between two sets of experts"),
             failure();
    FailureOr<AttentionBlock> attention = readAttention(afterAttention, *addends);
    if (failed(attention))
      return failure();
    decoder.layers.push_back({afterAttention, afterExperts, *attention, *block});
    stream = addends->base;
  }
  std::reverse(decoder.layers.begin(), decoder.layers.end());
  if (decoder.layers.empty())
    return emitError(logits->loc, "the model has no layers between embeddings and logits"),
           failure();
  return decoder;
}

} // namespace mixserve::raise
