//===- Conformance.h - Runs every collective of a scenario and compares --------------*- C++ -*-===//
#ifndef MIXSERVE_TEST_UNIT_COMM_CONFORMANCE_H
#define MIXSERVE_TEST_UNIT_COMM_CONFORMANCE_H

#include "ByteModel.h"
#include "comm/Communicator.h"
#include "comm/LoopbackTransport.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace mxs::test {

/// A world whose ranks run as threads.
class Cluster {
public:
  /// All nodes in this process, on the loopback.
  Cluster(const Topology &topo, WorldOptions options, std::vector<LinkFault> faults = {});
  /// One node of several processes.
  Cluster(const Topology &topo, WorldOptions options, std::unique_ptr<Transport> transport,
          int node);

  /// Calls `body` on a thread for every rank of this process; statuses by rank, OK for others.
  std::vector<Status> run(const std::function<Status(Communicator &)> &body, int stream = 0);

  int firstRank = 0, endRank = 0; ///< of this process
  std::unique_ptr<World> world;
  Status created;
};

WorldOptions optionsFor(int64_t maxTokens, int64_t hidden, int64_t topK);

/// Runs all collectives and methods on `scenario`, the fused ones with each of `chunkCounts`, and
/// compares values (bitwise, in the stated order of sums), methods with each other in double, and
/// bytes with ByteModel, unless the world has several streams, which count together. Returns what
/// differs, at most a few lines.
std::vector<std::string> checkScenario(Cluster &cluster, const Scenario &scenario,
                                       const std::vector<int> &chunkCounts, int stream = 0);

/// Collectives that checkScenario calls.
int64_t collectivesOf(const Topology &topo, const std::vector<int> &chunkCounts);

/// Every legal pair of degrees on a mesh, with expert counts that are fewer than ranks, or uneven.
std::vector<Topology> layoutsOf(int nodes, int devices);
/// Rows of the largest step of checkLayout.
int64_t maxTokensOf(const Topology &topo);
/// checkScenario for batches with no, one, few, uneven and many rows, and every kind of routing.
/// Ends at the first scenario that differs.
std::vector<std::string> checkLayout(Cluster &cluster, const Topology &topo, int stream = 0);
/// checkLayout in all streams at the same time, in different orders. The world has kMaxStreams.
std::vector<std::string> checkStreams(Cluster &cluster, const Topology &topo);

} // namespace mxs::test

#endif // MIXSERVE_TEST_UNIT_COMM_CONFORMANCE_H
