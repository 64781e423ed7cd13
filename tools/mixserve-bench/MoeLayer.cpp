//===- MoeLayer.cpp - One MoE layer's communication on one rank -----------===//
#include "tools/mixserve-bench/MoeLayer.h"

#include "comm/Trace.h"
#include "kernels/cpu/Kernels.h"
#include "kernels/cpu/PackedLinear.h"
#include "threads/ThreadPool.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>
#include <thread>

using namespace mixserve::tools;
using mxs::Status;

//===----------------------------------------------------------------------===//
// Values: the same on every layout, so that results can be compared
//===----------------------------------------------------------------------===//

static uint32_t mix(uint64_t a, uint64_t b) {
  uint64_t h = (a + 1) * 0x9e3779b97f4a7c15u ^ (b + 1) * 0xc2b2ae3d27d4eb4fu;
  h ^= h >> 29;
  h *= 0xbf58476d1ce4e5b9u;
  return static_cast<uint32_t>(h >> 32);
}

/// Attention's output of a row is n / 256 with a whole n; member i of `members` ranks holds a part
/// of it that is one too: sums are exact in any order.
static float attentionPart(const LayerShape &shape, int64_t row, int64_t h, int member,
                           int members) {
  // bf16 holds whole numbers up to 256: what a node's members add up to is not rounded either, so
  // that every row is routed as in the plain computation.
  const int64_t values = shape.wire == mxs::WireType::BF16 ? 256 : 2048;
  const int64_t n = int64_t(mix(static_cast<uint64_t>(row), static_cast<uint64_t>(h))) % values;
  return static_cast<float>((n + member) / members - (member == 0 ? values / 2 : 0)) /
         static_cast<float>(values / 8);
}

static float residualValue(int64_t row, int64_t h) {
  return static_cast<float>(mix(static_cast<uint64_t>(row), ~static_cast<uint64_t>(h)) % 512) /
             256 -
         1;
}

static float expertFactor(int64_t expert) { return 1 + static_cast<float>(expert % 7) / 8; }

/// out = x / rms(x), in sixteen sums so that it runs on vectors.
static void rmsNorm(const float *x, float *out, int64_t hidden) {
  constexpr int64_t kSums = 16;
  float sums[kSums] = {};
  int64_t h = 0;
  for (; h + kSums <= hidden; h += kSums)
    for (int64_t i = 0; i < kSums; ++i)
      sums[i] += x[h + i] * x[h + i];
  float sum = 0;
  for (float part : sums)
    sum += part;
  for (; h < hidden; ++h)
    sum += x[h] * x[h];
  const float scale = 1.0f / std::sqrt(sum / static_cast<float>(hidden) + 1e-6f);
  for (h = 0; h < hidden; ++h)
    out[h] = x[h] * scale;
}

const char *mixserve::tools::wireName(mxs::WireType wire) {
  return wire == mxs::WireType::BF16 ? "bf16" : "f32";
}

std::vector<LayerMethod> mixserve::tools::layerMethods(const LayerShape &shape,
                                                       const std::vector<int64_t> &chunks) {
  const int devices = shape.devices, all = shape.nodes * shape.devices;
  std::vector<LayerMethod> methods = {
      {LayerMethod::Sequential, "sequential", devices, devices},
      {LayerMethod::Hybrid, "hybrid", devices, devices},
  };
  for (int64_t count : chunks)
    methods.push_back(
        {LayerMethod::Fused, "hybrid-fused-apart", devices, devices, static_cast<int>(count)});
  for (int64_t count : chunks)
    methods.push_back(
        {LayerMethod::FusedGather, "hybrid-fused", devices, devices, static_cast<int>(count)});
  methods.push_back({LayerMethod::HierEp, "hier-ep", devices, 1});
  for (int64_t count : chunks)
    if (count > 1)
      methods.push_back({LayerMethod::HierEp, "hier-ep", devices, 1, static_cast<int>(count)});
  if (devices > 1)
    for (int64_t count : chunks)
      methods.push_back(
          {LayerMethod::FusedGather, "hybrid-fused-ep", devices, 1, static_cast<int>(count)});
  methods.push_back({LayerMethod::FlatEp, "flat-ep", devices, 1});
  methods.push_back({LayerMethod::FlatEp, "flat-ep-dp", 1, 1});
  methods.push_back({LayerMethod::AllGather, "allgather", devices, devices});
  methods.push_back({LayerMethod::AllGather, "flat-tp", all, all});
  return methods;
}

