//===- FusedDispatch.cpp - ag_dispatch ----------------------------------------------------------===//

#include "comm/Dispatch.h"
#include "comm/RowPacking.h"
#include "comm/ScheduleRunner.h"

#include <algorithm>

namespace mxs {

namespace {

class FusedDispatch {
public:
  FusedDispatch(Call &call, mxs_ctx_t *ctx, const mxs_ag_dispatch_t &args)
      : call(call), state(call.state), route(call.state.route), ctx(ctx), args(args),
        in{args.x, args.weights, args.ids}, out{args.out_x, args.out_weights, args.out_ids},
        hidden(args.hidden), topK(args.top_k), rowBytes(routedRowBytes(hidden, topK)) {}

  Status run() {
    clearLists(route.sent);
    clearLists(route.lane);
    // Nothing of an older collective may be taken for rows of this one.
    std::fill_n(state.offers.begin(), state.chunks * call.topo.nodes, Offer());
    std::fill_n(out.ids, call.rows.totalRows() * topK, -1);
    StepList &steps = state.dispatchSteps[args.partial != nullptr];
    if (steps.empty())
      steps = buildSteps(args.partial ? ScheduleKind::ReduceDispatch : ScheduleKind::Dispatch,
                         call.topo, call.rows, state.chunks, state.self, std::move(steps));
    return runSteps(call, steps, [&](const Step &step) { return perform(step); });
  }

private:
  int slotOf(const Step &step) const { return step.chunk * call.topo.nodes + step.node; }
  int laneRank(int node) const { return call.topo.rankOf(node, state.device); }

  Status perform(const Step &step) {
    switch (step.kind) {
    case StepKind::PostRecv:
      return call.expect(laneRank(step.node), step.chunk,
                         step.rows * state.copiesPerRow * rowBytes, state.slots[slotOf(step)]);
    case StepKind::Enter:
      return enter();
    case StepKind::Reduce:
      return reduce(step);
    case StepKind::Region:
      return compute(step);
    case StepKind::Send:
      return send(step);
    case StepKind::Recv:
      return receive(step);
    case StepKind::Publish:
      return publish(step);
    case StepKind::Gather:
      return gather(step);
    default:
      return call.failure(MXS_INTERNAL, std::string("unexpected step ") + stepName(step.kind));
    }
  }

  Status enter() {
    Published shown;
    shown.columns[0] = args.partial;
    shown.offers = state.offers.data();
    return call.publish(shown);
  }

  Status reduce(const Step &step) {
    const int64_t from = (call.rows.ownedBegin(state.self) + step.first) * hidden;
    call.sumDevices(call.topo.attnRanks(state.self), args.reduced + step.first * hidden,
                    step.rows * hidden, MXS_SITE_ATTN_RS, [&](int device) {
                      return static_cast<const float *>(call.shownBy(device).columns[0]) + from;
                    });
    call.settle();
    return okStatus();
  }

  Status compute(const Step &step) {
    if (args.region && step.rows > 0) {
      const int64_t begin = steadyNs();
      args.region(ctx, args.frame, step.first, step.rows);
      state.clock.add(CommClock::Region, steadyNs() - begin);
    }
    return addDestinationNodes(call, in.ids, step.first, step.rows, topK);
  }

  Status send(const Step &step) {
    const std::vector<int32_t> &list = route.sent[step.node];
    const ListRange part = chunkOf(list, step);
    uint8_t *payload = nullptr;
    MXS_TRY(call.startMessage(part.count() * rowBytes, payload));
    packRows(payload, list.data() + part.begin, part.count(), in, hidden, topK);
    return call.send(payload, laneRank(step.node), step.chunk, part.count(),
                     part.count() * rowBytes, MXS_SITE_DISPATCH);
  }

  Status receive(const Step &step) {
    Received message;
    MXS_TRY(call.receive(state.slots[slotOf(step)], MXS_SITE_DISPATCH, message));
    Offer &offer = state.offers[slotOf(step)];
    MXS_TRY(openRows(message.payload, message.rows, message.bytes, step.first,
                     step.first + step.rows, hidden, topK, offer));
    std::vector<int32_t> &lane = route.lane[step.node];
    lane.insert(lane.end(), offer.index, offer.index + offer.count);
    return okStatus();
  }

  // Rows of other nodes were offered when they were received.
  Status publish(const Step &step) {
    if (step.node != state.nodeIndex)
      return okStatus();
    const std::vector<int32_t> &list = route.sent[step.node];
    const ListRange part = chunkOf(list, step);
    const int32_t *rows = list.data() + part.begin;
    state.offers[slotOf(step)] = {rows, rows, part.count(), in.x, in.weights, in.ids};
    std::vector<int32_t> &lane = route.lane[step.node];
    lane.insert(lane.end(), rows, rows + part.count());
    return okStatus();
  }

  Status gather(const Step &step) {
    call.take(call.shownBy(step.device).offers[slotOf(step)], step.device,
              call.topo.rankOf(step.node, step.device), out, hidden, topK, MXS_SITE_DISPATCH_AG);
    call.settle();
    return okStatus();
  }

  Call &call;
  RankState &state;
  Route &route;
  mxs_ctx_t *ctx;
  const mxs_ag_dispatch_t &args;
  const RoutedRows in;
  const RoutedRowsOut out;
  const int64_t hidden, topK, rowBytes;
};

} // namespace

Status fusedDispatch(Call &call, mxs_ctx_t *ctx, const mxs_ag_dispatch_t &args) {
  return FusedDispatch(call, ctx, args).run();
}

} // namespace mxs
