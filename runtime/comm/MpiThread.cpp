//===- MpiThread.cpp - Start, loop and end of the thread that calls MPI -----------------------===//

#include "comm/MpiThread.h"
#include "comm/BrokenPipe.h"
#include "comm/MpiSegments.h"
#include "comm/MpiSettings.h"
#include "comm/MpiTransport.h"
#include "comm/Pace.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <unistd.h>

namespace mxs {

//===----------------------------------------------------------------------===//
// The thread
//===----------------------------------------------------------------------===//

/// So that others can say what they saw before the process ends.
static constexpr std::chrono::milliseconds kLastWords(500);
/// How long the thread tries to come between ranks that poll.
static constexpr std::chrono::milliseconds kPatience(10);

MpiThread::MpiThread(const MpiOptions &options)
    : options(options), lostAfterNs(static_cast<int64_t>(
                            options.lostAfterNs ? options.lostAfterNs : options.deadlineNs / 2)),
      watch(lostAfterNs, [this](const char *call) { hangs(call); }) {}

void MpiThread::wake() {
  {
    std::lock_guard<std::mutex> lock(mutex);
    poked = true;
  }
  changed.notify_one();
}

Status MpiThread::run(const char *what, std::function<Status()> action) {
  auto work = std::make_shared<Work>();
  work->action = std::move(action);
  std::unique_lock<std::mutex> lock(mutex);
  if (!hungIn) {
    next = work;
    poked = true;
    changed.notify_one();
  }
  // The work's own deadline comes first and says more.
  const auto bound = std::chrono::nanoseconds(options.deadlineNs) + std::chrono::seconds(2);
  finished.wait_for(lock, bound, [&] { return work->done || hungIn; });
  if (work->done)
    return work->status;
  return timeoutError("node " + std::to_string(node) + ": " + what + " hangs inside MPI" +
                      (hungIn ? std::string(", in ") + hungIn : std::string()));
}

void MpiThread::serve(MpiTransport *transport) {
  std::lock_guard<std::mutex> lock(servedMutex);
  served = transport;
}

MpiThread::Turn::Turn(MpiThread &thread) : thread(thread), lock(thread.engine, std::defer_lock) {
  if (thread.wanted.load(std::memory_order_relaxed) || !lock.try_lock())
    return;
  if (thread.hung.load(std::memory_order_relaxed)) {
    lock.unlock(); // it has come back, but nobody watches any more
    return;
  }
  restores = !isBrokenPipeBlocked(); // else by its owner
  if (restores)
    blockBrokenPipe();
  thread.rankCalls.store(true, std::memory_order_relaxed);
}

MpiThread::Turn::~Turn() {
  if (!lock)
    return;
  thread.watch.leave();
  thread.rankCalls.store(false, std::memory_order_relaxed);
  lock.unlock();
  if (restores)
    allowBrokenPipe();
}

std::unique_lock<std::timed_mutex> MpiThread::waitForTurn() {
  std::unique_lock<std::timed_mutex> turn(engine, kPatience);
  if (turn)
    return turn;
  wanted.store(true, std::memory_order_relaxed);
  turn.lock();
  wanted.store(false, std::memory_order_relaxed);
  return turn;
}

void MpiThread::hangs(const char *call) {
  hung = true;
  {
    std::lock_guard<std::mutex> lock(mutex);
    hungIn = call;
  }
  finished.notify_all();
  const Status why = timeoutError("node " + std::to_string(node) + " hangs inside MPI, in " + call +
                                  ", for " + std::to_string(lostAfterNs / 1'000'000) +
                                  " ms; the connection to another node may be broken");
  std::lock_guard<std::mutex> lock(servedMutex);
  if (served)
    served->giveUp(why);
  if (!rankCalls.load(std::memory_order_relaxed))
    return;
  // Nobody can end a rank, and its owner waits for it.
  std::this_thread::sleep_for(kLastWords);
  std::fprintf(stderr, "mixserve: %s; this process ends\n", why.message().c_str());
  std::fflush(nullptr);
  removeMpiSegments();
  ::_exit(kHungExit);
}

// With messages under way, sleeps are short against the time since something last happened, so
// they add little to it; idle, a thousand looks per second catch heartbeats and commands.
int64_t MpiThread::look() {
  const auto turn = waitForTurn();
  const int64_t now = steadyNs();
  if (served && served->progress(now))
    lastNs = now;
  watch.leave();
  const bool busy = served && served->busy();
  if (served && !served->relied())
    return busy ? 200'000 : 1'000'000;
  const int64_t quietNs = now - lastNs;
  const int64_t longest = busy ? std::clamp<int64_t>(quietNs / 100, 100'000, 500'000) : 1'000'000;
  return std::clamp<int64_t>(quietNs / 16, 20'000, longest);
}

void MpiThread::main() {
  blockBrokenPipe(); // MPI's own threads inherit this
  useFineTimers();
  lastNs = steadyNs();
  while (true) {
    const std::chrono::nanoseconds pause(look());
    std::unique_lock<std::mutex> lock(mutex);
    if (!poked && !stop)
      changed.wait_for(lock, pause, [&] { return poked || stop; });
    if (poked)
      lastNs = steadyNs();
    poked = false;
    if (std::shared_ptr<Work> work = std::move(next)) {
      next = nullptr;
      working = true;
      lock.unlock();
      Status status;
      {
        const auto turn = waitForTurn();
        status = work->action();
        watch.leave();
      }
      lock.lock();
      working = false;
      work->status = std::move(status);
      work->done = true;
      finished.notify_all();
    }
    if (stop)
      return;
  }
}

//===----------------------------------------------------------------------===//
// The process
//===----------------------------------------------------------------------===//

static Status initialize(MpiThread &thread) {
  applyMpiSettings();
  int provided = 0;
  if (MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided) != MPI_SUCCESS)
    return internalError("MPI_Init failed; see MPI's own message above");
  if (provided < MPI_THREAD_SERIALIZED)
    return internalError("this MPI allows calls from its main thread only");
  // Errors come back as codes; by default they end the process.
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  MPI_Comm_rank(MPI_COMM_WORLD, &thread.node);
  MPI_Comm_size(MPI_COMM_WORLD, &thread.nodes);
  return okStatus();
}

/// With a thread inside MPI: the destructors of the libraries would take away what it uses.
static void leaveAtOnce(int code, void *) {
  std::fflush(nullptr);
  ::_exit(code);
}

class MpiProcessImpl : public MpiProcess {
public:
  explicit MpiProcessImpl(const MpiOptions &options)
      : core(std::make_shared<MpiThread>(options)), thread([core = core] { core->main(); }) {}
  ~MpiProcessImpl() override { (void)finish(); }

