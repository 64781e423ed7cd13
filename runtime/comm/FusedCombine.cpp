//===- FusedCombine.cpp - rs_combine, and hier-ep's combine in chunks -------------------------===//

#include "comm/Dispatch.h"
#include "comm/ScheduleRunner.h"

#include <algorithm>
#include <cstring>

namespace mxs {

namespace {

class FusedCombine {
public:
  FusedCombine(Call &call, const float *partial, float *out, int64_t hidden, mxs_ctx_t *ctx,
               const GatherAfter *after, LaneRows inside)
      : call(call), state(call.state), route(call.state.route), partial(partial), out(out),
        hidden(hidden), ctx(ctx), after(after), inside(inside) {}

  Status run() {
    if (inside.form == LaneRows::Forwarded)
      MXS_TRY(needForwarded(call));
    StepList &steps = state.combineSteps[after != nullptr];
    if (steps.empty())
      steps = buildSteps(after ? ScheduleKind::CombineGather : ScheduleKind::Combine, call.topo,
                         call.rows, state.chunks, state.self, std::move(steps));
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
                         chunkOf(route.sent[step.node], step).count() * hidden * 4,
                         state.slots[slotOf(step)]);
    case StepKind::Enter: {
      Published shown;
      shown.columns[0] = partial;
      shown.columns[1] = after ? after->x : nullptr;
      return call.publish(shown);
    }
    case StepKind::Reduce:
      return reduce(step);
    case StepKind::Send: {
      const int64_t rows = chunkOf(route.lane[step.node], step).count();
      return call.send(state.payloads[slotOf(step)], laneRank(step.node), step.chunk, rows,
                       rows * hidden * 4, MXS_SITE_COMBINE);
    }
    case StepKind::Recv: {
      Received message;
      MXS_TRY(call.receive(state.slots[slotOf(step)], MXS_SITE_COMBINE, message));
      state.sums[slotOf(step)] = reinterpret_cast<const float *>(message.payload);
      return checkSums(call, message, chunkOf(route.sent[step.node], step).count(), hidden,
                       laneRank(step.node), step.chunk);
    }
    case StepKind::Add:
      return add(step);
    case StepKind::Region:
      return compute(step);
    case StepKind::Publish: // the rows lie where Enter showed them
      return okStatus();
    case StepKind::Gather:
      return gather(step);
    default:
      return call.failure(MXS_INTERNAL, std::string("unexpected step ") + stepName(step.kind));
    }
  }

  // Sums of the lane's rows of (chunk, node): into a message, or kept for this rank's own rows.
  Status reduce(const Step &step) {
    const std::vector<int32_t> &list = route.lane[step.node];
    const ListRange part = chunkOf(list, step);
    float *to = state.ownSum.get() + part.begin * hidden;
    if (step.node != state.nodeIndex) {
      uint8_t *&payload = state.payloads[slotOf(step)];
      MXS_TRY(call.startMessage(part.count() * hidden * 4, payload));
      to = reinterpret_cast<float *>(payload);
    } else {
      state.sums[slotOf(step)] = to;
    }
    if (inside.form == LaneRows::Forwarded) {
      sumForwarded(call, to, step.node, step.first, step.rows, hidden, inside.sum);
      return okStatus();
    }
    const RankGroup node = call.topo.node(state.nodeIndex);
    const int64_t base = call.rows.globalBegin(laneRank(step.node));
    for (int64_t i = part.begin; i < part.end; ++i, to += hidden)
      call.sumDevices(node, to, hidden, inside.sum, [&](int device) {
        return static_cast<const float *>(call.shownBy(device).columns[0]) +
               (base + list[i]) * hidden;
      });
    call.settle();
    return okStatus();
  }

  Status add(const Step &step) {
    std::fill_n(out + step.first * hidden, step.rows * hidden, 0.0f);
    for (int node = 0; node < call.topo.nodes; ++node) {
      const std::vector<int32_t> &list = route.sent[node];
      const ListRange part = chunkOf(list, step);
      addRows(out, state.sums[slotOf(step.chunk, node)], list, part.begin, part.end, hidden);
    }
    return okStatus();
  }

  Status compute(const Step &step) {
    if (!after->region || step.rows == 0)
      return okStatus();
    const int64_t begin = steadyNs();
    after->region(ctx, after->frame, step.first, step.rows);
    state.clock.add(CommClock::Region, steadyNs() - begin);
    return okStatus();
  }

  Status gather(const Step &step) {
    int64_t pulled = 0;
    for (int i = 0; i < step.devices; ++i)
      pulled +=
          gatherFrom(step.device + (state.device - step.device + i) % step.devices, step.chunk);
    call.spendPace(pulled);
    return okStatus();
  }

  /// The bytes that came over a link.
  int64_t gatherFrom(int device, int chunk) {
    const int peer = call.topo.rankOf(state.nodeIndex, device);
    const int64_t owned = call.rows.ownedRows(peer);
    const int64_t first = RowMap::chunkBegin(owned, chunk, state.chunks);
    const int64_t rows = RowMap::chunkBegin(owned, chunk + 1, state.chunks) - first;
    const int64_t bytes = rows * after->width * 4;
    float *to = after->gathered + (call.rows.ownedBegin(peer) + first) * after->width;
    const float *from =
        static_cast<const float *>(call.shownBy(device).columns[1]) + first * after->width;
    if (peer != state.self)
      state.pace.begin();
    if (bytes > 0)
      std::memcpy(to, from, static_cast<size_t>(bytes));
    if (peer == state.self || bytes == 0)
      return 0;
    // Of another layer than the rest of this call.
    ByteCounters &counters = state.world.counters();
    const Site site{after->layer, MXS_SITE_ATTN_AG};
    counters.add(state.self, site, Link::Intra, Direction::Out, peer, bytes);
    counters.add(state.self, site, Link::Intra, Direction::In, state.self, bytes);
    return bytes;
  }

  Call &call;
  RankState &state;
  const Route &route;
  const float *partial;
  float *out;
  const int64_t hidden;
  mxs_ctx_t *ctx;
  const GatherAfter *after;
  const LaneRows inside;
};

} // namespace

Status fusedCombine(Call &call, const float *partial, float *out, int64_t hidden, mxs_ctx_t *ctx,
                    const GatherAfter *after, LaneRows rows) {
  return FusedCombine(call, partial, out, hidden, ctx, after, rows).run();
}

} // namespace mxs