//===----------------------------------------------------------------------===//
// Router
//===----------------------------------------------------------------------===//

LayerRouter::LayerRouter(const LayerShape &shape) : shape(shape) {
  // Popular experts are spread over the ids, as the planner's Zipf load spreads them.
  int64_t step = std::max<int64_t>(1, std::llround(0.618 * static_cast<double>(shape.experts)));
  while (std::gcd(step, shape.experts) != 1)
    ++step;
  popularity.resize(static_cast<size_t>(shape.experts));
  for (int64_t i = 0; i < shape.experts; ++i)
    popularity[static_cast<size_t>(i * step % shape.experts)] =
        static_cast<float>(-shape.zipf * std::log(static_cast<double>(i + 1)));
  const int64_t bytes = mxs_weight_data_bytes(MXS_WEIGHT_F32, shape.experts, shape.hidden);
  memory = std::make_unique<float[]>(static_cast<size_t>(bytes / 4 + 16));
  auto address = reinterpret_cast<uintptr_t>(memory.get());
  auto *data = reinterpret_cast<uint8_t *>((address + 63) / 64 * 64);
  // Logits of normed rows with the spread of a Gumbel variable: with it, the K largest of
  // log(p) + logit are close to K draws from p.
  const double scale = M_PI / std::sqrt(6.0) * std::sqrt(3.0 / static_cast<double>(shape.hidden));
  for (int64_t e = 0; e < shape.experts; ++e)
    for (int64_t h = 0; h < shape.hidden; ++h) {
      const auto at = mxs_weight_data_offset(MXS_WEIGHT_F32, shape.hidden, e, h);
      const double unit = mix(static_cast<uint64_t>(e + 1'000'003), static_cast<uint64_t>(h)) *
                              (2.0 / 4294967296.0) -
                          1;
      *reinterpret_cast<float *>(data + at) = static_cast<float>(scale * unit);
    }
  weight.layout = mxs::WeightLayout::N64;
  weight.n = shape.experts;
  weight.k = shape.hidden;
  weight.data = data;
}

void LayerRouter::route(mxs::cpu::Workspace &space, const float *x, int64_t rows, float *logits,
                        float *weights, int32_t *ids) const {
  const int64_t experts = shape.experts, topK = shape.topK;
  mxs::cpu::packedLinear(mxs::cpu::Engine::process(), mxs::ThreadPool::process(), space, x, weight,
                         0, logits, rows);
  std::vector<float> scores(static_cast<size_t>(experts));
  for (int64_t row = 0; row < rows; ++row) {
    float *line = logits + row * experts;
    for (int64_t e = 0; e < experts; ++e)
      line[e] += popularity[static_cast<size_t>(e)];
    mxs::cpu::routeRow(line, experts, topK, mxs::cpu::RouteScore::Softmax, /*normalize=*/true, 1.0f,
                       scores.data(), weights + row * topK, ids + row * topK);
  }
}

//===----------------------------------------------------------------------===//
// The layer
//===----------------------------------------------------------------------===//

