//===- ComputeAbi.cpp - mxs_ calls that compute ----------------------------------------------===//
//
// They check what they were given against the context and call the kernels.
//
//===----------------------------------------------------------------------===//
#include "core/AbiCall.h"
#include "kernels/cpu/ExpertFfn.h"
#include "kernels/cpu/PackedLinear.h"
#include "threads/ThreadPool.h"

#include <algorithm>

using namespace mxs;

/// Rows of one task of what is done row by row: enough to pay for handing it out, few enough to
/// stay in a cache.
static constexpr int64_t kRowsPerTask = 16;

/// Calls body(first, count, worker) for pieces that cover all rows; few rows are done here, and
/// wait for no thread. `worker` differs between pieces that are done at the same time.
template <class Body> static void forRows(int64_t rows, const Body &body) {
  if (rows <= kRowsPerTask) {
    body(0, rows, 0);
    return;
  }
  ThreadPool::process().parallelFor((rows + kRowsPerTask - 1) / kRowsPerTask,
                                    [&](int64_t task, int worker) {
                                      const int64_t first = task * kRowsPerTask;
                                      body(first, std::min(kRowsPerTask, rows - first), worker);
                                    });
}

void mxs_for_rows(mxs_ctx_t *ctx, mxs_row_fn_t fn, void *frame, int64_t rows) {
  abiCall(ctx, Call::ForRows, [&] {
    forRows(rows, [&](int64_t first, int64_t count, int) { fn(ctx, frame, first, count); });
    return okStatus();
  });
}

/// Fails unless `w` lies as the call reads it.
static Status checkLayout(const mxs_weight_t *w, WeightLayout layout) {
  if (w && w->layout == layout)
    return okStatus();
  return internalError("got a weight of another layout; compile the model again");
}

void mxs_embedding(mxs_ctx_t *ctx, const mxs_weight_t *table, float *out) {
  abiCall(ctx, Call::Embedding, [&] {
    MXS_TRY(checkLayout(table, WeightLayout::Rows));
    cpu::embedding(mxs_row_tokens(ctx), ctx->rows(MXS_ROWS_GROUP), *table,
                   ctx->topology.attnCoord(ctx->rank) * table->n, out);
    return okStatus();
  });
}

void mxs_linear(mxs_ctx_t *ctx, const float *x, const mxs_weight_t *w, float *y, int64_t rows) {
  abiCall(ctx, Call::Linear, [&] {
    MXS_TRY(checkLayout(w, WeightLayout::N64));
    cpu::packedLinear(cpu::Engine::process(), ThreadPool::process(), ctx->workspace, x, *w, 0, y,
                      rows, ctx->weightAfter(w));
    return okStatus();
  });
}

/// Fails unless there is a cache of this number, latent or not.
static Status checkCache(const mxs_ctx_t *ctx, int32_t cache, bool isLatent) {
  if (cache < 0 || cache >= ctx->cache.count())
    return internalError("cache " + std::to_string(cache) + " of " +
                         std::to_string(ctx->cache.count()));
  if (ctx->cache.entry(cache).isLatent() != isLatent)
    return internalError("cache " + std::to_string(cache) + " holds " +
                         (isLatent ? "keys and values" : "latent rows"));
  return okStatus();
}

/// The group's sequences in ctx->attending; returns how many.
static int64_t attend(mxs_ctx_t *ctx, int32_t cache) {
  const size_t group = static_cast<size_t>(ctx->group);
  const StepPlan &plan = *ctx->plan;
  int64_t row = 0, count = 0;
  for (size_t i = plan.groupSequences[group]; i < plan.groupSequences[group + 1]; ++i) {
    const mxs_sequence_t &s = plan.batch.sequences[i];
    ctx->attending[static_cast<size_t>(count++)] = {ctx->cache.slot(cache, s.slot), s.position,
                                                    s.num_tokens, row, plan.batch.promptOf(i)};
    row += s.num_tokens;
  }
  return count;
}

void mxs_attention(mxs_ctx_t *ctx, int32_t cache, const float *q, const float *k, const float *v,
                   float *out, int32_t heads, int32_t kv_heads, int32_t head_dim, float scale) {
  abiCall(ctx, Call::Attention, [&] {
    MXS_TRY(checkCache(ctx, cache, false));
    const CacheEntry &entry = ctx->cache.entry(cache);
    if (kv_heads != entry.kvHeads || head_dim != entry.headDim || heads % kv_heads != 0)
      return internalError("heads do not fit those of cache " + std::to_string(cache));
    cpu::AttentionCall call;
    call.type = ctx->cache.type(cache);
    call.heads = heads;
    call.kvHeads = kv_heads;
    call.headDim = head_dim;
    call.capacity = ctx->cache.capacity();
    call.scale = scale;
    call.count = attend(ctx, cache);
    call.sequences = ctx->attending.data();
    MXS_TRY(ctx->awaitEarlier());
    call.q = q;
    call.k = k;
    call.v = v;
    call.out = out;
    ctx->attention.run(call, ThreadPool::process());
    ctx->attended();
    return okStatus();
  });
}

