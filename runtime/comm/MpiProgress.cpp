//===- MpiProgress.cpp - The side of who calls MPI: post, poll, complete, watch ---------------===//

#include "comm/MpiTransport.h"

#include <algorithm>
#include <cstring>
#include <ctime>

namespace mxs {

bool MpiTransport::progress(int64_t nowNs) {
  bool something = takePosts(nowNs);
  something |= probeControl();
  something |= testRequests(nowNs);
  something |= deliverAll(nowNs);
  watchPeers(nowNs);
  return something;
}

//===----------------------------------------------------------------------===//
// Posting
//===----------------------------------------------------------------------===//

bool MpiTransport::takePosts(int64_t nowNs) {
  {
    std::lock_guard<std::mutex> lock(mutex);
    taken.swap(posts);
    takenLetters.swap(letters);
  }
  const bool something = !taken.empty() || !takenLetters.empty();
  if (something)
    thread->calls("MPI_Isend or MPI_Irecv");
  // Letters first: behind data they would wait until all of it is on the link, and what begins a
  // step for the other nodes is one.
  for (Letter &letter : takenLetters) {
    // Our own ranks gave up: their messages stop, which is not another node's fault.
    failed |= letter.kind == Abort;
    startLetter(letter.node, letter.kind, std::move(letter.text));
  }
  for (const Post &post : taken)
    start(post, nowNs);
  taken.clear();
  takenLetters.clear();
  return something;
}

// MPI counts are 32 bits. The type of a longer message is made for it and freed when it is done.
MpiTransport::Extent MpiTransport::extentOf(int64_t bytes) const {
  const int64_t piece = thread->options.pieceBytes;
  if (bytes <= piece)
    return {static_cast<int>(bytes), MPI_BYTE};
  MPI_Datatype block, whole;
  MPI_Type_contiguous(static_cast<int>(piece), MPI_BYTE, &block);
  int lengths[2] = {static_cast<int>(bytes / piece), static_cast<int>(bytes % piece)};
  MPI_Aint offsets[2] = {0, static_cast<MPI_Aint>(bytes / piece * piece)};
  MPI_Datatype types[2] = {block, MPI_BYTE};
  MPI_Type_create_struct(2, lengths, offsets, types, &whole);
  MPI_Type_commit(&whole);
  MPI_Type_free(&block);
  return {1, whole};
}

void MpiTransport::add(MPI_Request request, Slot slot) {
  requests.push_back(request);
  slots.push_back(slot);
  if (slot.kind == Slot::Send || slot.kind == Slot::Receive) {
    ++dataUnderWay;
    bytesUnderWay += slot.post.bytes;
  }
  lettersUnderWay += slot.kind == Slot::Outgoing;
}

void MpiTransport::start(const Post &post, int64_t nowNs) {
  // A tag tells messages of one pair of processes apart: chunk, and devices at both ends.
  const int64_t tag =
      (static_cast<int64_t>(post.tag) * topo.devices + topo.deviceOf(post.source)) * topo.devices +
      topo.deviceOf(post.target);
  if (tag > tagLimit)
    return fail(internalError("tag " + std::to_string(post.tag) + " is above what MPI allows"),
                true);
  const Extent extent = extentOf(post.bytes);
  MPI_Request request = MPI_REQUEST_NULL;
  if (post.send)
    checkCall(MPI_Isend(post.data, extent.count, extent.type, post.node, static_cast<int>(tag),
                        data, &request),
              "MPI_Isend", post.node);
  else
    checkCall(MPI_Irecv(post.data, extent.count, extent.type, post.node, static_cast<int>(tag),
                        data, &request),
              "MPI_Irecv", post.node);
  Slot slot{post.send ? Slot::Send : Slot::Receive, post, nowNs, extent.type, nullptr, nullptr};
  add(request, slot);
}

void MpiTransport::startLetter(int node, ControlKind kind, std::string text) {
  auto *letter = new Letter{node, kind, std::move(text)}; // deleted when it is done
  const Extent extent = extentOf(static_cast<int64_t>(letter->text.size()));
  MPI_Request request = MPI_REQUEST_NULL;
  checkCall(
      MPI_Isend(letter->text.data(), extent.count, extent.type, node, kind, control, &request),
      "MPI_Isend", node);
  Slot slot{Slot::Outgoing, Post(), 0, extent.type, letter, nullptr};
  add(request, slot);
}

//===----------------------------------------------------------------------===//
// Completing
//===----------------------------------------------------------------------===//

bool MpiTransport::probeControl() {
  bool something = false;
  for (int i = 0; i < 64; ++i) {
    int found = 0;
    thread->calls("MPI_Improbe");
    MPI_Message message;
    MPI_Status status;
    checkCall(MPI_Improbe(MPI_ANY_SOURCE, MPI_ANY_TAG, control, &found, &message, &status),
              "MPI_Improbe", self);
    if (!found)
      break;
    something |= status.MPI_TAG != Heartbeat; // heartbeats do not keep the thread awake
    MPI_Count bytes = 0;
    MPI_Get_elements_x(&status, MPI_BYTE, &bytes);
    std::deque<Incoming> &arriving = peers[status.MPI_SOURCE].arriving;
    arriving.push_back({static_cast<ControlKind>(status.MPI_TAG),
                        std::string(static_cast<size_t>(bytes), '\0'), false});
    const Extent extent = extentOf(bytes);
    MPI_Request request = MPI_REQUEST_NULL;
    checkCall(
        MPI_Imrecv(arriving.back().text.data(), extent.count, extent.type, &message, &request),
        "MPI_Imrecv", status.MPI_SOURCE);
    Slot slot{Slot::Incoming, Post(), 0, extent.type, nullptr, &arriving.back()};
    slot.post.node = status.MPI_SOURCE;
    add(request, slot);
  }
  return something;
}

/// Processor time of this thread, without what others took in between.
static int64_t workedNs() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return t.tv_sec * 1'000'000'000 + t.tv_nsec;
}

