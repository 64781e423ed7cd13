//===- CollectiveAbi.cpp - mxs_ calls that communicate ---------------------------------------===//
//
// They hand over to the rank's communicator and record the expert ids of its owned rows.
//
//===----------------------------------------------------------------------===//
#include "core/AbiCall.h"

using namespace mxs;

static Site siteOf(int32_t layer, int32_t site) { return {layer, static_cast<mxs_site_t>(site)}; }

/// `site` comes from generated code: one that does not exist must not reach the counters.
static Status checkSite(int32_t site) {
  if (site < 0 || site >= kSiteCount)
    return internalError("unknown site " + std::to_string(site));
  return okStatus();
}

void mxs_all_gather(mxs_ctx_t *ctx, int32_t layer, int32_t site, const float *in, float *out,
                    int64_t width, int32_t from, int32_t to) {
  abiCall(ctx, Call::AllGather, [&] {
    MXS_TRY(checkSite(site));
    return ctx->comm().allGather(siteOf(layer, site), in, out, width,
                                 static_cast<mxs_row_set_t>(from), static_cast<mxs_row_set_t>(to));
  });
}

void mxs_all_gather_routed(mxs_ctx_t *ctx, int32_t layer, int32_t site, const float *x,
                           const float *weights, const int32_t *ids, float *out_x,
                           float *out_weights, int32_t *out_ids, int64_t hidden, int64_t top_k,
                           int32_t from, int32_t to) {
  abiCall(ctx, Call::AllGatherRouted, [&] {
    MXS_TRY(checkSite(site));
    const int32_t *sent = ids;
    if (from == MXS_ROWS_OWNED) {
      MXS_TRY(ctx->recordRouting(layer, ids, top_k));
      sent = ctx->idsToSend(layer, ids, top_k);
    }
    return ctx->comm().allGatherRouted(
        siteOf(layer, site), {x, weights, sent}, {out_x, out_weights, out_ids}, hidden, top_k,
        static_cast<mxs_row_set_t>(from), static_cast<mxs_row_set_t>(to));
  });
}

void mxs_reduce_scatter(mxs_ctx_t *ctx, int32_t layer, int32_t site, const float *in, float *out,
                        int64_t width, int32_t from, int32_t to) {
  abiCall(ctx, Call::ReduceScatter, [&] {
    MXS_TRY(checkSite(site));
    return ctx->comm().reduceScatter(siteOf(layer, site), in, out, width,
                                     static_cast<mxs_row_set_t>(from),
                                     static_cast<mxs_row_set_t>(to));
  });
}

void mxs_all_reduce(mxs_ctx_t *ctx, int32_t layer, int32_t site, const float *in, float *out,
                    int64_t width) {
  abiCall(ctx, Call::AllReduce, [&] {
    MXS_TRY(checkSite(site));
    return ctx->comm().allReduce(siteOf(layer, site), in, out, width);
  });
}

void mxs_dispatch(mxs_ctx_t *ctx, int32_t layer, int32_t site, int32_t method, const float *x,
                  const float *weights, const int32_t *ids, float *out_x, float *out_weights,
                  int32_t *out_ids, int64_t hidden, int64_t top_k) {
  abiCall(ctx, Call::Dispatch, [&] {
    MXS_TRY(checkSite(site));
    MXS_TRY(ctx->recordRouting(layer, ids, top_k));
    return ctx->comm().dispatch(siteOf(layer, site), static_cast<mxs_method_t>(method),
                                {x, weights, ctx->idsToSend(layer, ids, top_k)},
                                {out_x, out_weights, out_ids}, hidden, top_k);
  });
}

void mxs_combine(mxs_ctx_t *ctx, int32_t layer, int32_t site, int32_t method, const float *partial,
                 float *out, int64_t hidden) {
  abiCall(ctx, Call::Combine, [&] {
    MXS_TRY(checkSite(site));
    return ctx->comm().combine(siteOf(layer, site), static_cast<mxs_method_t>(method), partial, out,
                               hidden);
  });
}

/// The region of the mxs_ag_dispatch_t that `frame` is, and then: what needs no experts has none.
static void runSparingRegion(mxs_ctx_t *ctx, void *frame, int64_t first, int64_t count) {
  const auto &args = *static_cast<const mxs_ag_dispatch_t *>(frame);
  if (args.region)
    args.region(ctx, args.frame, first, count);
  ctx->spareRows(const_cast<int32_t *>(args.ids) + first * args.top_k, first, count, args.top_k);
}

void mxs_ag_dispatch(mxs_ctx_t *ctx, int32_t layer, const mxs_ag_dispatch_t *args) {
  abiCall(ctx, Call::AgDispatch, [&] {
    mxs_ag_dispatch_t sparing = *args;
    if (ctx->sparesRows(layer)) {
      sparing.region = runSparingRegion;
      sparing.frame = const_cast<mxs_ag_dispatch_t *>(args);
    }
    MXS_TRY(ctx->comm().agDispatch(ctx, layer, sparing));
    return ctx->recordRouting(layer, args->ids, args->top_k); // the region has filled them
  });
}

void mxs_rs_combine(mxs_ctx_t *ctx, int32_t layer, const float *partial, float *out,
                    int64_t hidden) {
  abiCall(ctx, Call::RsCombine, [&] { return ctx->comm().rsCombine(layer, partial, out, hidden); });
}

void mxs_rs_combine_ag(mxs_ctx_t *ctx, int32_t layer, const mxs_rs_combine_ag_t *args) {
  abiCall(ctx, Call::RsCombineAg, [&] {
    const GatherAfter after{args->region,   args->frame, args->x,
                            args->gathered, args->width, layer + 1};
    return ctx->comm().rsCombineGather(ctx, layer, args->partial, args->out, args->hidden, after);
  });
}
