//===- ConformanceTest.cpp - Every method, collective, mesh, degree and kind of batch
//-----------===//

#include "Conformance.h"

#include "gtest/gtest.h"

#include <ostream>

namespace mxs::test {

struct Mesh {
  int nodes, devices;
  WireType wire = WireType::F32;
};
static void PrintTo(const Mesh &mesh, std::ostream *os) {
  *os << mesh.nodes << "x" << mesh.devices << (mesh.wire == WireType::BF16 ? " bf16" : "");
}

class Conformance : public testing::TestWithParam<Mesh> {};

TEST_P(Conformance, MatchesTheReference) {
  // Dense collectives copy none, some, or all of their rows before they show them.
  const int64_t staged[] = {256, 0, 64 << 10};
  int layout = 0;
  const std::vector<Topology> layouts = layoutsOf(GetParam().nodes, GetParam().devices);
  // Meshes with many ranks have many layouts; some of them, other ones in every mesh.
  const int ranks = GetParam().nodes * GetParam().devices;
  const size_t step = ranks > 8 ? 4 : 1;
  for (size_t i = static_cast<size_t>(GetParam().devices) % step; i < layouts.size(); i += step) {
    const Topology &topo = layouts[i];
    WorldOptions options = optionsFor(maxTokensOf(topo), 8, 3);
    options.wire = GetParam().wire;
    options.stagedBytes = staged[layout++ % 3];
    Cluster cluster(topo, options);
    ASSERT_TRUE(cluster.created.ok()) << cluster.created.message();
    for (const std::string &problem : checkLayout(cluster, topo))
      ADD_FAILURE() << problem;
    if (HasFailure())
      return;
  }
}

class Streams : public testing::TestWithParam<Mesh> {};

TEST_P(Streams, DoNotMix) {
  for (const Topology &topo : layoutsOf(GetParam().nodes, GetParam().devices)) {
    WorldOptions options = optionsFor(maxTokensOf(topo), 8, 3);
    options.streams = kMaxStreams;
    options.wire = GetParam().wire;
    Cluster cluster(topo, options);
    ASSERT_TRUE(cluster.created.ok()) << cluster.created.message();
    for (const std::string &problem : checkStreams(cluster, topo))
      ADD_FAILURE() << problem;
    if (HasFailure())
      return;
  }
}

TEST(World, RefusesStreamsThatItHasNoTagsFor) {
  WorldOptions options = optionsFor(8, 8, 1);
  for (int streams : {0, kMaxStreams + 1}) {
    options.streams = streams;
    const Cluster cluster({}, options);
    EXPECT_EQ(cluster.created.code(), MXS_INVALID_ARGUMENT) << streams;
  }
}

INSTANTIATE_TEST_SUITE_P(Meshes, Streams,
                         testing::Values(Mesh{1, 2}, Mesh{2, 1}, Mesh{2, 2, WireType::BF16},
                                         Mesh{4, 2}));

INSTANTIATE_TEST_SUITE_P(Meshes, Conformance,
                         testing::Values(Mesh{1, 1}, Mesh{1, 2}, Mesh{2, 1}, Mesh{2, 2}, Mesh{1, 4},
                                         Mesh{4, 1}, Mesh{2, 3}, Mesh{4, 2}, Mesh{2, 4},
                                         Mesh{1, 8}));

// With the others: every number of ranks up to 16.
INSTANTIATE_TEST_SUITE_P(MoreMeshes, Conformance,
                         testing::Values(Mesh{1, 3}, Mesh{3, 1}, Mesh{5, 1}, Mesh{1, 7}, Mesh{3, 3},
                                         Mesh{5, 2}, Mesh{1, 11}, Mesh{3, 4}, Mesh{13, 1},
                                         Mesh{2, 7}, Mesh{3, 5}, Mesh{1, 16}, Mesh{2, 8},
                                         Mesh{4, 4}, Mesh{8, 2}, Mesh{16, 1}));

INSTANTIATE_TEST_SUITE_P(Bf16Wire, Conformance,
                         testing::Values(Mesh{1, 4, WireType::BF16}, Mesh{2, 1, WireType::BF16},
                                         Mesh{2, 2, WireType::BF16}, Mesh{4, 2, WireType::BF16}));

} // namespace mxs::test