MoeLayer::MoeLayer(mxs::Communicator &comm, const mxs::Topology &topology, const mxs::RowMap &rows,
                   const LayerShape &shape, const LayerRouter &router)
    : comm(comm), topo(topology), rows(rows), shape(shape), router(router),
      owned(rows.ownedRows(comm.rank())), groupRows(rows.groupRows(topo.attnGroup(comm.rank()))),
      partial(groupRows * shape.hidden), reduced(groupRows * shape.hidden),
      before(owned * shape.hidden), residual(before.size()), x(owned * shape.hidden),
      weights(owned * shape.topK), logits(owned * shape.experts), ids(owned * shape.topK),
      lane(rows.laneRows(topo.deviceOf(comm.rank())), shape), received(rows.totalRows(), shape),
      parts(received.x.size()), laneSums(lane.x.size()), combined(owned * shape.hidden),
      normed(owned * shape.hidden), gathered(groupRows * shape.hidden) {
  const int group = topo.attnGroup(comm.rank()), member = topo.attnCoord(comm.rank());
  for (int64_t row = 0; row < groupRows; ++row)
    for (int64_t h = 0; h < shape.hidden; ++h)
      partial[row * shape.hidden + h] =
          attentionPart(shape, rows.groupBegin(group) + row, h, member, topo.attnTp);
  for (int64_t row = 0; row < owned; ++row)
    for (int64_t h = 0; h < shape.hidden; ++h)
      before[row * shape.hidden + h] = residualValue(rows.globalBegin(comm.rank()) + row, h);
}

/// Between attention and dispatch, on owned rows [first, first + count).
void MoeLayer::region(int64_t first, int64_t count) {
  const int64_t hidden = shape.hidden;
  for (int64_t row = first; row < first + count; ++row) {
    float *sum = residual.data() + row * hidden;
    const float *attention = reduced.data() + row * hidden;
    for (int64_t h = 0; h < hidden; ++h)
      sum[h] = before[row * hidden + h] + attention[h];
    rmsNorm(sum, x.data() + row * hidden, hidden);
  }
  router.route(space, x.data() + first * hidden, count, logits.data() + first * shape.experts,
               weights.data() + first * shape.topK, ids.data() + first * shape.topK);
}

/// What this rank's experts give. Left out: each row itself, so that nothing is computed or copied.
const float *MoeLayer::experts() {
  const int64_t hidden = shape.hidden, topK = shape.topK;
  const int64_t first = topo.firstExpert(comm.rank()), end = topo.endExpert(comm.rank());
  const auto here = [&](int32_t id) { return id >= first && id < end; };
  if (shape.expertNsPerRow > 0) {
    const auto pairs = std::count_if(received.ids.begin(), received.ids.end(), here);
    const double ns = static_cast<double>(pairs) * shape.expertNsPerRow / topo.moeTp;
    const mxs::ThreadPool::Waiting elsewhere(mxs::ThreadPool::process());
    std::this_thread::sleep_for(std::chrono::nanoseconds(static_cast<int64_t>(ns)));
  }
  if (!checked)
    return received.x.data();
  for (int64_t row = 0; row < rows.totalRows(); ++row) {
    float weight = 0;
    for (int64_t k = 0; k < topK; ++k)
      if (here(received.ids[row * topK + k]))
        weight += received.weights[row * topK + k] * expertFactor(received.ids[row * topK + k]);
    weight /= static_cast<float>(topo.moeTp);
    for (int64_t h = 0; h < hidden; ++h)
      parts[row * hidden + h] = weight == 0 ? 0 : received.x[row * hidden + h] * weight;
  }
  return parts.data();
}

Status MoeLayer::reduceAttention(const LayerMethod &method) {
  const mxs::Site site{0, MXS_SITE_ATTN_RS};
  if (topo.attnTp == 1) { // attention DP: nothing to add
    std::copy_n(partial.begin(), owned * shape.hidden, reduced.begin());
    return mxs::okStatus();
  }
  if (method.kind != LayerMethod::Sequential)
    return comm.reduceScatter(site, partial.data(), reduced.data(), shape.hidden, MXS_ROWS_GROUP,
                              MXS_ROWS_OWNED);
  MXS_TRY(comm.allReduce(site, partial.data(), gathered.data(), shape.hidden));
  std::copy_n(gathered.begin() + rows.ownedBegin(comm.rank()) * shape.hidden, owned * shape.hidden,
              reduced.begin());
  return mxs::okStatus();
}

