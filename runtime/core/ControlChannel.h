//===- ControlChannel.h - Commands of node 0 to a node's leader, and its replies -*- C++ -*-===//
//
// Node 0 schedules. Its commands reach the leaders of other nodes as control messages of the
// transport, whether they live in this process or not; its own leader is reached through a mailbox.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_RUNTIME_CORE_CONTROLCHANNEL_H
#define MIXSERVE_RUNTIME_CORE_CONTROLCHANNEL_H

#include "comm/MessageQueue.h"
#include "comm/World.h"

#include <condition_variable>
#include <mutex>
#include <string>

namespace mxs {

/// First byte of a message.
enum class Message : uint8_t {
  Step,   ///< command: run the batch descriptor that follows
  Stop,   ///< command: end the ranks
  Ready,  ///< reply: status of the start and the plan hash
  Done,   ///< reply: status and results of a step
  Busy,   ///< reply: still at work; restarts the deadline of receiveReply
  Report, ///< command, and reply to it: counters of the node's ranks
  Clock,  ///< likewise: the node's steady clock
  Events, ///< likewise: the node's trace events
  Flight  ///< the last word of a node after a failure: the last operations of its ranks
};

/// What every reply but Busy holds.
struct Reply {
  Message kind{};
  Status status;
  std::string payload;

  std::string written() const;
  /// MXS_INTERNAL: malformed.
  static Status read(const std::string &message, Reply &out);
};

/// A queue of messages between two threads of a process.
class Mailbox {
public:
  void push(const std::string &message);
  /// Waits at most `deadlineNs` (0 = without bound). False: nothing came. What `message` had as memory
  /// is used for a later one.
  bool pop(std::string &message, uint64_t deadlineNs);

private:
  std::mutex mutex;
  std::condition_variable arrived;
  MessageQueue messages;
};

class ControlChannel {
public:
  ControlChannel(World &world, int node) : world(world), node(node) {}

  // Side of node 0's scheduler.
  Status sendCommand(const std::string &message);
  /// The next reply other than Busy. MXS_TIMEOUT: no sign of life within the deadline.
  Status receiveReply(std::string &message);
  /// The payload of the next reply, which must be of `kind`. Its own status if that is a failure;
  /// MXS_INTERNAL: malformed.
  Status receive(Message kind, std::string &payload);
  /// Sends a command of one byte and takes the reply of the same kind.
  Status ask(Message kind, std::string &payload);

  // Side of the node's leader.
  /// Waits without bound: nodes idle between steps. MXS_ABORTED ends it.
  Status receiveCommand(std::string &message);
  Status sendReply(const std::string &message);

private:
  World &world;
  const int node;
  Mailbox commands, replies; // used by node 0 only
};

} // namespace mxs

#endif // MIXSERVE_RUNTIME_CORE_CONTROLCHANNEL_H
