//===- Transport.h - How bytes leave a node ------------------------------------------*- C++ -*-===//
//
// Point-to-point only. Calls never block; a request completes on a progress thread of the
// transport, or on a thread that drives it, which then notifies the request's wait point. Messages
// of one (source, target, tag) match in order.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_RUNTIME_COMM_TRANSPORT_H
#define MIXSERVE_RUNTIME_COMM_TRANSPORT_H

#include "comm/Site.h"
#include "comm/WaitPoint.h"
#include "core/Status.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

namespace mxs {

class Trace;

/// Streams of collectives that a rank may have.
inline constexpr int kMaxStreams = 2;

/// The tag of a message: chunks of one stream never match those of another.
inline uint64_t tagOf(int chunk, int stream) {
  return static_cast<uint64_t>(chunk) * kMaxStreams + static_cast<uint64_t>(stream);
}
inline int chunkOf(uint64_t tag) { return static_cast<int>(tag / kMaxStreams); }

/// First bytes of every message; what the receiver checks before it trusts the rest.
struct MessageHeader {
  static constexpr uint32_t kMagic = 0x4d585331; // "MXS1"
  uint32_t magic = kMagic;
  int32_t op = 0; ///< mxs_site_t
  int32_t layer = -1;
  int32_t chunk = 0;
  int32_t source = 0, target = 0; ///< ranks
  uint64_t sequence = 0;          ///< number of the collective since the world began
  int64_t rows = 0;
  int64_t bytes = 0;      ///< payload after the header, as it travels
  int64_t sentNs = 0;     ///< steadyNs() of the sender, for traces
  int64_t exactBytes = 0; ///< first part of the payload; after it come rows in the wire type
};
static_assert(sizeof(MessageHeader) == 64, "no padding; payloads begin on a cache line");

/// Adds to `events` (null: nowhere) that `message`, which starts with a MessageHeader, was under way
/// from rank `source` to rank `target` between two times of one clock [ns].
void recordInFlight(Trace *events, const void *message, int source, int target, int64_t beginNs,
                    int64_t endNs);

/// A send or a receive under way. Owned by the poster; must outlive its completion.
struct MessageRequest {
  enum State : int { Idle, Pending, Done, Truncated };
  std::atomic<int> state{Idle};
  int64_t bytes = 0;    ///< received bytes, valid when Done
  uint64_t arrival = 0; ///< ascending in the order in which receives completed
  WaitPoint *wake = nullptr;

  bool completed() const { return state.load(std::memory_order_acquire) >= Done; }
  /// By the transport. The poster may free the request as soon as its state is set.
  void complete(State how) {
    WaitPoint *sleeper = wake;
    state.store(how, std::memory_order_release);
    sleeper->notify();
  }
};

class Transport {
public:
  virtual ~Transport() = default;

  /// `data` starts with a MessageHeader and stays unchanged until `request` completes.
  virtual void postSend(int source, int target, uint64_t tag, const void *data, int64_t bytes,
                        MessageRequest &request) = 0;
  /// Truncated: the message is longer than `capacity`; what `data` then holds is unspecified.
  virtual void postRecv(int target, int source, uint64_t tag, void *data, int64_t capacity,
                        MessageRequest &request) = 0;

  /// For a thread that waits awake for one of its messages: it moves messages itself, so that none
  /// is handed from thread to thread. Does nothing while another thread is at it. Never blocks.
  virtual void drive() {}
  /// For a thread that goes to sleep until one of its messages completes: from the first call to
  /// the second the progress thread moves messages in time. It may be late for one that nobody
  /// sleeps for.
  virtual void beginSleep() {}
  virtual void endSleep() {}

  /// Where messages under way are recorded; null = nowhere. Before the first message.
  virtual void traceTo(Trace *trace) = 0;

  virtual void sendControl(int fromNode, int toNode, const std::string &message) = 0;
  /// Takes the next control message; false when there is none. What `message` had as memory may be
  /// used for later ones.
  virtual bool takeControl(int atNode, int fromNode, std::string &message) = 0;
  /// Notified when a control message for `node` arrives.
  virtual WaitPoint &controlWaitPoint(int node) = 0;

  /// `handler` is called, on the progress thread or one that drives or posts, and until the
  /// transport is destroyed, when another process has given up or cannot be reached any more.
  /// Before the first message.
  virtual void onFailure(std::function<void(const Status &)> /*handler*/) {}
  /// Tells the other processes that this one gives up, and why. Never blocks.
  virtual void abort(const Status & /*reason*/) {}
  /// Ends the exchange with the other processes; the last call but the destructor. MXS_TIMEOUT: the
  /// network's own code does not return; the transport and all that its requests point to must then
  /// be kept, never freed.
  virtual Status close() { return okStatus(); }
};

} // namespace mxs

#endif // MIXSERVE_RUNTIME_COMM_TRANSPORT_H
