//===- LoopbackTransport.h - Nodes of one process, with a paced and faulty network ----*- C++ -*-===//
//
// Every rank has one link in and one link out. A message occupies both for its length times
// `nsPerMib`, then takes `latencyNs` more. A progress thread copies it to its receive buffer.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_RUNTIME_COMM_LOOPBACKTRANSPORT_H
#define MIXSERVE_RUNTIME_COMM_LOOPBACKTRANSPORT_H

#include "comm/MessageQueue.h"
#include "comm/Topology.h"
#include "comm/Trace.h"
#include "comm/Transport.h"

#include <memory>
#include <mutex>
#include <queue>
#include <thread>
#include <vector>

namespace mxs {

/// What the network does to messages; for tests.
struct LinkFault {
  enum Kind { Drop, Delay, Corrupt };
  Kind kind;
  int source, target;     ///< ranks, -1 = any
  int64_t message = -1;   ///< the how-manieth message of its (source, target), -1 = every one
  uint64_t delayNs = 0;   ///< Delay
};

struct LoopbackOptions {
  uint64_t nsPerMib = 0, latencyNs = 0;
  std::vector<LinkFault> faults;
};

class LoopbackTransport : public Transport {
public:
  LoopbackTransport(const Topology &topology, LoopbackOptions options);
  /// Ends the progress thread; messages under way are lost.
  ~LoopbackTransport() override;

  /// Records every message as an "in-flight" event. Before the first message.
  void traceTo(Trace *trace) override { events = trace; }

  void postSend(int source, int target, uint64_t tag, const void *data, int64_t bytes,
                MessageRequest &request) override;
  void postRecv(int target, int source, uint64_t tag, void *data, int64_t capacity,
                MessageRequest &request) override;
  void sendControl(int fromNode, int toNode, const std::string &message) override;
  bool takeControl(int atNode, int fromNode, std::string &message) override;
  WaitPoint &controlWaitPoint(int node) override { return *controlWaits[node]; }

private:
  struct Message {
    int source, target;
    uint64_t tag;
    const void *data;
    int64_t bytes;
    MessageRequest *request;
    int64_t beginNs, dueNs;
    uint64_t order;
    bool corrupt;
  };
  struct Posted {
    uint64_t tag;
    void *data;
    int64_t capacity;
    MessageRequest *request;
  };
  struct Later {
    bool operator()(const Message &a, const Message &b) const {
      return a.dueNs != b.dueNs ? a.dueNs > b.dueNs : a.order > b.order;
    }
  };
  struct Pair {
    std::vector<Message> arrived; ///< without a receive yet, in order
    std::vector<Posted> posted;   ///< without a message yet, in order
    int64_t count = 0, lastDueNs = 0;
  };
  struct Delivery {
    Message message;
    Posted posted;
  };

  Pair &pair(int source, int target) { return pairs[source * ranks + target]; }
  MessageQueue &controlQueue(int from, int to) {
    return control[static_cast<size_t>(from) * controlWaits.size() + static_cast<size_t>(to)];
  }
  void reserve();
  void match(Pair &pair, const Message &message);
  void run();
  void deliver(const Delivery &delivery);

  const int ranks;
  const LoopbackOptions options;
  Trace *events = nullptr;

  std::mutex mutex;
  std::condition_variable wake;
  bool stop = false;
  std::vector<Pair> pairs;
  std::vector<int64_t> outFreeNs, inFreeNs;
  std::priority_queue<Message, std::vector<Message>, Later> flying;
  std::vector<Delivery> matched, deliveries; ///< to be delivered; being delivered
  uint64_t order = 0, arrivals = 0;
  std::vector<MessageQueue> control; ///< [from, to]
  std::vector<std::unique_ptr<WaitPoint>> controlWaits;
  std::thread progress;
};

} // namespace mxs

#endif // MIXSERVE_RUNTIME_COMM_LOOPBACKTRANSPORT_H
