//===- Call.cpp ---------------------------------------------------------------------------------===//

#include "comm/Call.h"
#include "comm/RowPacking.h"
#include "threads/ThreadPool.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace mxs {

Call::Call(RankState &state, Site site)
    : state(state), site(site), rows(state.rows), topo(state.topo), wire(state.world.options().wire),
      beginNs(steadyNs()) {
  ++state.sequence;
  state.flight.enter(state.sequence, site, beginNs);
  state.outgoing.reset();
  state.incoming.reset();
  state.sendCount = state.arrivalCount = 0;
  state.node.setReading(state.device, true);
}

Call::~Call() {
  state.node.setReading(state.device, false);
  if (state.world.aborted())
    state.node.notifyAll(); // a failed peer may wait for this
  const int64_t endNs = steadyNs();
  state.flight.leave(endNs);
  state.clock.add(CommClock::Total, endNs - beginNs);
  if (state.world.trace().enabled())
    state.world.trace().add(
        {siteName(site.op), site, state.self, -1, -1, -1, beginNs, endNs, state.stream});
}

Status Call::failure(mxs_status_t code, const std::string &text, int chunk) const {
  state.flight.keepOpen();
  return {code, describe(site) +
                    (chunk >= 0 ? ", chunk " + std::to_string(chunk) : std::string()) + ": " + text};
}

/// Waits until `ready()`; the time goes to `part` of the rank's clock.
template <class Ready, class What>
static Status waitAt(const Call &call, CommClock::Part part, Ready ready, What what, int chunk) {
  if (ready())
    return okStatus();
  RankState &state = call.state;
  Transport &wire = state.world.transport();
  const bool fromNetwork = part == CommClock::Inter;
  const int64_t begin = steadyNs();
  if (fromNetwork) {
    wire.drive(); // often enough: what was sent is on its way at once
    if (ready()) {
      state.clock.add(part, steadyNs() - begin);
      return okStatus();
    }
  }
  const uint64_t deadline = state.world.options().deadlineNs;
  // What this rank waits for may be another one's computing: it does some of that first.
  const std::atomic<bool> &aborted = state.world.abortFlag();
  ThreadPool &pool = ThreadPool::process();
  const ThreadPool::Waiting waiting(pool);
  const auto done = [&] { return ready() || aborted.load(std::memory_order_relaxed); };
  const auto poll = [&] {
    wire.drive();
    return done();
  };
  const bool came = fromNetwork ? pool.assistPolling(done, poll) : pool.assist(done);
  const bool sleeps = !came && fromNetwork;
  if (sleeps)
    wire.beginSleep();
  const WaitPoint::Result result =
      state.node.waitPoint(state.device).wait(ready, aborted, deadline);
  if (sleeps)
    wire.endSleep();
  state.clock.add(part, steadyNs() - begin);
  switch (result) {
  case WaitPoint::Ready:
    return okStatus();
  case WaitPoint::Aborted:
    return call.failure(MXS_ABORTED, what() + "; " + state.world.abortStatus().message(), chunk);
  case WaitPoint::TimedOut:
    break;
  }
  return call.failure(MXS_TIMEOUT,
                      what() + " within " + std::to_string(deadline / 1'000'000) +
                          " ms; is that rank alive, or the deadline too short?",
                      chunk);
}

//===----------------------------------------------------------------------===//
// Inside the node
//===----------------------------------------------------------------------===//

Status Call::freePlace() {
  StagedRows &place = state.staged[state.sequence % 2];
  if (place.sequence == 0 || place.sequence == state.sequence)
    return okStatus();
  MXS_TRY(waitFlags(place.readers.firstDevice, place.readers.devices, NodeShared::Left,
                    place.sequence, "did not leave the last collective but one", -1));
  place.sequence = 0;
  return okStatus();
}

Status Call::stage(const RankGroup &group, int64_t bytes, uint8_t *&room) {
  room = nullptr;
  if (group.spansNodes() || group.devices == 1 || bytes > state.world.options().stagedBytes)
    return okStatus();
  MXS_TRY(freePlace());
  StagedRows &place = state.staged[state.sequence % 2];
  place.sequence = state.sequence;
  place.readers = group;
  isStaged = true;
  room = place.memory.get();
  return okStatus();
}

Status Call::publish(const Published &shown) {
  MXS_TRY(freePlace());
  state.node.publish(state.device, state.sequence, shown);
  return okStatus();
}

