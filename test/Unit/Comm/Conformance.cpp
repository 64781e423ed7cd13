//===- Conformance.cpp ------------------------------------------------------------------------===//

#include "Conformance.h"
#include "Reference.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <mutex>
#include <numeric>
#include <thread>

namespace mxs::test {

Cluster::Cluster(const Topology &topo, WorldOptions options, std::vector<LinkFault> faults)
    : endRank(topo.rankCount()) {
  LoopbackOptions loopback;
  loopback.nsPerMib = options.interNsPerMib;
  loopback.latencyNs = options.interLatencyNs;
  loopback.faults = std::move(faults);
  created = World::create(topo, options, std::make_unique<LoopbackTransport>(topo, loopback), 0,
                          topo.nodes, world);
}

Cluster::Cluster(const Topology &topo, WorldOptions options, std::unique_ptr<Transport> transport,
                 int node)
    : firstRank(topo.rankOf(node, 0)), endRank(topo.rankOf(node + 1, 0)) {
  created = World::create(topo, options, std::move(transport), node, node + 1, world);
}

std::vector<Status> Cluster::run(const std::function<Status(Communicator &)> &body, int stream) {
  std::vector<Status> result(world->topology().rankCount());
  std::vector<std::thread> threads;
  for (int rank = firstRank; rank < endRank; ++rank)
    threads.emplace_back([&, rank] { result[rank] = body(world->rank(rank, stream)); });
  for (std::thread &thread : threads)
    thread.join();
  return result;
}

/// Longer than a row, so that the staging must have room for it.
static constexpr int kSharedWords = 333;

WorldOptions optionsFor(int64_t maxTokens, int64_t hidden, int64_t topK) {
  WorldOptions options;
  options.deadlineNs = 20'000'000'000;
  options.maxTokens = maxTokens;
  options.hidden = hidden;
  options.topK = topK;
  options.shareBytes = kSharedWords * 4;
  return options;
}

namespace {

// Layers keep the bytes of the checks apart. From the last on: hier-ep by chunk count, then the
// fused pair by chunk count.
enum Layer { Dense = 0, AllGatherLayer, FlatLayer, HierLayer, HybridLayer, FusedLayer };

/// Whether the fused combine of `layer` is followed by a gather: with some chunk counts in every
/// scenario, and with each count in some scenario.
bool gathers(const Scenario &s, int layer) {
  return s.topo.attnTp <= s.topo.devices && (layer + s.totalRows()) % 2 == 0;
}

/// Whose rows and sums the fused pair's are.
Method fusedMethod(const Scenario &s) {
  return s.topo.moeTp == s.topo.devices ? Method::Hybrid : Method::HierEp;
}

struct Routed {
  std::vector<float> x, weights;
  std::vector<int32_t> ids;

  Routed(int64_t rows, const Scenario &s)
      : x(rows * s.hidden, NAN), weights(rows * s.topK, NAN), ids(rows * s.topK, -7) {}
  RoutedRows in() const { return {x.data(), weights.data(), ids.data()}; }
  RoutedRowsOut out() { return {x.data(), weights.data(), ids.data()}; }
};

// The checks of one rank, on that rank's thread.
class RankCheck {
public:
  RankCheck(const Scenario &s, Communicator &comm, std::vector<std::string> &problems,
            std::mutex &mutex)
      : s(s), comm(comm), self(comm.rank()), first(s.ownedFirst[self]), owned(s.owned(self)),
        problems(problems), mutex(mutex) {}

