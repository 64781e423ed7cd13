//===- LoopbackTransport.cpp --------------------------------------------------------------------===//

#include "comm/LoopbackTransport.h"
#include "comm/Pace.h"

#include <algorithm>
#include <cstring>

namespace mxs {

LoopbackTransport::LoopbackTransport(const Topology &topology, LoopbackOptions given)
    : ranks(topology.rankCount()), options(std::move(given)), pairs(ranks * ranks),
      outFreeNs(ranks, 0), inFreeNs(ranks, 0), control(topology.nodes * topology.nodes) {
  reserve();
  for (int node = 0; node < topology.nodes; ++node)
    controlWaits.push_back(std::make_unique<WaitPoint>());
  progress = std::thread([this] { run(); });
}

/// Room for the messages that are usually under way, so that a step allocates nothing; what needs
/// more gets it once.
void LoopbackTransport::reserve() {
  constexpr size_t perPair = 8;
  for (Pair &link : pairs) {
    link.arrived.reserve(perPair);
    link.posted.reserve(perPair);
  }
  std::vector<Message> queue;
  queue.reserve(pairs.size() * perPair);
  flying = decltype(flying)(Later(), std::move(queue));
  matched.reserve(pairs.size() * perPair);
  deliveries.reserve(pairs.size() * perPair);
}

LoopbackTransport::~LoopbackTransport() {
  {
    std::lock_guard<std::mutex> lock(mutex);
    stop = true;
  }
  wake.notify_one();
  progress.join();
}

void LoopbackTransport::postSend(int source, int target, uint64_t tag, const void *data,
                                 int64_t bytes, MessageRequest &request) {
  std::lock_guard<std::mutex> lock(mutex);
  Pair &link = pair(source, target);
  const int64_t begin =
      std::max(steadyNs(), std::max(outFreeNs[source], inFreeNs[target]));
  const int64_t end = begin + paceNs(bytes, options.nsPerMib);
  outFreeNs[source] = inFreeNs[target] = end;

  Message message{source,  target, tag, data,
                  bytes,   &request, begin, end + static_cast<int64_t>(options.latencyNs),
                  ++order, false};
  bool drop = false;
  for (const LinkFault &fault : options.faults) {
    if ((fault.source >= 0 && fault.source != source) ||
        (fault.target >= 0 && fault.target != target) ||
        (fault.message >= 0 && fault.message != link.count))
      continue;
    drop |= fault.kind == LinkFault::Drop;
    message.corrupt |= fault.kind == LinkFault::Corrupt;
    if (fault.kind == LinkFault::Delay)
      message.dueNs += static_cast<int64_t>(fault.delayNs);
  }
  ++link.count;
  // Messages of one pair stay in order, as they do on a connection.
  message.dueNs = link.lastDueNs = std::max(message.dueNs, link.lastDueNs);
  if (drop) {
    // The sender of a lost message does not know.
    request.state.store(MessageRequest::Done, std::memory_order_release);
    return;
  }
  flying.push(message);
  wake.notify_one();
}

void LoopbackTransport::postRecv(int target, int source, uint64_t tag, void *data, int64_t capacity,
                                 MessageRequest &request) {
  std::lock_guard<std::mutex> lock(mutex);
  Pair &link = pair(source, target);
  const Posted posted{tag, data, capacity, &request};
  for (auto it = link.arrived.begin(); it != link.arrived.end(); ++it)
    if (it->tag == tag) {
      matched.push_back({*it, posted});
      link.arrived.erase(it);
      wake.notify_one();
      return;
    }
  link.posted.push_back(posted);
}

void LoopbackTransport::match(Pair &link, const Message &message) {
  for (auto it = link.posted.begin(); it != link.posted.end(); ++it)
    if (it->tag == message.tag) {
      matched.push_back({message, *it});
      link.posted.erase(it);
      return;
    }
  link.arrived.push_back(message);
}

void LoopbackTransport::run() {
  useFineTimers();
  std::unique_lock<std::mutex> lock(mutex);
  while (!stop) {
    const int64_t now = steadyNs();
    while (!flying.empty() && flying.top().dueNs <= now) {
      const Message message = flying.top();
      flying.pop();
      match(pair(message.source, message.target), message);
    }
    if (!matched.empty()) {
      deliveries.swap(matched);
      lock.unlock();
      for (const Delivery &delivery : deliveries)
        deliver(delivery);
      deliveries.clear();
      lock.lock();
    } else if (flying.empty()) {
      wake.wait(lock);
    } else {
      wake.wait_for(lock, std::chrono::nanoseconds(flying.top().dueNs - now));
    }
  }
}

// Runs on the progress thread, without the lock: copies can be long.
void LoopbackTransport::deliver(const Delivery &delivery) {
  const Message &message = delivery.message;
  MessageRequest &receive = *delivery.posted.request;
  const bool fits = message.bytes <= delivery.posted.capacity;
  if (fits) {
    std::memcpy(delivery.posted.data, message.data, message.bytes);
    if (message.corrupt)
      static_cast<uint8_t *>(delivery.posted.data)[0] ^= 0xff;
    recordInFlight(events, message.data, message.source, message.target, message.beginNs,
                   std::max(message.dueNs, message.beginNs));
  }
  receive.bytes = message.bytes;
  receive.arrival = ++arrivals;

  receive.complete(fits ? MessageRequest::Done : MessageRequest::Truncated);
  message.request->complete(MessageRequest::Done);
}

void LoopbackTransport::sendControl(int fromNode, int toNode, const std::string &message) {
  {
    std::lock_guard<std::mutex> lock(mutex);
    controlQueue(fromNode, toNode).push(message);
  }
  controlWaits[toNode]->notify();
}

bool LoopbackTransport::takeControl(int atNode, int fromNode, std::string &message) {
  std::lock_guard<std::mutex> lock(mutex);
  MessageQueue &queue = controlQueue(fromNode, atNode);
  if (queue.empty())
    return false;
  queue.take(message);
  return true;
}

} // namespace mxs
