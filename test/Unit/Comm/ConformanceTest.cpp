//===- ConformanceTest.cpp - Every method, collective, mesh, degree and kind of batch -----------===//

#include "Conformance.h"

#include "gtest/gtest.h"

#include <numeric>
#include <ostream>

namespace mxs::test {

struct Mesh {
  int nodes, devices;
};
static void PrintTo(const Mesh &mesh, std::ostream *os) {
  *os << mesh.nodes << "x" << mesh.devices;
}

class Conformance : public testing::TestWithParam<Mesh> {};

static std::vector<Topology> layoutsOf(Mesh mesh) {
  std::vector<Topology> result;
  const int ranks = mesh.nodes * mesh.devices;
  for (int attnTp = 1; attnTp <= ranks; ++attnTp)
    for (int moeTp = 1; moeTp <= ranks; ++moeTp) {
      Topology topo;
      topo.nodes = mesh.nodes;
      topo.devices = mesh.devices;
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

TEST_P(Conformance, MatchesTheReference) {
  for (const Topology &topo : layoutsOf(GetParam())) {
    unsigned seed = 1;
    const std::vector<std::vector<int64_t>> batches = batchesOf(topo);
    int64_t maxTokens = 0;
    for (const std::vector<int64_t> &batch : batches)
      maxTokens = std::max(maxTokens, std::accumulate(batch.begin(), batch.end(), int64_t(0)));
    Cluster cluster(topo, optionsFor(maxTokens, 8, 3));
    ASSERT_TRUE(cluster.created.ok()) << cluster.created.message();
    for (const std::vector<int64_t> &batch : batches)
      for (Routing routing : {Routing::Uniform, Routing::OneExpert, Routing::Random}) {
        const int64_t topK = 1 + seed % 3;
        const Scenario scenario(topo, batch, routing, topK, ++seed);
        const std::vector<int> chunks = scenario.totalRows() > 60 ? std::vector<int>{1, 4}
                                                                  : std::vector<int>{1, 2, 3, 11};
        for (const std::string &problem : checkScenario(cluster, scenario, chunks))
          ADD_FAILURE() << scenario.name() << " top-k " << topK << ": " << problem;
        if (HasFailure())
          return;
      }
  }
}

INSTANTIATE_TEST_SUITE_P(Meshes, Conformance,
                         testing::Values(Mesh{1, 1}, Mesh{1, 2}, Mesh{2, 1}, Mesh{2, 2}, Mesh{1, 4},
                                         Mesh{4, 1}, Mesh{2, 3}, Mesh{4, 2}, Mesh{2, 4},
                                         Mesh{1, 8}));

} // namespace mxs::test
