//===- MpiTransport.cpp - Opening, closing, and the side of the ranks -------------------------===//

#include "comm/MpiTransport.h"
#include "comm/MpiSegments.h"

#include <algorithm>
#include <cstdio>
#include <unistd.h>

namespace mxs {

MpiTransport::MpiTransport(std::shared_ptr<MpiThread> mpiThread, const Topology &topology)
    : thread(std::move(mpiThread)), topo(topology), self(thread->node),
      lostAfterNs(thread->lostAfterNs),
      beatNs(std::clamp<int64_t>(lostAfterNs / 10, 5'000'000, 500'000'000)), inbox(topology.nodes),
      peers(topology.nodes) {
  for (auto *queue : {&posts, &taken})
    queue->reserve(1024);
  requests.reserve(1024);
  slots.reserve(1024);
}

//===----------------------------------------------------------------------===//
// Opening and closing, on the MPI thread
//===----------------------------------------------------------------------===//

static Status duplicateWorld(MpiThread &thread, MPI_Comm &out, int64_t endNs) {
  MPI_Request request;
  thread.calls("MPI_Comm_idup");
  if (MPI_Comm_idup(MPI_COMM_WORLD, &out, &request) != MPI_SUCCESS)
    return internalError("MPI_Comm_idup failed");
  for (int done = 0; !done;) {
    thread.calls("MPI_Test");
    if (MPI_Test(&request, &done, MPI_STATUS_IGNORE) != MPI_SUCCESS)
      return internalError("MPI_Comm_idup failed");
    if (!done && steadyNs() > endNs)
      return timeoutError("another process did not open its transport within the deadline");
    if (!done)
      std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
  MPI_Comm_set_errhandler(out, MPI_ERRORS_RETURN);
  return okStatus();
}

Status MpiTransport::open() {
  return thread->run("opening the transport", [this] {
    if (thread->hasFailed())
      return abortedError("MPI cannot be used after a failure: " + thread->whyFailed());
    thread->markFailed("a transport was not opened by every process"); // until it is
    const int64_t end = steadyNs() + static_cast<int64_t>(thread->options.deadlineNs);
    MXS_TRY(duplicateWorld(*thread, data, end));
    MXS_TRY(duplicateWorld(*thread, control, end));
    thread->markFailed("");
    int *limit = nullptr, found = 0;
    MPI_Comm_get_attr(data, MPI_TAG_UB, &limit, &found);
    tagLimit = found ? *limit : 32767;
    for (Peer &peer : peers)
      peer.heardNs = steadyNs();
    isOpen = true;
    thread->serve(this);
    return okStatus();
  });
}

MpiTransport::~MpiTransport() {
  const Status status = close();
  if (status.ok())
    return;
  // A thread inside MPI still reads and writes what would be freed now, here and by our owner.
  std::fprintf(stderr, "mixserve: %s; this process ends\n", status.message().c_str());
  std::fflush(nullptr);
  removeMpiSegments();
  ::_exit(kHungExit);
}

Status MpiTransport::close() {
  if (!closed)
    ended = thread->run("closing the transport", [this] { return sayGoodBye(); });
  closed = true;
  return ended;
}

Status MpiTransport::sayGoodBye() {
  if (data == MPI_COMM_NULL || control == MPI_COMM_NULL)
    return okStatus();
  // MPI keeps what comes for a world that is gone and gives it to the next one, where it takes the
  // place of a message that is then lost. So the good-bye comes last: after what ranks have left to
  // say, and with no sign of life behind it.
  takePosts(steadyNs());
  for (int node = 0; node < topo.nodes; ++node)
    if (node != self)
      startLetter(node, GoodBye, std::string());
  leaving = true;
  // After a failure the others are waited for as well, but not for long: launchers end every
  // process as soon as one has ended without MPI_Finalize, and each should have said why it gave
  // up.
  const int64_t begin = steadyNs();
  const int64_t longNs = static_cast<int64_t>(thread->options.deadlineNs);
  const int64_t shortNs = std::min<int64_t>(longNs, 500'000'000);
  while (true) {
    progress(steadyNs());
    const int64_t passed = steadyNs() - begin;
    if (passed > (failed ? shortNs : longNs) || (lettersUnderWay == 0 && othersLeft()))
      break;
    std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
  thread->serve(nullptr);
  isOpen = false;
  if (failed || !othersLeft()) {
    thread->markFailed(whyUnusable());
    return okStatus();
  }
  cancelReceives();
  thread->calls("MPI_Comm_free");
  MPI_Comm_free(&data);
  MPI_Comm_free(&control);
  return okStatus();
}

std::string MpiTransport::whyUnusable() {
  std::lock_guard<std::mutex> lock(handlerMutex);
  if (!failure.ok())
    return failure.message();
  std::string silent;
  for (int node = 0; node < topo.nodes; ++node)
    if (node != self && !peers[node].left)
      silent += (silent.empty() ? "node " : ", node ") + std::to_string(node);
  return failed ? "a rank gave up"
                : silent + " did not close its transport within " +
                      std::to_string(thread->options.deadlineNs / 1'000'000) + " ms after node " +
                      std::to_string(self);
}

bool MpiTransport::othersLeft() const {
  for (int node = 0; node < topo.nodes; ++node)
    if (node != self && !peers[node].left)
      return false;
  return true;
}

// Receives that nobody will answer: ranks gave up, or the world ended early.
void MpiTransport::cancelReceives() {
  for (size_t i = 0; i < requests.size(); ++i)
    if (slots[i].kind == Slot::Receive)
      MPI_Cancel(&requests[i]);
  const int64_t end = steadyNs() + 1'000'000'000;
  for (MPI_Request &request : requests) {
    int done = 0;
    while (!done && steadyNs() < end) {
      thread->calls("MPI_Test");
      MPI_Test(&request, &done, MPI_STATUS_IGNORE);
    }
    if (!done)
      thread->markFailed("a receive that nobody answers was not taken back");
  }
}

//===----------------------------------------------------------------------===//
// The side of the ranks
//===----------------------------------------------------------------------===//

void MpiTransport::postSend(int source, int target, uint64_t tag, const void *bytesToSend,
                            int64_t bytes, MessageRequest &request) {
  post({true, topo.nodeOf(target), source, target, tag, const_cast<void *>(bytesToSend), bytes,
        &request});
}

void MpiTransport::postRecv(int target, int source, uint64_t tag, void *room, int64_t capacity,
                            MessageRequest &request) {
  post({false, topo.nodeOf(source), source, target, tag, room, capacity, &request});
}

// Whoever finds the engine free starts its message itself. What is short then needs nobody until
// somebody waits for it; what is long fills the sockets, so the thread moves it meanwhile.
void MpiTransport::post(const Post &post) {
  {
    std::lock_guard<std::mutex> lock(mutex);
    posts.push_back(post);
  }
  if (!startNow())
    thread->wake();
}

// True: nobody else needs to look.
bool MpiTransport::startNow() {
  const MpiThread::Turn turn(*thread);
  if (!turn || !isOpen || failed)
    return false;
  takePosts(steadyNs());
  return bytesUnderWay <= kShortBytes;
}

void MpiTransport::drive() {
  const MpiThread::Turn turn(*thread);
  if (!turn || !isOpen || failed)
    return;
  const int64_t now = steadyNs();
  takePosts(now);
  testRequests(now);
  if (letterArrived)
    deliverAll(now);
}

void MpiTransport::beginSleep() {
  ++sleepers;
  thread->wake();
}

void MpiTransport::sendControl(int /*fromNode*/, int toNode, const std::string &message) {
  {
    std::lock_guard<std::mutex> lock(mutex);
    if (toNode == self)
      inbox[self].push_back(message);
    else
      letters.push_back({toNode, Text, message});
  }
  if (toNode == self)
    controlWait.notify();
  else if (!startNow())
    thread->wake();
}

bool MpiTransport::takeControl(int /*atNode*/, int fromNode, std::string &message) {
  std::lock_guard<std::mutex> lock(mutex);
  std::deque<std::string> &queue = inbox[fromNode];
  if (queue.empty())
    return false;
  message = std::move(queue.front());
  queue.pop_front();
  return true;
}

void MpiTransport::onFailure(std::function<void(const Status &)> newHandler) {
  std::lock_guard<std::mutex> lock(handlerMutex);
  handler = std::move(newHandler);
  if (!failure.ok())
    handler(failure);
}

// First byte: the code.
void MpiTransport::abort(const Status &reason) {
  const std::string text = static_cast<char>(reason.code()) + reason.message();
  {
    std::lock_guard<std::mutex> lock(mutex);
    for (int node = 0; node < topo.nodes; ++node)
      if (node != self)
        letters.push_back({node, Abort, text});
  }
  thread->wake();
}

} // namespace mxs