  int node() const override { return core->node; }
  int nodes() const override { return core->nodes; }

  Status start() {
    const Status status = core->run("MPI_Init", [core = core] { return initialize(*core); });
    if (!status.ok())
      abandon();
    return status;
  }

  Status connect(const Topology &topology, std::unique_ptr<Transport> &out) override {
    if (!core)
      return invalidArgument("MPI was finished");
    if (topology.nodes != core->nodes)
      return invalidArgument("the mesh has " + std::to_string(topology.nodes) +
                             " nodes, MPI started " + std::to_string(core->nodes) +
                             " processes; start one process per node: mpirun -n " +
                             std::to_string(topology.nodes) + " --map-by ppr:1:node ...");
    auto transport = std::make_unique<MpiTransport>(core, topology);
    MXS_TRY(transport->open());
    out = std::move(transport);
    return okStatus();
  }

  Status finish() override {
    if (!core)
      return okStatus();
    const Status status = core->run("MPI_Finalize", [core = core] {
      if (!core->hasFailed())
        MPI_Finalize();
      return okStatus();
    });
    if (!status.ok() || core->hasFailed())
      removeMpiSegments();
    abandon();
    return status;
  }

private:
  // Ends the thread; one that hangs inside MPI keeps what it uses.
  void abandon() {
    core->watch.stop();
    bool hangs;
    {
      std::lock_guard<std::mutex> lock(core->mutex);
      core->stop = true;
      hangs = core->next != nullptr || core->working || core->hungIn;
    }
    core->wake();
    if (hangs) {
      ::on_exit(leaveAtOnce, nullptr);
      thread.detach();
    } else {
      thread.join();
    }
    core = nullptr;
  }

  std::shared_ptr<MpiThread> core;
  std::thread thread;
};

} // namespace mxs

extern "C" __attribute__((visibility("default"))) const char mxs_mpi_interface[] = MXS_MPI_INTERFACE;

extern "C" __attribute__((visibility("default"))) void
mxs_mpi_start(const mxs::MpiOptions &options, mxs::Status &status,
              std::unique_ptr<mxs::MpiProcess> &out) {
  auto process = std::make_unique<mxs::MpiProcessImpl>(options);
  status = process->start();
  if (status.ok())
    out = std::move(process);
}
