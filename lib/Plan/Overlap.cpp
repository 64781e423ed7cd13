//===- Overlap.cpp - Time of the fused collectives' schedules -------------===//
#include "mixserve/Plan/Overlap.h"

#include <algorithm>
#include <cassert>
#include <vector>

namespace mixserve::planner {

namespace {

/// The first half of both: the thread makes messages, the network moves them. Returns when each has
/// arrived; `thread` is the thread's clock afterwards.
std::vector<double> sendAll(double reduceNs, double networkNs, double latencyNs, int64_t chunks,
                            double &thread) {
  assert(chunks >= 1);
  std::vector<double> arrived(chunks);
  double network = 0;
  for (double &at : arrived) {
    thread += reduceNs;
    network = std::max(network, thread) + networkNs;
    at = network + latencyNs;
  }
  return arrived;
}

} // namespace

double dispatchTime(const DispatchChunk &chunk, int64_t chunks) {
  double thread = 0;
  for (double arrived : sendAll(chunk.reduceNs, chunk.networkNs, chunk.latencyNs, chunks, thread))
    thread = std::max(thread + chunk.ownNs, arrived) + chunk.otherNs;
  return thread;
}

double combineTime(const CombineChunk &chunk, int64_t chunks) {
  double thread = 0, gather = 0; // of the chunk before: none at first
  for (double arrived : sendAll(chunk.reduceNs, chunk.networkNs, chunk.latencyNs, chunks, thread)) {
    thread = std::max(thread + chunk.ownNs + gather, arrived);
    gather = chunk.gatherNs;
  }
  return thread + gather;
}

} // namespace mixserve::planner