Status MoeLayer::exchangeFused(bool gathers) {
  mxs_ag_dispatch_t args = {};
  args.partial = partial.data();
  args.reduced = reduced.data();
  args.region = [](mxs_ctx_t *, void *frame, int64_t first, int64_t count) {
    static_cast<MoeLayer *>(frame)->region(first, count);
  };
  args.frame = this;
  args.x = x.data();
  args.weights = weights.data();
  args.ids = ids.data();
  args.out_x = received.x.data();
  args.out_weights = received.weights.data();
  args.out_ids = received.ids.data();
  args.hidden = shape.hidden;
  args.top_k = shape.topK;
  MXS_TRY(comm.agDispatch(nullptr, 0, args));
  if (!gathers)
    return comm.rsCombine(0, experts(), combined.data(), shape.hidden);
  mxs::GatherAfter after = {};
  after.region = [](mxs_ctx_t *, void *frame, int64_t first, int64_t count) {
    static_cast<MoeLayer *>(frame)->nextRegion(first, count);
  };
  after.frame = this;
  after.x = normed.data();
  after.gathered = gathered.data();
  after.width = shape.hidden;
  after.layer = 1;
  return comm.rsCombineGather(nullptr, 0, experts(), combined.data(), shape.hidden, after);
}

/// `sequential`: the sums over the node are gathered as well, as an all_reduce does.
Status MoeLayer::exchangeHybrid(bool sequential) {
  const int64_t hidden = shape.hidden, topK = shape.topK;
  const mxs::RoutedRows in{x.data(), weights.data(), ids.data()};
  MXS_TRY(comm.dispatch({0, MXS_SITE_DISPATCH}, MXS_HYBRID, in, lane.out(), hidden, topK));
  MXS_TRY(comm.allGatherRouted({0, MXS_SITE_DISPATCH_AG}, lane.in(), received.out(), hidden, topK,
                               MXS_ROWS_LANE, MXS_ROWS_RECEIVED));
  MXS_TRY(comm.reduceScatter({0, MXS_SITE_COMBINE_RS}, experts(), laneSums.data(), hidden,
                             MXS_ROWS_RECEIVED, MXS_ROWS_LANE));
  if (sequential)
    MXS_TRY(comm.allGatherRouted({0, MXS_SITE_COMBINE_RS},
                                 {laneSums.data(), lane.weights.data(), lane.ids.data()},
                                 received.out(), hidden, topK, MXS_ROWS_LANE, MXS_ROWS_RECEIVED));
  return comm.combine({0, MXS_SITE_COMBINE}, MXS_HYBRID, laneSums.data(), combined.data(), hidden);
}

Status MoeLayer::exchange(const LayerMethod &method) {
  const int64_t hidden = shape.hidden, topK = shape.topK;
  const mxs::RoutedRows in{x.data(), weights.data(), ids.data()};
  const mxs::Site dispatch{0, MXS_SITE_DISPATCH}, combine{0, MXS_SITE_COMBINE};
  switch (method.kind) {
  case LayerMethod::Sequential:
  case LayerMethod::Hybrid:
    return exchangeHybrid(method.kind == LayerMethod::Sequential);
  case LayerMethod::Fused:
  case LayerMethod::FusedGather:
    return exchangeFused(gathersFused(method));
  case LayerMethod::AllGather:
    MXS_TRY(comm.allGatherRouted({0, MXS_SITE_DISPATCH_AG}, in, received.out(), hidden, topK,
                                 MXS_ROWS_OWNED, MXS_ROWS_RECEIVED));
    return comm.reduceScatter({0, MXS_SITE_COMBINE_RS}, experts(), combined.data(), hidden,
                              MXS_ROWS_RECEIVED, MXS_ROWS_OWNED);
  case LayerMethod::FlatEp:
  case LayerMethod::HierEp:
    break;
  }
  const mxs_method_t which = method.kind == LayerMethod::FlatEp ? MXS_FLAT_EP : MXS_HIER_EP;
  MXS_TRY(comm.dispatch(dispatch, which, in, received.out(), hidden, topK));
  return comm.combine(combine, which, experts(), combined.data(), hidden);
}

