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
  Cluster(const Topology &topo, WorldOptions options, std::vector<LinkFault> faults = {});

  /// Calls `body` on every rank's thread; statuses by rank.
  std::vector<Status> run(const std::function<Status(Communicator &)> &body);

  std::unique_ptr<World> world;
  Status created;
};

WorldOptions optionsFor(int64_t maxTokens, int64_t hidden, int64_t topK);

/// Runs all collectives and methods on `scenario`, the fused ones with each of `chunkCounts`, and
/// compares values (bitwise, in the stated order of sums), methods with each other in double, and
/// bytes with ByteModel. Returns what differs, at most a few lines.
std::vector<std::string> checkScenario(Cluster &cluster, const Scenario &scenario,
                                       const std::vector<int> &chunkCounts);

} // namespace mxs::test

#endif // MIXSERVE_TEST_UNIT_COMM_CONFORMANCE_H