  Status run(const std::vector<int> &chunkCounts) {
    MXS_TRY(comm.beginStep(s.rows, 1));
    MXS_TRY(dense());
    MXS_TRY(allGatherMethod());
    MXS_TRY(routed(FlatLayer, MXS_FLAT_EP, Method::FlatEp));
    MXS_TRY(routed(HierLayer, MXS_HIER_EP, Method::HierEp));
    int layer = FusedLayer;
    for (int chunks : chunkCounts) {
      MXS_TRY(comm.beginStep(s.rows, chunks));
      MXS_TRY(routed(layer++, MXS_HIER_EP, Method::HierEp));
    }
    if (!s.topo.expertGroupsInsideNodes())
      return okStatus();
    MXS_TRY(hybrid());
    for (int chunks : chunkCounts) {
      MXS_TRY(comm.beginStep(s.rows, chunks));
      MXS_TRY(fused(layer++, chunks));
    }
    return okStatus();
  }

private:
  void report(const std::string &text) {
    std::lock_guard<std::mutex> lock(mutex);
    if (problems.size() < 8)
      problems.push_back("rank " + std::to_string(self) + ": " + text);
  }
  void same(const char *what, int64_t row, float got, float expected) {
    if (std::memcmp(&got, &expected, sizeof got) != 0 && !(got == 0 && expected == 0))
      report(std::string(what) + " row " + std::to_string(row) + ": got " + std::to_string(got) +
             ", expected " + std::to_string(expected));
  }

  int64_t groupFirst() const { return s.ownedFirst[self / s.topo.attnTp * s.topo.attnTp]; }
  float inGroup(float value) const {
    return s.shared(value, self / s.topo.attnTp * s.topo.attnTp, s.topo.attnTp);
  }
  int64_t groupRows() const { return s.groupTokens[self / s.topo.attnTp]; }

  Routed ownedRows() const {
    Routed in(owned, s);
    fillOwned(in, 0, owned);
    return in;
  }
  void fillOwned(Routed &in, int64_t begin, int64_t count) const {
    for (int64_t i = begin; i < begin + count; ++i) {
      for (int64_t h = 0; h < s.hidden; ++h)
        in.x[i * s.hidden + h] = s.x(first + i, h);
      for (int64_t k = 0; k < s.topK; ++k) {
        in.weights[i * s.topK + k] = s.weight(first + i, k);
        in.ids[i * s.topK + k] = s.ids[(first + i) * s.topK + k];
      }
    }
  }
  std::vector<float> groupPartials() const {
    std::vector<float> in(groupRows() * s.hidden);
    for (int64_t row = 0; row < groupRows(); ++row)
      for (int64_t h = 0; h < s.hidden; ++h)
        in[row * s.hidden + h] = s.attention(self, groupFirst() + row, h);
    return in;
  }
  // Rows that did not arrive are not to be read: they hold NaN.
  std::vector<float> expertPartials(Method method) const {
    std::vector<float> out(s.totalRows() * s.hidden, NAN);
    for (int64_t row = 0; row < s.totalRows(); ++row)
      if (arrives(s, method, self, row))
        for (int64_t h = 0; h < s.hidden; ++h)
          out[row * s.hidden + h] = s.expert(self, row, h);
    return out;
  }

  void checkReceived(const char *what, Method method, const Routed &got) {
    for (int64_t row = 0; row < s.totalRows(); ++row) {
      const bool here = arrives(s, method, self, row) && s.ids[row * s.topK] >= 0;
      for (int64_t k = 0; k < s.topK; ++k) {
        const int32_t expected = here ? s.ids[row * s.topK + k] : -1;
        if (got.ids[row * s.topK + k] != expected)
          report(std::string(what) + " id of row " + std::to_string(row) + ": got " +
                 std::to_string(got.ids[row * s.topK + k]) + ", expected " +
                 std::to_string(expected));
        if (here)
          same(what, row, got.weights[row * s.topK + k], s.weight(row, k));
      }
      for (int64_t h = 0; here && h < s.hidden; ++h)
        same(what, row, got.x[row * s.hidden + h], received(s, method, self, row, h));
    }
  }
  void checkCombined(const char *what, Method method, const std::vector<float> &got) {
    for (int64_t i = 0; i < owned; ++i)
      for (int64_t h = 0; h < s.hidden; ++h) {
        const float value = got[i * s.hidden + h];
        same(what, first + i, value, combined(s, method, first + i, h));
        if (!(std::abs(value - combinedExact(s, first + i, h)) <
              1e-5 + roundingOf(s, first + i, h)))
          report(std::string(what) + " differs from the sum in double");
      }
  }

