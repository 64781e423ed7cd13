//===- ContextAbi.cpp - mxs_ calls that read the rank's context -----------------------------===//
#include "core/Context.h"

using namespace mxs;

int32_t mxs_ctx_status(const mxs_ctx_t *ctx) {
  return ctx->failed() ? ctx->failure().code() : MXS_OK;
}

int64_t mxs_rows(mxs_ctx_t *ctx, int32_t row_set) {
  if (ctx->failed())
    return 0;
  if (row_set < MXS_ROWS_OWNED || row_set > MXS_ROWS_ASKED) {
    ctx->fail(internalError("mxs_rows: unknown row set " + std::to_string(row_set)));
    return 0;
  }
  return ctx->rows(static_cast<mxs_row_set_t>(row_set));
}

uint8_t *mxs_arena(mxs_ctx_t *ctx) { return ctx->arena.get(); }

const void *mxs_param(mxs_ctx_t *ctx, int32_t index) {
  // After a failure too: generated code may form addresses from it, it reads no row.
  if (index >= 0 && index < ctx->weights.count())
    return ctx->weights.weight(index).data;
  ctx->fail(internalError("mxs_param: index " + std::to_string(index) + " of " +
                          std::to_string(ctx->weights.count())));
  return nullptr;
}

const mxs_weight_t *mxs_weight(mxs_ctx_t *ctx, int32_t index) {
  if (index >= 0 && index < ctx->weights.count())
    return &ctx->weights.weight(index);
  ctx->fail(internalError("mxs_weight: index " + std::to_string(index) + " of " +
                          std::to_string(ctx->weights.count())));
  return nullptr;
}

const int32_t *mxs_row_tokens(mxs_ctx_t *ctx) {
  return ctx->plan->batch.tokens.data() + ctx->plan->groupBegin[static_cast<size_t>(ctx->group)];
}

const int32_t *mxs_row_positions(mxs_ctx_t *ctx) {
  return ctx->plan->positions.data() + ctx->plan->groupBegin[static_cast<size_t>(ctx->group)];
}
