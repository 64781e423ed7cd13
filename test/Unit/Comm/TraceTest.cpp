//===- TraceTest.cpp - Counters and trace as text; the overlap of the fused dispatch ------------===//

#include "Conformance.h"

#include "gtest/gtest.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstring>

namespace mxs::test {

TEST(ByteCounters, JsonIsSortedByKey) {
  Topology topology;
  topology.devices = 2;
  ByteCounters counters(topology, 1);
  counters.add(1, {0, MXS_SITE_DISPATCH}, Link::Inter, Direction::Out, 1, 5);
  counters.add(0, {0, MXS_SITE_DISPATCH}, Link::Inter, Direction::Out, 1, 7);
  counters.add(0, {-1, MXS_SITE_LM_HEAD_AG}, Link::Intra, Direction::In, 0, 3);
  counters.add(0, {0, MXS_SITE_ATTN_AG}, Link::Intra, Direction::Out, 0, 0);
  EXPECT_EQ(counters.json(),
            "[{\"layer\":-1,\"op\":\"lm_head_ag\",\"link\":\"intra\",\"dir\":\"in\",\"rank\":0,"
            "\"bytes\":3},\n {\"layer\":0,\"op\":\"dispatch\",\"link\":\"inter\",\"dir\":\"out\","
            "\"rank\":1,\"bytes\":12}]");
}

/// A fused dispatch and combine on a paced 2x2 world.
static std::vector<TraceEvent> tracedDispatch(Cluster &cluster, int chunks, int64_t rowsPerRank) {
  Topology topo = cluster.world->topology();
  const Scenario s(topo, std::vector<int64_t>(topo.attnGroups(), rowsPerRank), Routing::Uniform, 2,
                   1);
  const int64_t hidden = 64;
  const std::vector<Status> statuses = cluster.run([&](Communicator &comm) {
    MXS_TRY(comm.beginStep(s.rows, chunks));
    const int64_t total = s.totalRows();
    std::vector<float> partial(rowsPerRank * hidden, 1.0f), reduced(rowsPerRank * hidden);
    std::vector<float> weights(rowsPerRank * 2, 1.0f), outX(total * hidden), outW(total * 2);
    std::vector<int32_t> ids, outIds(total * 2);
    for (int64_t row = 0; row < rowsPerRank; ++row)
      ids.insert(ids.end(), {0, 7}); // an expert on each node
    mxs_ag_dispatch_t args = {};
    args.partial = partial.data();
    args.reduced = reduced.data();
    args.x = reduced.data();
    args.weights = weights.data();
    args.ids = ids.data();
    args.out_x = outX.data();
    args.out_weights = outW.data();
    args.out_ids = outIds.data();
    args.hidden = hidden;
    args.top_k = 2;
    MXS_TRY(comm.agDispatch(nullptr, 0, args));
    std::vector<float> out(rowsPerRank * hidden);
    return comm.rsCombine(0, outX.data(), out.data(), hidden);
  });
  for (const Status &status : statuses)
    EXPECT_TRUE(status.ok()) << status.message();
  return cluster.world->trace().events();
}

static WorldOptions paced(int64_t maxTokens) {
  WorldOptions options = optionsFor(maxTokens, 64, 2);
  // A message is under way for about 0.1 s: slow beside any delay of a busy machine's scheduler.
  options.interNsPerMib = 6'000'000'000;
  options.intraNsPerMib = 1'000'000'000;
  options.trace = true;
  return options;
}

static Topology twoByTwo() {
  Topology topo;
  topo.nodes = topo.devices = 2;
  topo.experts = 8;
  return topo;
}

/// How many chunks but the last are gathered (rows from the other node) while the network carries the next.
static int overlappedChunks(int chunks) {
  Cluster cluster(twoByTwo(), paced(1024));
  const std::vector<TraceEvent> events = tracedDispatch(cluster, chunks, 256);
  int count = 0;
  for (int chunk = 0; chunk + 1 < chunks; ++chunk) {
    bool overlapped = false, flew = false;
    for (const TraceEvent &gather : events) {
      if (std::strcmp(gather.name, "gather") != 0 || gather.chunk != chunk ||
          gather.peer / 2 == gather.source / 2)
        continue;
      for (const TraceEvent &flight : events) {
        if (std::strcmp(flight.name, "in-flight") != 0 || flight.chunk != chunk + 1 ||
            flight.site.op != MXS_SITE_DISPATCH)
          continue;
        flew = true;
        overlapped |= flight.beginNs < gather.endNs && gather.beginNs < flight.endNs;
      }
    }
    EXPECT_TRUE(flew) << "chunk " << chunk + 1 << " was not traced";
    count += overlapped;
  }
  return count;
}

TEST(Trace, AChunkIsGatheredWhileTheNextIsInFlight) {
  // A processor that is taken away at the wrong moment hides one overlap, hardly three times in a row.
  int best = 0;
  for (int attempt = 0; attempt < 3 && best < 3; ++attempt)
    best = std::max(best, overlappedChunks(4));
  EXPECT_EQ(best, 3);
}

TEST(Trace, JsonHasTracksOfRanksAndLinks) {
  Cluster cluster(twoByTwo(), paced(64));
  tracedDispatch(cluster, 2, 4);
  const nlohmann::json trace = nlohmann::json::parse(cluster.world->trace().json());
  std::set<std::string> names, tracks;
  for (const nlohmann::json &event : trace.at("traceEvents")) {
    if (event.at("ph") == "M") {
      tracks.insert(event.at("args").at("name"));
      continue;
    }
    EXPECT_EQ(event.at("ph"), "X");
    EXPECT_GE(event.at("dur").get<double>(), 0);
    names.insert(event.at("name"));
  }
  for (const char *name : {"reduce", "region", "send", "recv", "in-flight", "gather", "add"})
    EXPECT_TRUE(names.count(name)) << name;
  for (const char *track : {"rank 0", "rank 3", "node 1", "links", "0 -> 2", "3 -> 1"})
    EXPECT_TRUE(tracks.count(track)) << track;
  EXPECT_FALSE(tracks.count("0 -> 1")); // the same node
}

TEST(Trace, IsOffUnlessAsked) {
  WorldOptions options = paced(64);
  options.trace = false;
  Cluster cluster(twoByTwo(), options);
  EXPECT_TRUE(tracedDispatch(cluster, 2, 4).empty());
}

} // namespace mxs::test