  Status dense() {
    const std::vector<float> partial = groupPartials();
    std::vector<float> own(owned * s.hidden, NAN), group(groupRows() * s.hidden, NAN);
    MXS_TRY(comm.reduceScatter({Dense, MXS_SITE_ATTN_RS}, partial.data(), own.data(), s.hidden,
                               MXS_ROWS_GROUP, MXS_ROWS_OWNED));
    for (int64_t i = 0; i < owned; ++i)
      for (int64_t h = 0; h < s.hidden; ++h)
        same("attn_rs", i, own[i * s.hidden + h], attentionSum(s, self, first + i, h));
    MXS_TRY(comm.allGather({Dense, MXS_SITE_ATTN_AG}, own.data(), group.data(), s.hidden,
                           MXS_ROWS_OWNED, MXS_ROWS_GROUP));
    std::vector<float> inPlace = partial;
    MXS_TRY(comm.allReduce({Dense, MXS_SITE_EMBED_RS}, inPlace.data(), inPlace.data(), s.hidden));
    for (int64_t i = 0; i < groupRows(); ++i)
      for (int64_t h = 0; h < s.hidden; ++h) {
        const float expected = inGroup(attentionSum(s, self, groupFirst() + i, h));
        same("attn_ag", i, group[i * s.hidden + h], expected);
        same("all_reduce", i, inPlace[i * s.hidden + h], expected);
      }

    std::vector<float> asked, expected;
    const std::vector<uint8_t> &flags = s.asked[self / s.topo.attnTp];
    for (int64_t row = 0; row < groupRows(); ++row)
      for (int64_t h = 0; flags[row] && h < s.hidden; ++h) {
        const float value = s.x(groupFirst() + row, h);
        expected.push_back(inGroup(value));
        if (s.home[groupFirst() + row] == self)
          asked.push_back(value);
      }
    std::vector<float> all(expected.size(), NAN);
    MXS_TRY(comm.allGather({Dense, MXS_SITE_LM_HEAD_AG}, asked.data(), all.data(), s.hidden,
                           MXS_ROWS_ASKED_OWNED, MXS_ROWS_ASKED));
    if (all != expected)
      report("lm_head_ag differs");
    return shared();
  }

  Status shared() {
    const int first = self / s.topo.attnTp * s.topo.attnTp;
    std::vector<int32_t> own(kSharedWords), all(size_t(s.topo.attnTp) * kSharedWords, -1);
    for (int i = 0; i < kSharedWords; ++i)
      own[size_t(i)] = self * 1000 + i;
    MXS_TRY(comm.share({Dense, MXS_SITE_SAMPLE}, own.data(), all.data(), kSharedWords * 4));
    for (int i = 0; i < int(all.size()); ++i)
      if (all[size_t(i)] != (first + i / kSharedWords) * 1000 + i % kSharedWords)
        report("word " + std::to_string(i) + " of share: got " + std::to_string(all[size_t(i)]));
    return okStatus();
  }

  Status allGatherMethod() {
    const Routed in = ownedRows();
    Routed got(s.totalRows(), s);
    MXS_TRY(comm.allGatherRouted({AllGatherLayer, MXS_SITE_DISPATCH_AG}, in.in(), got.out(),
                                 s.hidden, s.topK, MXS_ROWS_OWNED, MXS_ROWS_RECEIVED));
    checkReceived("all_gather", Method::AllGather, got);
    const std::vector<float> partial = expertPartials(Method::AllGather);
    std::vector<float> out(owned * s.hidden, NAN);
    MXS_TRY(comm.reduceScatter({AllGatherLayer, MXS_SITE_COMBINE_RS}, partial.data(), out.data(),
                               s.hidden, MXS_ROWS_RECEIVED, MXS_ROWS_OWNED));
    checkCombined("reduce_scatter", Method::AllGather, out);
    return okStatus();
  }

