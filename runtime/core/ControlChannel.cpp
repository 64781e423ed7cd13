//===- ControlChannel.cpp -------------------------------------------------------------------===//
#include "core/ControlChannel.h"

#include <chrono>

using namespace mxs;

void Mailbox::push(const std::string &message) {
  {
    std::lock_guard<std::mutex> lock(mutex);
    messages.push(message);
  }
  arrived.notify_one();
}

bool Mailbox::pop(std::string &message, uint64_t deadlineNs) {
  std::unique_lock<std::mutex> lock(mutex);
  auto ready = [&] { return !messages.empty(); };
  if (deadlineNs == 0)
    arrived.wait(lock, ready);
  else if (!arrived.wait_for(lock, std::chrono::nanoseconds(deadlineNs), ready))
    return false;
  messages.take(message);
  return true;
}

Status ControlChannel::sendCommand(const std::string &message) {
  if (node != 0)
    return world.sendControl(0, node, message);
  commands.push(message);
  return okStatus();
}

Status ControlChannel::receiveReply(std::string &message) {
  do {
    if (node != 0)
      MXS_TRY(world.recvControl(0, node, message));
    else if (!replies.pop(message, world.options().deadlineNs))
      return timeoutError("node 0: its ranks gave no sign of life within " +
                          std::to_string(world.options().deadlineNs / 1'000'000) + " ms");
    if (message.empty())
      return internalError("node " + std::to_string(node) + " sent an empty control message");
  } while (static_cast<Message>(message[0]) == Message::Busy);
  return okStatus();
}

Status ControlChannel::receiveCommand(std::string &message) {
  if (node != 0)
    return world.recvControl(node, 0, message, /*forever=*/true);
  // No abort can be missed here: after one, node 0's scheduler still sends Stop.
  commands.pop(message, /*deadlineNs=*/0);
  return okStatus();
}

Status ControlChannel::sendReply(const std::string &message) {
  if (node != 0)
    return world.sendControl(node, 0, message);
  replies.push(message);
  return okStatus();
}
