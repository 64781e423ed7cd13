//===- MpiTransport.h - Messages between processes over MPI -------------------------*- C++ -*-===//
//
// A rank puts requests in a queue. It posts, polls and completes them itself while it waits awake;
// the MPI thread does while nobody else does, or while ranks sleep for them.
// Control messages, heartbeats, aborts and good-byes have a communicator of their own, so that they
// never match data.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_RUNTIME_COMM_MPITRANSPORT_H
#define MIXSERVE_RUNTIME_COMM_MPITRANSPORT_H

#include "comm/MpiThread.h"
#include "comm/Trace.h"

#define OMPI_SKIP_MPICXX 1
#include <mpi.h>

#include <deque>
#include <vector>

namespace mxs {

class MpiTransport : public Transport {
public:
  MpiTransport(std::shared_ptr<MpiThread> thread, const Topology &topology);
  /// Closes, if close() did not. If MPI hangs it ends the process: nothing may be freed then.
  ~MpiTransport() override;
  /// Before anything else. MXS_TIMEOUT: another process did not open its own.
  Status open();

  void traceTo(Trace *trace) override { events = trace; }
  void postSend(int source, int target, uint64_t tag, const void *data, int64_t bytes,
                MessageRequest &request) override;
  void postRecv(int target, int source, uint64_t tag, void *data, int64_t capacity,
                MessageRequest &request) override;
  void drive() override;
  void beginSleep() override;
  void endSleep() override { --sleepers; }
  void sendControl(int fromNode, int toNode, const std::string &message) override;
  bool takeControl(int atNode, int fromNode, std::string &message) override;
  WaitPoint &controlWaitPoint(int /*node*/) override { return controlWait; }
  void onFailure(std::function<void(const Status &)> handler) override;
  void abort(const Status &reason) override;
  /// Says good-bye and waits, at most the deadline, until own messages are gone and the other
  /// processes have said good-bye too. After a failure it waits half a second at most; messages
  /// under way are then abandoned, and MPI is not called again.
  Status close() override;

  /// From any thread: ends the run here, and tells nobody; they see that they hear nothing.
  void giveUp(const Status &why);

  // On the MPI thread only.
  /// Posts, polls and completes. False: nothing happened.
  bool progress(int64_t nowNs);
  /// Whether messages of ranks are under way.
  bool busy() const { return dataUnderWay > 0; }
  /// Whether somebody needs the MPI thread for messages to move in time.
  bool relied() const { return sleepers.load() > 0 || bytesUnderWay > kShortBytes; }

private:
  enum ControlKind : int { Text = 1, Heartbeat, Abort, GoodBye };
  struct Post {
    bool send;
    int node, source, target; ///< node: the other one
    uint64_t tag;
    void *data;
    int64_t bytes;
    MessageRequest *request;
  };
  struct Letter {
    int node;
    ControlKind kind;
    std::string text;
  };
  struct Incoming {
    ControlKind kind;
    std::string text;
    bool arrived = false;
  };
  /// What belongs to the MPI request with the same index.
  struct Slot {
    enum Kind { Send, Receive, Outgoing, Incoming } kind;
    Post post; ///< Send, Receive
    int64_t beginNs = 0;
    MPI_Datatype type = MPI_BYTE;
    Letter *letter = nullptr;
    MpiTransport::Incoming *incoming = nullptr;
  };
  struct Peer {
    int64_t heardNs = 0;
    int64_t clockNs = 0; ///< our clock minus theirs, by the fastest message so far
    bool clockKnown = false;
    bool beating = false;          ///< the last heartbeat is still under way
    bool left = false;             ///< said good-bye
    std::deque<Incoming> arriving; ///< control messages in the order in which they were sent
  };
  struct Extent {
    int count;
    MPI_Datatype type;
  };

  /// Messages under way that sockets hold without anybody's help.
  static constexpr int64_t kShortBytes = 64 << 10;

  void post(const Post &post);
  bool startNow();
  bool takePosts(int64_t nowNs);
  void start(const Post &post, int64_t nowNs);
  void startLetter(int node, ControlKind kind, std::string text);
  bool probeControl();
  bool testRequests(int64_t nowNs);
  void traceArrival(const Post &post, int64_t nowNs);
  void complete(const Slot &slot, const MPI_Status &status, int error, int64_t nowNs);
  void completeData(const Slot &slot, const MPI_Status &status, int error, int64_t nowNs);
  bool deliver(int node, int64_t nowNs);
  bool deliverAll(int64_t nowNs);
  void watchPeers(int64_t nowNs);
  /// Ends the run here; `tell`: and in the other processes.
  void fail(const Status &why, bool tell);
  void checkCall(int error, const char *call, int node);
  std::string underWayWith(int node) const;
  Extent extentOf(int64_t bytes) const;
  void add(MPI_Request request, Slot slot);
  bool othersLeft() const;
  std::string whyUnusable();
  Status sayGoodBye();
  void cancelReceives();

  const std::shared_ptr<MpiThread> thread;
  const Topology topo;
  const int self;
  const int64_t lostAfterNs, beatNs;
  Trace *events = nullptr;
  WaitPoint controlWait;

  // Handed between threads.
  std::atomic<int> sleepers{0}; ///< threads that sleep until a message comes
  std::mutex mutex;
  std::vector<Post> posts;
  std::vector<Letter> letters;
  std::vector<std::deque<std::string>> inbox; ///< by sending node
  std::mutex handlerMutex;
  std::function<void(const Status &)> handler;
  bool closed = false; ///< the owner's own
  Status ended;        ///< what close() gave
  Status failure;      ///< of the first failure; under handlerMutex

  // Of the thread that calls MPI.
  MPI_Comm data = MPI_COMM_NULL, control = MPI_COMM_NULL;
  int64_t tagLimit = 0;
  std::vector<Post> taken;
  std::vector<Letter> takenLetters;
  std::vector<MPI_Request> requests;
  std::vector<Slot> slots; ///< same indices
  std::vector<int> indices;
  std::vector<MPI_Status> statuses;
  std::vector<Peer> peers;
  int64_t dataUnderWay = 0, lettersUnderWay = 0; ///< messages
  int64_t bytesUnderWay = 0; ///< of data; receives count as large as they may be
  int64_t lastBeatNs = 0, lastLookNs = 0;
  uint64_t arrivals = 0;
  bool isOpen = false, failed = false;
  bool leaving = false;       ///< said good-bye: not another word
  bool letterArrived = false; ///< one that deliver() has not looked at
};

} // namespace mxs

#endif // MIXSERVE_RUNTIME_COMM_MPITRANSPORT_H
