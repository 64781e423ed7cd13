//===- RankState.h - Buffers and route of one rank -----------------------------------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_COMM_RANKSTATE_H
#define MIXSERVE_RUNTIME_COMM_RANKSTATE_H

#include "comm/CommClock.h"
#include "comm/FlightRecorder.h"
#include "comm/NodeShared.h"
#include "comm/Pace.h"
#include "comm/RowMap.h"
#include "comm/Schedule.h"
#include "comm/Transport.h"
#include "comm/World.h"

#include <memory>
#include <vector>

namespace mxs {

/// A buffer that the messages of one collective are cut from; empty again for the next one.
class Staging {
public:
  explicit Staging(int64_t capacity)
      // Untouched pages cost nothing, so the worst case is reserved.
      : memory(new uint8_t[capacity + kAlign]), capacity(capacity) {}

  void reset() { used = 0; }
  /// 64-byte aligned; null if the worst case was computed wrong.
  uint8_t *take(int64_t bytes) {
    const int64_t size = (bytes + kAlign - 1) / kAlign * kAlign;
    if (used + size > capacity)
      return nullptr;
    const auto address = reinterpret_cast<uintptr_t>(memory.get());
    uint8_t *result = memory.get() + (kAlign - address % kAlign) % kAlign + used;
    used += size;
    return result;
  }

  static constexpr int64_t kAlign = 64;

private:
  std::unique_ptr<uint8_t[]> memory;
  int64_t capacity;
  int64_t used = 0;
};

/// Short rows that node peers read while their rank goes on.
struct StagedRows {
  std::unique_ptr<uint8_t[]> memory; ///< [WorldOptions::stagedBytes]
  uint64_t sequence = 0; ///< of the collective that shows them, 0: nobody reads them
  RankGroup readers;
};

/// Where the rows of the last dispatch went; what combine reads. Row numbers are those of the
/// row's home (owned rows), ascending in every list.
struct Route {
  /// As home: rows sent to each rank (flat-ep, [P]) or node (hier-ep, hybrid, [N]).
  std::vector<std::vector<int32_t>> sent;
  /// As destination (flat-ep): rows that came from each rank of another node, [P].
  std::vector<std::vector<int32_t>> received;
  /// As lane: rows that came from the rank of each node, own node included, [N].
  std::vector<std::vector<int32_t>> lane;
  /// As lane (hier-ep; the fused pair unless MoE TP spans the node): of lane[n], the rows forwarded
  /// to each device (row numbers, and their positions in the message, or in the own rows, that they
  /// are taken from), [N * D].
  std::vector<std::vector<int32_t>> forwarded, forwardedAt;
  bool isForwarded = false; ///< the last dispatch filled these
};

/// A posted receive.
struct Arrival {
  MessageRequest request;
  uint8_t *data = nullptr;
  int64_t room = 0; ///< payload bytes that fit
  int source = -1, chunk = 0;
};

class RankState {
public:
  RankState(World &world, NodeShared &node, PacedLink &link, int rank, int stream);

  /// Rows that a message from `source` can hold in this step.
  int64_t laneCapacity(int source) const { return rows.ownedRows(source) * copiesPerRow; }

  World &world;
  NodeShared &node;
  const Topology &topo;
  const int self, nodeIndex, device, stream;

  RowMap rows;
  int chunks = 1;
  const int64_t copiesPerRow; ///< above 1 only with Mutation::NodeDedupOff
  /// Collectives of a step are numbered on from (step << kStepBits).
  static constexpr int kStepBits = 20;
  uint64_t steps = 0;
  uint64_t sequence = 0; ///< of the running collective; the same on every rank that takes part

  Staging outgoing, incoming;
  std::unique_ptr<MessageRequest[]> sends;
  std::unique_ptr<Arrival[]> arrivals;
  int sendCount = 0, arrivalCount = 0;
  const int messageLimit;

  StagedRows staged[2]; ///< of collectives with even and odd numbers
  std::unique_ptr<float[]> ownSum; ///< [owned rows, H] this node's sums of its own rows
  std::vector<Offer> offers;
  std::vector<Offer> laneRows; ///< hier-ep: rows that came on this lane, [N]
  std::vector<int> slots;      ///< receive slot of each rank, node, or (chunk, node)
  std::vector<int> order;
  std::vector<uint8_t *> payloads;   ///< rs_combine: outgoing sums of each (chunk, node)
  std::vector<const float *> sums;   ///< rs_combine: node sums of each (chunk, node)
  Route route;
  Pace pace;
  FlightRecorder flight;
  CommClock clock;
  std::vector<int64_t> pulls; ///< bytes read from each peer and not yet counted, [site * D + device]

  /// Schedules of the running step, built at first use (empty until then): [0] without, [1] with a
  /// reduction first, or a gather at the end.
  StepList dispatchSteps[2], combineSteps[2];

private:
  void reserveRoute();
};

} // namespace mxs

#endif // MIXSERVE_RUNTIME_COMM_RANKSTATE_H