  Status routed(int layer, mxs_method_t method, Method reference) {
    const std::string name = (method == MXS_FLAT_EP ? "flat-ep in " : "hier-ep in ") +
                             std::to_string(comm.chunks()) + " chunks";
    const char *what = name.c_str();
    const Routed in = ownedRows();
    Routed got(s.totalRows(), s);
    MXS_TRY(
        comm.dispatch({layer, MXS_SITE_DISPATCH}, method, in.in(), got.out(), s.hidden, s.topK));
    checkReceived(what, reference, got);
    const std::vector<float> partial = expertPartials(reference);
    std::vector<float> out(owned * s.hidden, NAN);
    MXS_TRY(comm.combine({layer, MXS_SITE_COMBINE}, method, partial.data(), out.data(), s.hidden));
    checkCombined(what, reference, out);
    return okStatus();
  }

  Status hybrid() {
    const Routed in = ownedRows();
    const int64_t laneRows = s.rows.laneRows(s.device(self));
    Routed lane(laneRows, s), got(s.totalRows(), s);
    MXS_TRY(comm.dispatch({HybridLayer, MXS_SITE_DISPATCH}, MXS_HYBRID, in.in(), lane.out(),
                          s.hidden, s.topK));
    MXS_TRY(comm.allGatherRouted({HybridLayer, MXS_SITE_DISPATCH_AG}, lane.in(), got.out(),
                                 s.hidden, s.topK, MXS_ROWS_LANE, MXS_ROWS_RECEIVED));
    checkReceived("hybrid", Method::Hybrid, got);
    const std::vector<float> partial = expertPartials(Method::Hybrid);
    std::vector<float> sums(laneRows * s.hidden, NAN), out(owned * s.hidden, NAN);
    MXS_TRY(comm.reduceScatter({HybridLayer, MXS_SITE_COMBINE_RS}, partial.data(), sums.data(),
                               s.hidden, MXS_ROWS_RECEIVED, MXS_ROWS_LANE));
    MXS_TRY(comm.combine({HybridLayer, MXS_SITE_COMBINE}, MXS_HYBRID, sums.data(), out.data(),
                         s.hidden));
    checkCombined("hybrid", Method::Hybrid, out);
    return okStatus();
  }

  // With an attention group inside the node the region must find the reduced rows of its chunk.
  Status fused(int layer, int chunks) {
    const std::string what = "fused in " + std::to_string(chunks) + " chunks";
    const Method method = fusedMethod(s);
    const bool reduce = !s.topo.attnRanks(self).spansNodes();
    const std::vector<float> partial = groupPartials();
    std::vector<float> reduced(owned * s.hidden, NAN);
    Routed in(owned, s), got(s.totalRows(), s);
    auto region = [&](int64_t begin, int64_t count) {
      for (int64_t i = begin; reduce && i < begin + count; ++i)
        for (int64_t h = 0; h < s.hidden; ++h)
          same(what.c_str(), i, reduced[i * s.hidden + h], attentionSum(s, self, first + i, h));
      fillOwned(in, begin, count);
    };
    mxs_ag_dispatch_t args = {};
    args.partial = reduce ? partial.data() : nullptr;
    args.reduced = reduce ? reduced.data() : nullptr;
    args.region = [](mxs_ctx_t *, void *frame, int64_t begin, int64_t count) {
      (*static_cast<decltype(region) *>(frame))(begin, count);
    };
    args.frame = &region;
    args.x = in.x.data();
    args.weights = in.weights.data();
    args.ids = in.ids.data();
    args.out_x = got.x.data();
    args.out_weights = got.weights.data();
    args.out_ids = got.ids.data();
    args.hidden = s.hidden;
    args.top_k = s.topK;
    MXS_TRY(comm.agDispatch(nullptr, layer, args));
    checkReceived(what.c_str(), method, got);

    const std::vector<float> experts = expertPartials(method);
    std::vector<float> out(owned * s.hidden, NAN);
    if (gathers(s, layer))
      MXS_TRY(combineAndGather(what, layer, experts, out));
    else
      MXS_TRY(comm.rsCombine(layer, experts.data(), out.data(), s.hidden));
    checkCombined(what.c_str(), method, out);
    return okStatus();
  }

