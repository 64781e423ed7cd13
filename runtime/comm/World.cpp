//===- World.cpp --------------------------------------------------------------------------------===//

#include "comm/World.h"
#include "comm/Communicator.h"
#include "comm/LoopbackTransport.h"
#include "comm/NodeShared.h"
#include "comm/Pace.h"

namespace mxs {

World::World(const Topology &topology, const WorldOptions &options)
    : topo(topology), opts(options), bytes(topology, options.layers),
      events(options.trace, topology.devices) {}

World::~World() = default;

Status World::create(const Topology &topology, const WorldOptions &options,
                     std::unique_ptr<World> &out) {
  MXS_TRY(topology.check());
  LoopbackOptions loopback;
  loopback.nsPerMib = options.interNsPerMib;
  loopback.latencyNs = options.interLatencyNs;
  return create(topology, options, std::make_unique<LoopbackTransport>(topology, loopback), 0,
                topology.nodes, out);
}

Status World::create(const Topology &topology, const WorldOptions &options,
                     std::unique_ptr<Transport> transport, int firstNode, int endNode,
                     std::unique_ptr<World> &out) {
  MXS_TRY(topology.check());
  if (options.maxTokens < 0 || options.hidden < 1 || options.topK < 1 || options.maxChunks < 1 ||
      options.deadlineNs == 0)
    return invalidArgument("world: hidden, topK, maxChunks and deadlineNs must be positive");
  if (options.streams < 1 || options.streams > kMaxStreams)
    return invalidArgument("world: " + std::to_string(options.streams) +
                           " streams, expected 1 to " + std::to_string(kMaxStreams));
  if (firstNode < 0 || firstNode >= endNode || endNode > topology.nodes)
    return invalidArgument("world: nodes [" + std::to_string(firstNode) + ", " +
                           std::to_string(endNode) + ") of " + std::to_string(topology.nodes));
  std::unique_ptr<World> world(new World(topology, options));
  world->firstNode = firstNode;
  world->endNode = endNode;
  world->wire = std::move(transport);
  world->wire->traceTo(&world->events);
  const int ranksHere = (endNode - firstNode) * topology.devices;
  for (int i = 0; i < ranksHere; ++i)
    world->links.push_back(std::make_unique<PacedLink>(options.intraNsPerMib));
  for (int stream = 0; stream < options.streams; ++stream)
    for (int i = 0; i < ranksHere; ++i) {
      if (i % topology.devices == 0)
        world->nodes.push_back(
            std::make_unique<NodeShared>(topology.devices, /*chunkFlags=*/2 * options.maxChunks));
      world->ranks.push_back(std::make_unique<Communicator>(
          *world, *world->nodes.back(), *world->links[static_cast<size_t>(i)],
          topology.rankOf(firstNode, 0) + i, stream));
    }
  // Last: a node may be lost at once.
  world->wire->onFailure([self = world.get()](const Status &why) { self->poison(why); });
  out = std::move(world);
  return okStatus();
}

Communicator &World::rank(int rank, int stream) {
  const int ranksHere = (endNode - firstNode) * topo.devices;
  return *ranks[stream * ranksHere + rank - topo.rankOf(firstNode, 0)];
}

Status World::sendControl(int fromNode, int toNode, const std::string &message) {
  if (aborted())
    return abortStatus();
  wire->sendControl(fromNode, toNode, message);
  return okStatus();
}

Status World::recvControl(int atNode, int fromNode, std::string &message, bool forever) {
  bool taken = false;
  auto ready = [&] { return taken = taken || wire->takeControl(atNode, fromNode, message); };
  wire->beginSleep();
  const WaitPoint::Result result =
      wire->controlWaitPoint(atNode).wait(ready, poisoned, forever ? 0 : opts.deadlineNs);
  wire->endSleep();
  switch (result) {
  case WaitPoint::Ready:
    return okStatus();
  case WaitPoint::Aborted:
    return abortStatus();
  case WaitPoint::TimedOut:
    break;
  }
  return timeoutError("node " + std::to_string(atNode) + ": no control message from node " +
                      std::to_string(fromNode) + " within " +
                      std::to_string(opts.deadlineNs / 1'000'000) + " ms");
}

void World::abort(const Status &why) {
  if (poison(why))
    wire->abort(why);
}

Status World::close() { return wire->close(); }

bool World::poison(const Status &why) {
  {
    std::lock_guard<std::mutex> lock(reasonMutex);
    if (poisoned.load(std::memory_order_relaxed))
      return false;
    reason = why;
    poisoned.store(true);
  }
  for (const std::unique_ptr<NodeShared> &node : nodes)
    node->notifyAll();
  for (int node = firstNode; node < endNode; ++node)
    wire->controlWaitPoint(node).notify();
  return true;
}

Status World::abortStatus() const {
  std::lock_guard<std::mutex> lock(reasonMutex);
  return abortedError("another rank failed first: " + reason.message());
}

} // namespace mxs
