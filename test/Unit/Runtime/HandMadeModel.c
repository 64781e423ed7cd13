/* A one-layer MoE model, written by hand against the C ABI as generated code would be. TP is the
   attention degree, RANKS the number of ranks; every rank holds EXPERTS / RANKS experts. There are
   no norms, so the test can compute it naively.

   A prompt that starts with token 30 makes the ranks of its group hang, 31 makes them fail. */
#include "HandMadeShape.h"
#include "mixserve_rt.h"

#include <time.h>

enum { ROWS = HM_MAX_TOKENS };

/* The arena: one buffer after another, as floats. */
typedef struct {
  float *next;
} arena_t;

static float *take(arena_t *arena, int64_t floats) {
  float *buffer = arena->next;
  arena->next += (floats + 15) / 16 * 16;
  return buffer;
}

static void add(float *x, const float *y, int64_t count) {
  for (int64_t i = 0; i < count; ++i)
    x[i] += y[i];
}

MXS_EXPORT int32_t mxs_model_main(mxs_ctx_t *ctx, int32_t variant);

int32_t mxs_model_main(mxs_ctx_t *ctx, int32_t variant) {
  (void)variant;
  const int heads = HM_HEADS / TP, kv = HM_KV_HEADS / TP;
  const int64_t h = HM_HIDDEN, d = HM_HEAD_DIM, k = HM_TOP_K;
  const mxs_weight_t *embed = mxs_weight(ctx, 0), *wq = mxs_weight(ctx, 1),
                     *wk = mxs_weight(ctx, 2), *wv = mxs_weight(ctx, 3), *wo = mxs_weight(ctx, 4),
                     *router = mxs_weight(ctx, 5), *gate = mxs_weight(ctx, 6),
                     *up = mxs_weight(ctx, 7), *down = mxs_weight(ctx, 8),
                     *head = mxs_weight(ctx, 9);
  arena_t arena = {(float *)mxs_arena(ctx)};
  float *grouped = take(&arena, ROWS * h), *x = take(&arena, ROWS * h);
  float *q = take(&arena, ROWS * HM_HEADS * d), *kk = take(&arena, ROWS * HM_HEADS * d);
  float *v = take(&arena, ROWS * HM_HEADS * d), *a = take(&arena, ROWS * HM_HEADS * d);
  float *o = take(&arena, ROWS * h), *scores = take(&arena, ROWS * HM_EXPERTS);
  float *weights = take(&arena, ROWS * k), *all = take(&arena, ROWS * h);
  float *allWeights = take(&arena, ROWS * k), *y = take(&arena, ROWS * h);
  float *logits = take(&arena, ROWS * HM_VOCAB);
  int32_t *ids = (int32_t *)take(&arena, ROWS * k), *allIds = (int32_t *)take(&arena, ROWS * k);

  const int64_t group = mxs_rows(ctx, MXS_ROWS_GROUP), owned = mxs_rows(ctx, MXS_ROWS_OWNED);
  const int64_t asked = mxs_rows(ctx, MXS_ROWS_ASKED);
  const int32_t first = group > 0 && mxs_row_positions(ctx)[0] == 0 ? mxs_row_tokens(ctx)[0] : 0;
  if (first == 31)
    return MXS_INTERNAL;
  if (first == 30) {
    struct timespec long_time = {4, 0};
    nanosleep(&long_time, 0);
  }
  mxs_embedding(ctx, embed, TP > 1 ? grouped : x);
  if (TP > 1) {
    mxs_reduce_scatter(ctx, -1, MXS_SITE_EMBED_RS, grouped, x, h, MXS_ROWS_GROUP, MXS_ROWS_OWNED);
    mxs_all_gather(ctx, 0, MXS_SITE_ATTN_AG, x, grouped, h, MXS_ROWS_OWNED, MXS_ROWS_GROUP);
  }
  const float *in = TP > 1 ? grouped : x;
  mxs_linear(ctx, in, wq, q, group);
  mxs_linear(ctx, in, wk, kk, group);
  mxs_linear(ctx, in, wv, v, group);
  mxs_attention(ctx, 0, q, kk, v, a, heads, kv, (int32_t)d, HM_SCALE);
  mxs_linear(ctx, a, wo, o, group);
  if (TP > 1) {
    mxs_reduce_scatter(ctx, 0, MXS_SITE_ATTN_RS, o, all, h, MXS_ROWS_GROUP, MXS_ROWS_OWNED);
    add(x, all, owned * h);
  } else {
    add(x, o, owned * h);
  }
  mxs_linear(ctx, x, router, scores, owned);
  mxs_route(ctx, scores, weights, ids, owned, HM_EXPERTS, k, 0, 1, 1.0f);
  if (RANKS > 1) {
    mxs_all_gather_routed(ctx, 0, MXS_SITE_DISPATCH_AG, x, weights, ids, all, allWeights, allIds, h,
                          k, MXS_ROWS_OWNED, MXS_ROWS_RECEIVED);
    const int64_t received = mxs_rows(ctx, MXS_ROWS_RECEIVED);
    mxs_expert_ffn(ctx, 0, all, allWeights, allIds, gate, up, down, 0, y, received, k);
    mxs_reduce_scatter(ctx, 0, MXS_SITE_COMBINE_RS, y, o, h, MXS_ROWS_RECEIVED, MXS_ROWS_OWNED);
  } else {
    mxs_expert_ffn(ctx, 0, x, weights, ids, gate, up, down, 0, o, owned, k);
  }
  add(x, o, mxs_rows(ctx, MXS_ROWS_OWNED) * h);
  mxs_select_rows(ctx, x, TP > 1 ? o : all, h);
  if (TP > 1)
    mxs_all_gather(ctx, -1, MXS_SITE_LM_HEAD_AG, o, all, h, MXS_ROWS_ASKED_OWNED, MXS_ROWS_ASKED);
  mxs_linear(ctx, all, head, logits, asked);
  mxs_logits(ctx, logits, HM_VOCAB / TP);
  return mxs_ctx_status(ctx);
}