  // The region doubles the sums; the group gets what it made.
  Status combineAndGather(const std::string &what, int layer, const std::vector<float> &experts,
                          std::vector<float> &out) {
    std::vector<float> doubled(owned * s.hidden, NAN), all(groupRows() * s.hidden, NAN);
    auto region = [&](int64_t begin, int64_t count) {
      for (int64_t i = begin * s.hidden; i < (begin + count) * s.hidden; ++i)
        doubled[i] = 2 * out[i];
    };
    GatherAfter after = {};
    after.region = [](mxs_ctx_t *, void *frame, int64_t begin, int64_t count) {
      (*static_cast<decltype(region) *>(frame))(begin, count);
    };
    after.frame = &region;
    after.x = doubled.data();
    after.gathered = all.data();
    after.width = s.hidden;
    after.layer = layer;
    MXS_TRY(comm.rsCombineGather(nullptr, layer, experts.data(), out.data(), s.hidden, after));
    for (int64_t i = 0; i < groupRows(); ++i)
      for (int64_t h = 0; h < s.hidden; ++h)
        same((what + ", gathered").c_str(), i, all[i * s.hidden + h],
             2 * combined(s, fusedMethod(s), groupFirst() + i, h));
    return okStatus();
  }

  const Scenario &s;
  Communicator &comm;
  const int self;
  const int64_t first, owned;
  std::vector<std::string> &problems;
  std::mutex &mutex;
};

} // namespace

static ByteModel expectedBytes(const Scenario &s, const std::vector<int> &chunkCounts) {
  ByteModel model(s);
  model.reduceScatter(Dense, MXS_SITE_ATTN_RS, s.topo.attnTp);
  model.allGather(Dense, MXS_SITE_ATTN_AG, s.topo.attnTp, model.ownedRows(), {s.hidden, 0});
  model.reduceScatter(Dense, MXS_SITE_EMBED_RS, s.topo.attnTp);
  model.allGather(Dense, MXS_SITE_EMBED_RS, s.topo.attnTp, model.ownedRows(), {s.hidden, 0});
  model.allGather(Dense, MXS_SITE_LM_HEAD_AG, s.topo.attnTp, model.askedRows(), {s.hidden, 0});
  model.allGather(Dense, MXS_SITE_SAMPLE, s.topo.attnTp,
                  std::vector<int64_t>(size_t(s.ranks()), 1), {0, 4 * kSharedWords});
  model.allGatherMethod(AllGatherLayer);
  model.flatEp(FlatLayer);
  model.hierEp(HierLayer);
  const int counts = static_cast<int>(chunkCounts.size());
  for (int i = 0; i < counts; ++i)
    model.hierEp(FusedLayer + i);
  if (!s.topo.expertGroupsInsideNodes())
    return model;
  model.hybrid(HybridLayer);
  for (int layer = FusedLayer + counts; layer < FusedLayer + 2 * counts; ++layer) {
    model.fused(layer);
    if (s.topo.attnTp <= s.topo.devices)
      model.reduceScatter(layer, MXS_SITE_ATTN_RS, s.topo.attnTp);
    if (gathers(s, layer))
      model.allGather(layer, MXS_SITE_ATTN_AG, s.topo.attnTp, model.ownedRows(), {s.hidden, 0});
  }
  return model;
}

std::vector<std::string> checkScenario(Cluster &cluster, const Scenario &scenario,
                                       const std::vector<int> &chunkCounts, int stream) {
  Scenario s = scenario;
  s.wire = cluster.world->options().wire;
  std::vector<std::string> problems;
  std::mutex mutex;
  const bool countsBytes = cluster.world->options().streams == 1;
  if (countsBytes)
    cluster.world->counters().clear();
  const std::vector<Status> statuses = cluster.run(
      [&](Communicator &comm) { return RankCheck(s, comm, problems, mutex).run(chunkCounts); },
      stream);
  for (const Status &status : statuses)
    if (!status.ok())
      problems.push_back("status: " + status.message());
  if (problems.empty() && countsBytes)
    problems = expectedBytes(s, chunkCounts)
                   .compare(cluster.world->counters().rows(), cluster.firstRank, cluster.endRank);
  if (problems.size() > 8)
    problems.resize(8);
  return problems;
}

int64_t collectivesOf(const Topology &topo, const std::vector<int> &chunkCounts) {
  const int64_t dense = 5, routed = 3 * 2, hybrid = 4, chunked = 2 * int64_t(chunkCounts.size());
  return dense + routed + chunked + (topo.expertGroupsInsideNodes() ? hybrid + chunked : 0);
}

std::vector<Topology> layoutsOf(int nodes, int devices) {
  std::vector<Topology> result;
  const int ranks = nodes * devices;
  for (int attnTp = 1; attnTp <= ranks; ++attnTp)
    for (int moeTp = 1; moeTp <= ranks; ++moeTp) {
      Topology topo;
      topo.nodes = nodes;
      topo.devices = devices;
      topo.attnTp = attnTp;
      topo.moeTp = moeTp;
      topo.experts = (attnTp + moeTp) % 3 == 0 ? 3 : 11; // fewer than ranks; uneven
      if (topo.check().ok())
        result.push_back(topo);
    }
  return result;
}

// Tokens of each group: none, one, odd, uneven with empty groups, more than a page of floats.
static std::vector<std::vector<int64_t>> batchesOf(const Topology &topo) {
  const int groups = topo.attnGroups();
  std::vector<std::vector<int64_t>> result;
  result.push_back(std::vector<int64_t>(groups, 0));
  result.push_back(std::vector<int64_t>(groups, 0));
  result.back().back() = 1;
  result.push_back(std::vector<int64_t>(groups, 7));
  std::vector<int64_t> uneven(groups), large(groups, 16);
  for (int g = 0; g < groups; ++g)
    uneven[g] = g % 3 == 1 ? 0 : 3 + 5 * g;
  large[0] = 161;
  result.push_back(uneven);
  result.push_back(large);
  return result;
}

int64_t maxTokensOf(const Topology &topo) {
  int64_t most = 0;
  for (const std::vector<int64_t> &batch : batchesOf(topo))
    most = std::max(most, std::accumulate(batch.begin(), batch.end(), int64_t(0)));
  return most;
}

std::vector<std::string> checkStreams(Cluster &cluster, const Topology &topo) {
  std::vector<std::string> problems[kMaxStreams];
  std::vector<std::thread> streams;
  for (int stream = 0; stream < kMaxStreams; ++stream)
    streams.emplace_back([&, stream] {
      problems[stream] = checkLayout(cluster, topo, stream);
      for (std::string &problem : problems[stream])
        problem = "stream " + std::to_string(stream) + ", " + problem;
    });
  for (std::thread &stream : streams)
    stream.join();
  problems[0].insert(problems[0].end(), problems[1].begin(), problems[1].end());
  return problems[0];
}

std::vector<std::string> checkLayout(Cluster &cluster, const Topology &topo, int stream) {
  unsigned seed = 1;
  // Streams begin at different places, so that what they mix up differs.
  std::vector<std::vector<int64_t>> batches = batchesOf(topo);
  std::rotate(batches.begin(), batches.begin() + 2 * stream, batches.end());
  for (const std::vector<int64_t> &batch : batches)
    for (Routing routing : {Routing::Uniform, Routing::OneExpert, Routing::Random}) {
      const int64_t topK = 1 + seed % 3;
      const Scenario scenario(topo, batch, routing, topK, ++seed);
      const std::vector<int> chunks =
          scenario.totalRows() > 60 ? std::vector<int>{1, 4} : std::vector<int>{1, 2, 3, 11};
      std::vector<std::string> problems = checkScenario(cluster, scenario, chunks, stream);
      for (std::string &problem : problems)
        problem = scenario.name() + " top-k " + std::to_string(topK) + ": " + problem;
      if (!problems.empty())
        return problems;
    }
  return {};
}

} // namespace mxs::test