void mxs_latent_attention(mxs_ctx_t *ctx, int32_t cache, const float *q_nope, const float *q_rope,
                          const float *latent, const float *rope, const mxs_weight_t *w_uk,
                          const mxs_weight_t *w_uv, float *out, int32_t heads, float scale) {
  abiCall(ctx, Call::LatentAttention, [&] {
    MXS_TRY(checkCache(ctx, cache, true));
    const CacheEntry &entry = ctx->cache.entry(cache);
    if (heads != entry.heads)
      return internalError("heads do not fit those of cache " + std::to_string(cache));
    cpu::LatentCall call;
    call.shape = latentShape(entry);
    call.stepRows = ctx->manifest.maxBatchTokens;
    call.type = ctx->cache.type(cache);
    call.capacity = ctx->cache.capacity();
    call.scale = scale;
    call.count = attend(ctx, cache);
    call.sequences = ctx->attending.data();
    MXS_TRY(ctx->awaitEarlier());
    call.qNope = q_nope;
    call.qRope = q_rope;
    call.latent = latent;
    call.rope = rope;
    call.wUk = w_uk;
    call.wUv = w_uv;
    call.out = out;
    MXS_TRY(cpu::latentAttention(cpu::Engine::process(), ctx->attention, ThreadPool::process(),
                                 ctx->workspace, call));
    ctx->attended();
    return okStatus();
  });
}

void mxs_route(mxs_ctx_t *ctx, const float *logits, float *weights, int32_t *ids, int64_t rows,
               int64_t experts, int64_t top_k, int32_t score, int32_t normalize, float scale) {
  abiCall(ctx, Call::Route, [&] {
    if (experts != ctx->manifest.experts || top_k < 1 || top_k > experts || score < 0 || score > 1)
      return internalError("routes to " + std::to_string(top_k) + " of " + std::to_string(experts) +
                           " experts with score " + std::to_string(score));
    const auto kind = score == 0 ? cpu::RouteScore::Softmax : cpu::RouteScore::Sigmoid;
    forRows(rows, [&](int64_t first, int64_t count, int worker) {
      for (int64_t row = first; row < first + count; ++row)
        cpu::routeRow(logits + row * experts, experts, top_k, kind, normalize != 0, scale,
                      ctx->scores.data() + worker * experts, weights + row * top_k,
                      ids + row * top_k);
    });
    return okStatus();
  });
}

/// The weights of this rank's experts, and that they fit each other.
static Status checkExperts(mxs_ctx_t *ctx, const mxs_weight_t *gate, const mxs_weight_t *up,
                           const mxs_weight_t *down) {
  for (const mxs_weight_t *w : {gate, up, down})
    MXS_TRY(checkLayout(w, WeightLayout::N64));
  const int64_t experts = ctx->topology.endExpert(ctx->rank) - ctx->topology.firstExpert(ctx->rank);
  for (const mxs_weight_t *w : {gate, up, down})
    if (w->matrices != experts)
      return internalError("got the weights of " + std::to_string(w->matrices) +
                           " experts, this rank has " + std::to_string(experts));
  // Gate and up read the same rows.
  if (up->n != gate->n || up->k != gate->k || down->n != gate->k || down->k != gate->n ||
      up->type != gate->type || up->group != gate->group)
    return internalError("the weights of gate, up and down do not fit each other");
  return okStatus();
}

void mxs_expert_ffn(mxs_ctx_t *ctx, int32_t layer, const float *x, const float *weights,
                    const int32_t *ids, const mxs_weight_t *gate, const mxs_weight_t *up,
                    const mxs_weight_t *down, int32_t activation, float *out, int64_t rows,
                    int64_t top_k) {
  abiCall(ctx, Call::ExpertFfn, [&] {
    if (activation != 0)
      return internalError("no activation has number " + std::to_string(activation));
    MXS_TRY(checkExperts(ctx, gate, up, down));
    // With more ranks, what brings the rows here has recorded them.
    const int32_t *sent = ids;
    if (ctx->topology.rankCount() == 1) {
      MXS_TRY(ctx->recordRouting(layer, ids, top_k));
      sent = ctx->idsToSend(layer, ids, top_k);
    }
    const int32_t first = ctx->topology.firstExpert(ctx->rank);
    return cpu::expertFfn(
        cpu::Engine::process(), ThreadPool::process(), ctx->workspace,
        {x, weights, sent, rows, top_k, first, gate, up, down, out, ctx->weightAfter(nullptr)});
  });
}

void mxs_select_rows(mxs_ctx_t *ctx, const float *x, float *out, int64_t width) {
  abiCall(ctx, Call::SelectRows, [&] {
    for (int32_t row : ctx->plan->rows.askedOwnedRows(ctx->rank)) {
      std::copy_n(x + row * width, width, out);
      out += width;
    }
    return okStatus();
  });
}

void mxs_logits(mxs_ctx_t *ctx, const float *logits, int64_t vocab_local) {
  abiCall(ctx, Call::Logits, [&] {
    if (vocab_local != ctx->manifest.vocabLocal)
      return internalError(std::to_string(vocab_local) + " columns, the manifest says " +
                           std::to_string(ctx->manifest.vocabLocal));
    ctx->logits = {logits, vocab_local};
    return okStatus();
  });
}