bool MpiTransport::testRequests(int64_t nowNs) {
  if (requests.empty())
    return false;
  indices.resize(requests.size());
  statuses.resize(requests.size());
  int count = 0;
  // A call that worked for long moved bytes of a message that is not complete yet.
  const int64_t beginNs = workedNs();
  thread->calls("MPI_Testsome");
  const int result = MPI_Testsome(static_cast<int>(requests.size()), requests.data(), &count,
                                  indices.data(), statuses.data());
  if (result != MPI_SUCCESS && result != MPI_ERR_IN_STATUS)
    checkCall(result, "MPI_Testsome", self);
  bool something = busy() && workedNs() - beginNs > 10'000;
  if (count == MPI_UNDEFINED || count <= 0)
    return something;
  for (int i = 0; i < count; ++i) {
    const Slot slot = slots[indices[i]]; // after a failure complete() adds to them
    something |= slot.kind != Slot::Outgoing || slot.letter->kind != Heartbeat;
    complete(slot, statuses[i], result == MPI_ERR_IN_STATUS ? statuses[i].MPI_ERROR : MPI_SUCCESS,
             nowNs);
  }
  // The last ones move into the gaps, from the back.
  std::sort(indices.begin(), indices.begin() + count, std::greater<int>());
  for (int i = 0; i < count; ++i) {
    requests[indices[i]] = requests.back();
    slots[indices[i]] = slots.back();
    requests.pop_back();
    slots.pop_back();
  }
  return something;
}

void MpiTransport::complete(const Slot &slot, const MPI_Status &status, int error, int64_t nowNs) {
  if (slot.type != MPI_BYTE) {
    MPI_Datatype type = slot.type;
    MPI_Type_free(&type);
  }
  switch (slot.kind) {
  case Slot::Send:
  case Slot::Receive:
    --dataUnderWay;
    bytesUnderWay -= slot.post.bytes;
    return completeData(slot, status, error, nowNs);
  case Slot::Outgoing:
    --lettersUnderWay;
    if (slot.letter->kind == Heartbeat)
      peers[slot.letter->node].beating = false;
    checkCall(error, "sending a control message", slot.letter->node);
    delete slot.letter;
    return;
  case Slot::Incoming:
    checkCall(error, "receiving a control message", slot.post.node);
    slot.incoming->arrived = letterArrived = true;
    return;
  }
}

// The receiver knows when a message is here; to its sender it is gone when the system has taken it,
// long before the network has. The clocks of two hosts differ: the least difference between sending
// and arrival is taken for that, so a message is on its way for as long as it took more than the
// fastest one.
void MpiTransport::traceArrival(const Post &post, int64_t nowNs) {
  MessageHeader header;
  std::memcpy(&header, post.data, sizeof header);
  Peer &peer = peers[post.node];
  const int64_t difference = nowNs - header.sentNs;
  peer.clockNs = peer.clockKnown ? std::min(peer.clockNs, difference) : difference;
  peer.clockKnown = true;
  recordInFlight(events, post.data, post.source, post.target, header.sentNs + peer.clockNs, nowNs);
}

void MpiTransport::completeData(const Slot &slot, const MPI_Status &status, int error,
                                int64_t nowNs) {
  const Post &post = slot.post;
  MessageRequest::State state = MessageRequest::Done;
  if (error != MPI_SUCCESS) {
    int errorClass = error;
    MPI_Error_class(error, &errorClass);
    if (post.send || errorClass != MPI_ERR_TRUNCATE)
      return checkCall(error, post.send ? "sending" : "receiving", post.node);
    state = MessageRequest::Truncated;
  }
  if (!post.send) {
    MPI_Count bytes = 0;
    MPI_Get_elements_x(&status, MPI_BYTE, &bytes);
    post.request->bytes = bytes;
    post.request->arrival = ++arrivals;
    peers[post.node].heardNs = nowNs;
    if (state == MessageRequest::Done && bytes >= static_cast<MPI_Count>(sizeof(MessageHeader)))
      traceArrival(post, nowNs);
  }
  post.request->complete(state);
}

