//===- World.h - All ranks of a mesh and what connects them --------------------------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_COMM_WORLD_H
#define MIXSERVE_RUNTIME_COMM_WORLD_H

#include "comm/ByteCounters.h"
#include "comm/Topology.h"
#include "comm/Trace.h"
#include "comm/WireType.h"

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace mxs {

class Communicator;
class NodeShared;
class PacedLink;
class Transport;

struct WorldOptions {
  WireType wire = WireType::F32;        ///< of rows between nodes; the same in every process
  uint64_t deadlineNs = 30'000'000'000; ///< bound on every wait [ns]
  uint64_t interNsPerMib = 0;           ///< pace of a rank's link to other nodes [ns/MiB], 0 = off
  uint64_t intraNsPerMib = 0;           ///< pace of a rank's link inside its node [ns/MiB], 0 = off
  uint64_t interLatencyNs = 0;          ///< added delay of a message between nodes [ns]
  bool trace = false;
  int64_t maxTokens = 0; ///< rows of a step, over all ranks: sizes the buffers
  int64_t hidden = 0;    ///< widest row that moves [floats]
  int64_t topK = 1;
  int maxChunks = 64; ///< largest chunk count of the fused collectives
  int64_t layers = 0;     ///< whose bytes are counted apart
  int64_t shareBytes = 0; ///< most bytes that a rank gives to one share()
  int streams = 1;        ///< of collectives on every rank, in [1, kMaxStreams]
  int64_t stagedBytes = 64 << 10; ///< rows up to this size are shown to node peers in a copy [byte]
};

/// Holds the communicators of the ranks that live in this process. All buffers are allocated here.
class World {
public:
  /// All ranks in this process; nodes are connected by a LoopbackTransport made from `options`.
  static Status create(const Topology &topology, const WorldOptions &options,
                       std::unique_ptr<World> &out);
  /// The ranks of nodes [firstNode, endNode) in this process, connected by `transport`.
  static Status create(const Topology &topology, const WorldOptions &options,
                       std::unique_ptr<Transport> transport, int firstNode, int endNode,
                       std::unique_ptr<World> &out);
  ~World();

  const Topology &topology() const { return topo; }
  const WorldOptions &options() const { return opts; }
  /// `rank` must live in this process. Used only by the thread of that rank and stream. What a rank
  /// calls in one stream is in no order with what it calls in another.
  Communicator &rank(int rank, int stream = 0);
  Transport &transport() { return *wire; }
  ByteCounters &counters() { return bytes; }
  Trace &trace() { return events; }

  /// Small messages between nodes (batch descriptors, results): ordered per pair of nodes and not
  /// counted. `toNode` may be the sender itself.
  Status sendControl(int fromNode, int toNode, const std::string &message);
  /// Waits for the next message at most the deadline: MXS_TIMEOUT, MXS_ABORTED. `forever` waits
  /// until a message or an abort: for ranks that idle between steps.
  Status recvControl(int atNode, int fromNode, std::string &message, bool forever = false);

  /// Ends all waits of all ranks, here and in other processes, now and later. The first call's text
  /// stays.
  void abort(const Status &reason);
  bool aborted() const { return poisoned.load(); }
  const std::atomic<bool> &abortFlag() const { return poisoned; }
  /// MXS_ABORTED with the text of the first abort.
  Status abortStatus() const;

  /// When no rank communicates any more: ends the transport. MXS_TIMEOUT: it does not end, and this
  /// world must never be freed.
  Status close();

private:
  World(const Topology &topology, const WorldOptions &options);
  /// The part of abort() in this process. False: it was aborted before.
  bool poison(const Status &reason);

  Topology topo;
  WorldOptions opts;
  ByteCounters bytes;
  Trace events;
  std::atomic<bool> poisoned{false};
  mutable std::mutex reasonMutex;
  Status reason;
  int firstNode = 0, endNode = 0;
  std::vector<std::unique_ptr<PacedLink>> links;    // inside the node, of every rank
  std::vector<std::unique_ptr<NodeShared>> nodes;   // by stream, then node
  std::vector<std::unique_ptr<Communicator>> ranks; // by stream, then rank
  // Last member: its progress thread ends before the buffers it writes to.
  std::unique_ptr<Transport> wire;
};

} // namespace mxs

#endif // MIXSERVE_RUNTIME_COMM_WORLD_H