/// Between combine and the next attention, on owned rows [first, first + count).
void MoeLayer::nextRegion(int64_t first, int64_t count) {
  const int64_t hidden = shape.hidden;
  float *out = (topo.attnTp == 1 ? gathered : normed).data();
  for (int64_t row = first; row < first + count; ++row) {
    float *sum = residual.data() + row * hidden;
    for (int64_t h = 0; h < hidden; ++h)
      sum[h] += combined[row * hidden + h];
    rmsNorm(sum, out + row * hidden, hidden);
  }
}

Status MoeLayer::gatherInNode() {
  return comm.allGather({1, MXS_SITE_ATTN_AG}, normed.data(), gathered.data(), shape.hidden,
                        MXS_ROWS_OWNED, MXS_ROWS_GROUP);
}

Status MoeLayer::run(const LayerMethod &method) {
  MXS_TRY(comm.beginStep(rows, method.chunks));
  if (!method.isFused()) {
    MXS_TRY(reduceAttention(method));
    region(0, owned);
  }
  MXS_TRY(exchange(method));
  if (gathersFused(method))
    return mxs::okStatus(); // the rest is in its schedule
  nextRegion(0, owned);
  return topo.attnTp == 1 ? mxs::okStatus() : gatherInNode();
}

Status MoeLayer::sendToNodes() {
  return comm.dispatch({0, MXS_SITE_DISPATCH}, MXS_HYBRID, {x.data(), weights.data(), ids.data()},
                       lane.out(), shape.hidden, shape.topK);
}

std::string MoeLayer::check() {
  const int64_t hidden = shape.hidden, topK = shape.topK;
  const int64_t begin = rows.groupBegin(topo.attnGroup(comm.rank()));
  std::vector<float> sum(hidden), row(hidden), expected(hidden), scores(shape.experts),
      chosen(topK);
  std::vector<int32_t> experts(topK);
  // A row is at most 2.5, and rounded to 2^-9 of that up to three times: to the experts, back, and
  // to the next attention. An expert too many or too few makes it 0.07.
  const float most = shape.wire == mxs::WireType::BF16 ? 1.0f / 64 : 1e-4f;
  for (int64_t i = comm.rank() % 3; i < groupRows; i += 5) {
    for (int64_t h = 0; h < hidden; ++h)
      sum[h] = residualValue(begin + i, h) + attentionPart(shape, begin + i, h, 0, 1);
    rmsNorm(sum.data(), row.data(), hidden);
    router.route(space, row.data(), 1, scores.data(), chosen.data(), experts.data());
    float weight = 0;
    for (int64_t k = 0; k < topK; ++k)
      weight += chosen[k] * expertFactor(experts[k]);
    for (int64_t h = 0; h < hidden; ++h)
      sum[h] += row[h] * weight;
    rmsNorm(sum.data(), expected.data(), hidden);
    for (int64_t h = 0; h < hidden; ++h)
      if (const float got = gathered[i * hidden + h]; !(std::abs(got - expected[h]) <= most))
        return "rank " + std::to_string(comm.rank()) + ", row " + std::to_string(begin + i) +
               ", element " + std::to_string(h) + ": got " + std::to_string(got) + ", expected " +
               std::to_string(expected[h]);
  }
  return "";
}