Status Call::enter(const RankGroup &group, const Published &shown) {
  peers = group;
  MXS_TRY(publish(shown));
  setFlag(NodeShared::Entered);
  return waitFlags(group.firstDevice, group.devices, NodeShared::Entered, state.sequence,
                   "did not enter", -1);
}

void Call::doneReading() {
  settle();
  setFlag(NodeShared::Left);
}

Status Call::leave() {
  if (!isStaged)
    MXS_TRY(waitFlags(peers.firstDevice, peers.devices, NodeShared::Left, state.sequence,
                      "did not leave", -1));
  return waitSends();
}

Status Call::waitFlags(int firstDevice, int devices, int flag, uint64_t value, const char *what,
                       int chunk) {
  const auto missing = [&] { return state.node.firstBelow(firstDevice, devices, flag, value); };
  const NodeShared::Expecting expecting(state.node, state.device, firstDevice, devices, flag,
                                        value);
  MXS_TRY(waitAt(
      *this, CommClock::Wait, [&] { return missing() < 0; },
      [&] {
        const int device = std::max(firstDevice, missing());
        return "rank " + std::to_string(topo.rankOf(state.nodeIndex, device)) + " " + what;
      },
      chunk));
  // The peer may have failed since it set the flag, and returned to a caller who freed its rows.
  if (state.world.aborted())
    return failure(MXS_ABORTED, state.world.abortStatus().message(), chunk);
  return okStatus();
}

void Call::pullCopy(int device, void *to, const void *from, int64_t bytes, mxs_site_t op) {
  pull(device, bytes, op);
  if (bytes > 0)
    std::memcpy(to, from, bytes);
}

void Call::pullAdd(int device, float *to, const float *from, int64_t floats, mxs_site_t op) {
  pull(device, floats * int64_t(sizeof(float)), op);
  for (int64_t i = 0; i < floats; ++i)
    to[i] += from[i];
}

void Call::take(const Offer &offer, int fromDevice, int home, const RoutedRowsOut &out,
                int64_t hidden, int64_t topK, mxs_site_t op) {
  pull(fromDevice, offer.count * routedRowBytes(hidden, topK), op);
  placeRows(offer, rows.globalBegin(home), out, hidden, topK);
}

void Call::settle() {
  ByteCounters &counters = state.world.counters();
  int64_t total = 0;
  for (int op = 0; op < kSiteCount; ++op)
    for (int device = 0; device < topo.devices; ++device) {
      const int64_t bytes = std::exchange(state.pulls[op * topo.devices + device], 0);
      if (bytes == 0)
        continue;
      const Site at{site.layer, static_cast<mxs_site_t>(op)};
      const int source = topo.rankOf(state.nodeIndex, device);
      counters.add(state.self, at, Link::Intra, Direction::Out, source, bytes);
      counters.add(state.self, at, Link::Intra, Direction::In, state.self, bytes);
      total += bytes;
    }
  spendPace(total);
}

// The link moves the bytes, not this thread: while it sleeps for them another rank computes. With
// the number that it kept from its last tasks it would hold one of the few that ranks share.
void Call::spendPace(int64_t bytes) {
  if (!state.pace.isPaced() || bytes == 0)
    return;
  const ThreadPool::Waiting waiting(ThreadPool::process());
  state.pace.spend(bytes);
}

//===----------------------------------------------------------------------===//
// Between nodes
//===----------------------------------------------------------------------===//

Status Call::startMessage(int64_t bytes, uint8_t *&payload) {
  uint8_t *message = state.outgoing.take(sizeof(MessageHeader) + bytes);
  if (!message)
    return failure(MXS_INTERNAL, "send buffer too small for " + std::to_string(bytes) + " bytes");
  payload = message + sizeof(MessageHeader);
  return okStatus();
}

Status Call::send(uint8_t *payload, int target, int chunk, int64_t rowCount, int64_t bytes,
                  mxs_site_t op, int64_t exactBytes) {
  if (wire == WireType::BF16)
    bytes = exactBytes + narrowRows(payload + exactBytes, (bytes - exactBytes) / 4);
  if (state.sendCount == state.messageLimit)
    return failure(MXS_INTERNAL, "more messages than planned for", chunk);
  MessageHeader header;
  header.op = op;
  header.layer = site.layer;
  header.chunk = chunk;
  header.source = state.self;
  header.target = target;
  header.sequence = state.sequence;
  header.rows = rowCount;
  header.bytes = bytes;
  header.sentNs = steadyNs();
  header.exactBytes = exactBytes;
  uint8_t *message = payload - sizeof header;
  std::memcpy(message, &header, sizeof header);

  MessageRequest &request = state.sends[state.sendCount++];
  request.wake = &state.node.waitPoint(state.device);
  request.state.store(MessageRequest::Pending, std::memory_order_relaxed);
  state.world.transport().postSend(state.self, target, tagOf(chunk, state.stream), message,
                                   sizeof header + bytes, request);
  state.world.counters().add(state.self, {site.layer, op}, Link::Inter, Direction::Out, state.self,
                             bytes);
  return okStatus();
}

