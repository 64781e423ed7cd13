//===- ControlChannel.cpp -------------------------------------------------------------------===//
#include "core/ControlChannel.h"

#include "core/Wire.h"

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

std::string Reply::written() const {
  ByteWriter out;
  out.put(kind);
  out.put<int32_t>(status.code());
  out.putText(status.message());
  out.putText(payload);
  return out.take();
}

Status Reply::read(const std::string &message, Reply &out) {
  ByteReader reader(message);
  int32_t code = 0;
  std::string text;
  reader.get(out.kind);
  reader.get(code);
  reader.getText(text);
  reader.getText(out.payload);
  if (!reader.finished())
    return internalError("a malformed reply");
  out.status = code == MXS_OK ? Status() : Status(static_cast<mxs_status_t>(code), text);
  return okStatus();
}

Status ControlChannel::receive(Message kind, std::string &payload) {
  std::string message;
  Reply reply;
  MXS_TRY(receiveReply(message));
  const bool sound = Reply::read(message, reply).ok();
  if (sound && !reply.status.ok())
    return reply.status;
  if (!sound || reply.kind != kind)
    return internalError("node " + std::to_string(node) + " sent a malformed reply");
  payload = std::move(reply.payload);
  return okStatus();
}

Status ControlChannel::ask(Message kind, std::string &payload) {
  MXS_TRY(sendCommand(std::string(1, static_cast<char>(kind))));
  return receive(kind, payload);
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
