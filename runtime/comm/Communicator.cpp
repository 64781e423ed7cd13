//===- Communicator.cpp - Checks of the arguments, choice of the method -------------------------===//

#include "comm/Communicator.h"
#include "comm/DenseCollectives.h"
#include "comm/Dispatch.h"

#include <algorithm>

namespace mxs {

Communicator::Communicator(World &world, NodeShared &node, PacedLink &link, int rank, int stream)
    : world(world), self(rank),
      state(std::make_unique<RankState>(world, node, link, rank, stream)) {}

Communicator::~Communicator() = default;

const RowMap &Communicator::rows() const { return state->rows; }
int Communicator::chunks() const { return state->chunks; }
CommTimes Communicator::times() const { return state->clock.read(); }
void Communicator::waited(int64_t ns) {
  state->clock.add(CommClock::Total, ns);
  state->clock.add(CommClock::Wait, ns);
}
WaitPoint &Communicator::waitPoint() { return state->node.waitPoint(state->device); }
RankFlight Communicator::flight() const {
  return {self, state->flight.read(steadyNs()), state->stream};
}

Status Communicator::finish(Status status) {
  if (status.ok())
    return status;
  world.abort(status.in("rank " + std::to_string(self)));
  // The caller may free its rows now. A peer that began a collective before the abort may read them;
  // one that begins later sees the abort at its first flag (both are sequentially consistent).
  static const std::atomic<bool> never{false};
  state->node.waitPoint(state->device)
      .wait([&] { return state->node.unread(state->device); }, never, world.options().deadlineNs);
  return status;
}

Status Communicator::start(int64_t width, int64_t topK) {
  if (world.aborted())
    return world.abortStatus();
  const WorldOptions &options = world.options();
  if (width < 0 || width > options.hidden || topK < 0 || topK > options.topK)
    return invalidArgument("rows of " + std::to_string(width) + " floats with " +
                           std::to_string(topK) + " experts, but the world was made for " +
                           std::to_string(options.hidden) + " and " +
                           std::to_string(options.topK));
  return okStatus();
}

Status Communicator::beginStep(const RowMap &rows, int chunks) {
  if (world.aborted())
    return world.abortStatus();
  const WorldOptions &options = world.options();
  if (rows.totalRows() > options.maxTokens || chunks < 1 || chunks > options.maxChunks)
    return finish({MXS_RESOURCE_EXHAUSTED,
                   "a step of " + std::to_string(rows.totalRows()) + " rows in " +
                       std::to_string(chunks) + " chunks exceeds the limits of " +
                       std::to_string(options.maxTokens) + " rows and " +
                       std::to_string(options.maxChunks) + " chunks"});
  // Groups that shared more often than others in the last step count alike again.
  state->sequence = ++state->steps << RankState::kStepBits;
  state->rows = rows;
  state->chunks = chunks;
  for (StepList *steps : {state->dispatchSteps, state->combineSteps}) {
    steps[0].clear();
    steps[1].clear();
  }
  return okStatus();
}

static Status unsupported(Call &call, mxs_row_set_t from, mxs_row_set_t to) {
  return call.failure(MXS_INVALID_ARGUMENT, "row sets " + std::to_string(from) + " -> " +
                                                std::to_string(to) + " are not offered");
}

static Status needNodeLocalExperts(Call &call) {
  if (call.topo.expertGroupsInsideNodes())
    return okStatus();
  return call.failure(MXS_INVALID_ARGUMENT,
                      "hybrid dispatch needs MoE TP groups inside a node, but moe_tp = " +
                          std::to_string(call.topo.moeTp) + " with " +
                          std::to_string(call.topo.devices) + " devices per node");
}

Status Communicator::allGather(Site site, const float *in, float *out, int64_t width,
                               mxs_row_set_t from, mxs_row_set_t to) {
  auto run = [&] {
    MXS_TRY(start(width, 0));
    Call call(*state, site);
    if ((from != MXS_ROWS_OWNED || to != MXS_ROWS_GROUP) &&
        (from != MXS_ROWS_ASKED_OWNED || to != MXS_ROWS_ASKED))
      return unsupported(call, from, to);
    const Column column{in, out, width * 4, true};
    return gatherRows(call, call.topo.attnRanks(self), &column, 1, {call.rows, to});
  };
  return finish(run());
}

Status Communicator::allGatherRouted(Site site, const RoutedRows &in, const RoutedRowsOut &out,
                                     int64_t hidden, int64_t topK, mxs_row_set_t from,
                                     mxs_row_set_t to) {
  auto run = [&] {
    MXS_TRY(start(hidden, topK));
    Call call(*state, site);
    if (from == MXS_ROWS_LANE && to == MXS_ROWS_RECEIVED)
      return gatherLanes(call, in, out, {hidden, topK});
    if (from != MXS_ROWS_OWNED || to != MXS_ROWS_RECEIVED)
      return unsupported(call, from, to);
    const Column columns[] = {{in.ids, out.ids, topK * 4, false},
                              {in.weights, out.weights, topK * 4, false},
                              {in.x, out.x, hidden * 4, true}};
    return gatherRows(call, call.topo.world(), columns, 3, {call.rows, to});
  };
  return finish(run());
}

Status Communicator::reduceScatter(Site site, const float *in, float *out, int64_t width,
                                   mxs_row_set_t from, mxs_row_set_t to) {
  auto run = [&] {
    MXS_TRY(start(width, 0));
    Call call(*state, site);
    if (from == MXS_ROWS_GROUP && to == MXS_ROWS_OWNED)
      return reduceRows(call, call.topo.attnRanks(self), in, out, width, {call.rows, from});
    if (from == MXS_ROWS_RECEIVED && to == MXS_ROWS_OWNED)
      return reduceRows(call, call.topo.world(), in, out, width, {call.rows, from});
    if (from == MXS_ROWS_RECEIVED && to == MXS_ROWS_LANE)
      return reduceToLane(call, in, out, width);
    return unsupported(call, from, to);
  };
  return finish(run());
}

Status Communicator::allReduce(Site site, const float *in, float *out, int64_t width) {
  auto run = [&] {
    MXS_TRY(start(width, 0));
    const RankGroup group = state->topo.attnRanks(self);
    const RowSpans spans{state->rows, MXS_ROWS_GROUP};
    // `out` may be `in`: inside a node the sums may not go there while peers read it. Between nodes
    // reduceRows writes its own rows last, which no peer reads.
    float *own = group.spansNodes() ? out + spans.begin(self) * width : state->ownSum.get();
    {
      Call reduce(*state, site);
      MXS_TRY(reduceRows(reduce, group, in, own, width, spans));
    }
    Call gather(*state, site);
    const Column column{own, out, width * 4, true};
    return gatherRows(gather, group, &column, 1, spans);
  };
  return finish(run());
}

Status Communicator::share(Site site, const void *own, void *all, int64_t bytes) {
  auto run = [&] {
    MXS_TRY(start(0, 0));
    Call call(*state, site);
    if (bytes < 0 || bytes > world.options().shareBytes)
      return call.failure(MXS_INVALID_ARGUMENT,
                          std::to_string(bytes) + " bytes are shared, but the world was made for " +
                              std::to_string(world.options().shareBytes));
    const RankGroup group = state->topo.attnRanks(self);
    const Column column{own, all, bytes, false};
    return gatherRows(call, group, &column, 1, {call.rows, MXS_ROWS_GROUP, group.first});
  };
  return finish(run());
}

Status Communicator::dispatch(Site site, mxs_method_t method, const RoutedRows &in,
                              const RoutedRowsOut &out, int64_t hidden, int64_t topK) {
  auto run = [&] {
    MXS_TRY(start(hidden, topK));
    Call call(*state, site);
    switch (method) {
    case MXS_FLAT_EP:
      return flatDispatch(call, in, out, {hidden, topK});
    case MXS_HIER_EP:
      return hierDispatch(call, in, out, {hidden, topK});
    case MXS_HYBRID:
      MXS_TRY(needNodeLocalExperts(call));
      return hybridDispatch(call, in, out, {hidden, topK});
    }
    return call.failure(MXS_INVALID_ARGUMENT, "unknown method " + std::to_string(method));
  };
  return finish(run());
}

Status Communicator::combine(Site site, mxs_method_t method, const float *partial, float *out,
                             int64_t hidden) {
  auto run = [&] {
    MXS_TRY(start(hidden, 0));
    Call call(*state, site);
    switch (method) {
    case MXS_FLAT_EP:
      return flatCombine(call, partial, out, hidden);
    case MXS_HIER_EP:
      return hierCombine(call, partial, out, hidden);
    case MXS_HYBRID:
      return hybridCombine(call, partial, out, hidden);
    }
    return call.failure(MXS_INVALID_ARGUMENT, "unknown method " + std::to_string(method));
  };
  return finish(run());
}

Status Communicator::agDispatch(mxs_ctx_t *ctx, int32_t layer, const mxs_ag_dispatch_t &args) {
  auto run = [&] {
    MXS_TRY(start(args.hidden, args.top_k));
    Call call(*state, {layer, MXS_SITE_DISPATCH});
    MXS_TRY(needNodeLocalExperts(call));
    if (args.partial && call.topo.attnRanks(self).spansNodes())
      return call.failure(MXS_INVALID_ARGUMENT,
                          "attention's reduce_scatter cannot be fused: its group of " +
                              std::to_string(call.topo.attnTp) + " ranks spans nodes");
    return fusedDispatch(call, ctx, args, fusedRows(call.topo));
  };
  return finish(run());
}

Status Communicator::rsCombine(int32_t layer, const float *partial, float *out, int64_t hidden) {
  auto run = [&] {
    MXS_TRY(start(hidden, 0));
    Call call(*state, {layer, MXS_SITE_COMBINE});
    MXS_TRY(needNodeLocalExperts(call));
    return fusedCombine(call, partial, out, hidden, nullptr, nullptr, fusedRows(call.topo));
  };
  return finish(run());
}

Status Communicator::rsCombineGather(mxs_ctx_t *ctx, int32_t layer, const float *partial,
                                     float *out, int64_t hidden, const GatherAfter &after) {
  auto run = [&] {
    MXS_TRY(start(std::max(hidden, after.width), 0));
    Call call(*state, {layer, MXS_SITE_COMBINE});
    MXS_TRY(needNodeLocalExperts(call));
    if (call.topo.attnRanks(self).spansNodes())
      return call.failure(MXS_INVALID_ARGUMENT,
                          "attention's all_gather cannot be fused: its group of " +
                              std::to_string(call.topo.attnTp) + " ranks spans nodes");
    return fusedCombine(call, partial, out, hidden, ctx, &after, fusedRows(call.topo));
  };
  return finish(run());
}

} // namespace mxs
