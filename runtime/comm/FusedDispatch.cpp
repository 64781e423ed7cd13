//===- FusedDispatch.cpp - ag_dispatch, and hier-ep's dispatch in chunks ----------------------===//

#include "comm/Dispatch.h"
#include "comm/RowPacking.h"
#include "comm/ScheduleRunner.h"

#include <algorithm>

namespace mxs {

namespace {

class FusedDispatch {
public:
  FusedDispatch(Call &call, mxs_ctx_t *ctx, const mxs_ag_dispatch_t &args, LaneRows rows)
      : call(call), state(call.state), route(call.state.route), ctx(ctx), args(args), form(rows.form),
        spread(rows.spread), targets(form == LaneRows::Forwarded ? call.topo.devices : 1),
        in{args.x, args.weights, args.ids}, out{args.out_x, args.out_weights, args.out_ids},
        hidden(args.hidden), topK(args.top_k), rowBytes(routedRowBytes(hidden, topK)) {}

  Status run() {
    clearLists(route.sent);
    clearLists(route.lane);
    route.isForwarded = form == LaneRows::Forwarded;
    if (route.isForwarded) {
      clearLists(route.forwarded);
      clearLists(route.forwardedAt);
    }
    // Nothing of an older collective may be taken for rows of this one.
    std::fill_n(state.offers.begin(), state.chunks * call.topo.nodes * targets, Offer());
    std::fill_n(out.ids, call.rows.totalRows() * topK, -1);
    StepList &steps = state.dispatchSteps[args.partial != nullptr];
    if (steps.empty())
      steps = buildSteps(args.partial ? ScheduleKind::ReduceDispatch : ScheduleKind::Dispatch,
                         call.topo, call.rows, state.chunks, state.self, std::move(steps));
    return runSteps(call, steps, [&](const Step &step) { return perform(step); });
  }

private:
  int slotOf(const Step &step) const { return slotOf(step.chunk, step.node); }
  int slotOf(int chunk, int node) const { return chunk * call.topo.nodes + node; }
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
                     part.count() * rowBytes, MXS_SITE_DISPATCH,
                     part.count() * routedExactBytes(topK));
  }

  Status receive(const Step &step) {
    Received message;
    MXS_TRY(call.receive(state.slots[slotOf(step)], MXS_SITE_DISPATCH, message));
    Offer came;
    MXS_TRY(openRows(message.payload, message.rows, message.bytes, step.first,
                     step.first + step.rows, hidden, topK, came));
    offer(step, came);
    return okStatus();
  }

  // Only this node's own rows: those of other nodes were offered when they were received.
  Status publish(const Step &step) {
    if (step.node != state.nodeIndex)
      return okStatus();
    const std::vector<int32_t> &list = route.sent[step.node];
    const ListRange part = chunkOf(list, step);
    const int32_t *rows = list.data() + part.begin;
    offer(step, {rows, rows, part.count(), in.x, in.weights, in.ids});
    return okStatus();
  }

  // What the node's ranks may take of the lane's rows of (chunk, node): all of them the same, or
  // each device what is forwarded to it.
  void offer(const Step &step, const Offer &rows) {
    std::vector<int32_t> &lane = route.lane[step.node];
    lane.insert(lane.end(), rows.index, rows.index + rows.count);
    Offer *offers = &state.offers[slotOf(step) * targets];
    if (form == LaneRows::Gathered) {
      *offers = rows;
      return;
    }
    const int list = step.node * targets;
    for (int device = 0; device < targets; ++device)
      offers[device].count = static_cast<int64_t>(route.forwarded[list + device].size());
    addForwards(call, rows, step.node, topK);
    for (int device = 0; device < targets; ++device) {
      const std::vector<int32_t> &to = route.forwarded[list + device];
      const int64_t before = offers[device].count;
      offers[device] = {to.data() + before,
                        route.forwardedAt[list + device].data() + before,
                        static_cast<int64_t>(to.size()) - before,
                        rows.x,
                        rows.weights,
                        rows.ids};
    }
  }

  Status gather(const Step &step) {
    const int mine = form == LaneRows::Forwarded ? state.device : 0;
    for (int i = 0; i < step.devices; ++i) {
      const int device = step.device + (state.device - step.device + i) % step.devices;
      const Offer *offers = call.shownBy(device).offers;
      for (int k = 0; k < step.nodes; ++k) {
        const int node = (step.node + k) % call.topo.nodes;
        call.take(offers[slotOf(step.chunk, node) * targets + mine], device,
                  call.topo.rankOf(node, device), out, hidden, topK, spread);
      }
    }
    call.settle();
    return okStatus();
  }

  Call &call;
  RankState &state;
  Route &route;
  mxs_ctx_t *ctx;
  const mxs_ag_dispatch_t &args;
  const LaneRows::Form form;
  const mxs_site_t spread;
  const int targets; ///< offers of a (chunk, node)
  const RoutedRows in;
  const RoutedRowsOut out;
  const int64_t hidden, topK, rowBytes;
};

} // namespace

Status fusedDispatch(Call &call, mxs_ctx_t *ctx, const mxs_ag_dispatch_t &args, LaneRows rows) {
  return FusedDispatch(call, ctx, args, rows).run();
}

} // namespace mxs