// Control messages of a node, in the order in which it sent them.
bool MpiTransport::deliver(int node, int64_t nowNs) {
  Peer &peer = peers[node];
  bool something = false;
  for (; !peer.arriving.empty() && peer.arriving.front().arrived; peer.arriving.pop_front()) {
    Incoming &message = peer.arriving.front();
    peer.heardNs = nowNs;
    switch (message.kind) {
    case Heartbeat:
      break;
    case GoodBye:
      peer.left = true;
      break;
    case Abort:
      if (!message.text.empty())
        fail({static_cast<mxs_status_t>(message.text[0]),
              "node " + std::to_string(node) + ": " + message.text.substr(1)},
             /*tell=*/false);
      break;
    case Text: {
      {
        std::lock_guard<std::mutex> lock(mutex);
        inbox[node].push_back(std::move(message.text));
      }
      controlWait.notify();
      something = true;
      break;
    }
    }
  }
  return something;
}

bool MpiTransport::deliverAll(int64_t nowNs) {
  letterArrived = false;
  bool something = false;
  for (int node = 0; node < topo.nodes; ++node)
    something |= deliver(node, nowNs);
  return something;
}

//===----------------------------------------------------------------------===//
// Watching
//===----------------------------------------------------------------------===//

void MpiTransport::watchPeers(int64_t nowNs) {
  // A process that was stopped itself has heard nothing, whoever is alive.
  if (nowNs - lastLookNs > lostAfterNs / 2)
    for (Peer &peer : peers)
      peer.heardNs = nowNs;
  lastLookNs = nowNs;
  if (failed)
    return;

  const bool beat = nowNs - lastBeatNs >= beatNs;
  if (beat)
    lastBeatNs = nowNs;
  for (int node = 0; node < topo.nodes; ++node) {
    Peer &peer = peers[node];
    if (node == self || failed)
      continue;
    // One that has left still waits for this node's own good-bye.
    if (beat && !peer.beating && !leaving) {
      thread->calls("MPI_Isend");
      peer.beating = true;
      startLetter(node, Heartbeat, std::string());
    }
    if (!peer.left && nowNs - peer.heardNs > lostAfterNs)
      fail(timeoutError("node " + std::to_string(node) + " gave node " + std::to_string(self) +
                        " no sign of life for " + std::to_string(lostAfterNs / 1'000'000) +
                        " ms (one is due every " + std::to_string(beatNs / 1'000'000) +
                        " ms): its process ended or was stopped, or the network is cut" +
                        underWayWith(node)),
           /*tell=*/true);
  }
}

// The message to or from `node` that waits longest.
std::string MpiTransport::underWayWith(int node) const {
  const Slot *oldest = nullptr;
  for (const Slot &slot : slots)
    if ((slot.kind == Slot::Send || slot.kind == Slot::Receive) && slot.post.node == node &&
        (!oldest || slot.beginNs < oldest->beginNs))
      oldest = &slot;
  if (!oldest)
    return "; no message to or from it was under way";
  std::string text = "; under way: rank " + std::to_string(oldest->post.source) + " -> rank " +
                     std::to_string(oldest->post.target);
  if (!oldest->post.send)
    return text + ", chunk " + std::to_string(chunkOf(oldest->post.tag));
  MessageHeader header;
  std::memcpy(&header, oldest->post.data, sizeof header);
  return text + ", " + describe({header.layer, static_cast<mxs_site_t>(header.op)}) + ", chunk " +
         std::to_string(header.chunk);
}

void MpiTransport::checkCall(int error, const char *call, int node) {
  if (error == MPI_SUCCESS)
    return;
  char text[MPI_MAX_ERROR_STRING] = {};
  int length = 0;
  MPI_Error_string(error, text, &length);
  fail(internalError("node " + std::to_string(self) + ": " + call + " (node " +
                     std::to_string(node) + "): " + text),
       /*tell=*/true);
}

void MpiTransport::giveUp(const Status &why) {
  std::lock_guard<std::mutex> lock(handlerMutex);
  if (!failure.ok())
    return;
  failure = why;
  if (handler)
    handler(why);
}

void MpiTransport::fail(const Status &why, bool tell) {
  if (failed)
    return;
  failed = true;
  giveUp(why);
  for (int node = 0; tell && node < topo.nodes; ++node)
    if (node != self && !peers[node].left)
      startLetter(node, Abort, static_cast<char>(why.code()) + why.message());
}

} // namespace mxs