Status Call::expect(int source, int chunk, int64_t bytes, int &slot) {
  if (state.arrivalCount == state.messageLimit)
    return failure(MXS_INTERNAL, "more messages than planned for", chunk);
  const int64_t capacity = sizeof(MessageHeader) + bytes;
  slot = state.arrivalCount++;
  Arrival &arrival = state.arrivals[slot];
  arrival.data = state.incoming.take(capacity);
  if (!arrival.data)
    return failure(MXS_INTERNAL, "receive buffer too small for " + std::to_string(bytes) + " bytes",
                   chunk);
  arrival.room = bytes;
  arrival.source = source;
  arrival.chunk = chunk;
  arrival.request.wake = &state.node.waitPoint(state.device);
  arrival.request.state.store(MessageRequest::Pending, std::memory_order_relaxed);
  state.world.transport().postRecv(state.self, source, tagOf(chunk, state.stream), arrival.data,
                                   capacity, arrival.request);
  return okStatus();
}

Status Call::waitArrival(int slot) {
  const Arrival &arrival = state.arrivals[slot];
  return waitAt(
      *this, CommClock::Inter, [&] { return arrival.request.completed(); },
      [&] { return "no message from rank " + std::to_string(arrival.source); }, arrival.chunk);
}

Status Call::receive(int slot, mxs_site_t op, Received &out) {
  const Arrival &arrival = state.arrivals[slot];
  MXS_TRY(waitArrival(slot));
  // Only for a failure: a step allocates nothing.
  const auto from = [&] { return "message from rank " + std::to_string(arrival.source); };
  if (arrival.request.state.load(std::memory_order_acquire) == MessageRequest::Truncated)
    return failure(MXS_INTERNAL, from() + " is longer than the receive buffer", arrival.chunk);

  MessageHeader header;
  const int64_t size = arrival.request.bytes;
  if (size >= int64_t(sizeof header))
    std::memcpy(&header, arrival.data, sizeof header);
  if (size < int64_t(sizeof header) || header.magic != MessageHeader::kMagic ||
      header.bytes != size - int64_t(sizeof header) || header.rows < 0)
    return failure(MXS_INTERNAL, from() + " has a damaged header", arrival.chunk);
  if (header.sequence != state.sequence || header.op != op || header.layer != site.layer ||
      header.chunk != arrival.chunk || header.source != arrival.source ||
      header.target != state.self)
    return failure(MXS_INTERNAL,
                   from() + " belongs to another collective (number " +
                       std::to_string(header.sequence) + ", expected " +
                       std::to_string(state.sequence) + "): the ranks run different programs",
                   arrival.chunk);
  state.world.counters().add(state.self, {site.layer, op}, Link::Inter, Direction::In, state.self,
                             header.bytes);
  out = {arrival.data + sizeof(MessageHeader), header.rows, header.bytes};
  return wire == WireType::BF16 ? widen(arrival, header.exactBytes, out) : okStatus();
}

// The place was made for floats; a message that has no room for them was made by another program.
Status Call::widen(const Arrival &arrival, int64_t exactBytes, Received &message) const {
  const bool isSound = exactBytes >= 0 && exactBytes <= message.bytes;
  const int64_t narrow = isSound ? message.bytes - exactBytes : 0;
  if (!isSound || narrow % 2 != 0 || exactBytes + 2 * narrow > arrival.room)
    return failure(MXS_INTERNAL,
                   "message from rank " + std::to_string(arrival.source) + " of " +
                       std::to_string(message.bytes) + " bytes, " + std::to_string(exactBytes) +
                       " exact, does not fit the wire type",
                   arrival.chunk);
  message.bytes = exactBytes + widenRows(message.payload + exactBytes, narrow / 2);
  return okStatus();
}

Status Call::waitSends() {
  for (int i = 0; i < state.sendCount; ++i)
    MXS_TRY(waitAt(
        *this, CommClock::Inter, [&] { return state.sends[i].completed(); },
        [&] { return "own message " + std::to_string(i) + " was not taken by the network"; }, -1));
  return okStatus();
}

} // namespace mxs
