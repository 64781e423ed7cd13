//===- MpiTest.cpp - The engine between processes, run by mpirun (mpi.test.sh) ----------------===//
//
// Every process runs the same tests in the same order. One process per node.
//
//===----------------------------------------------------------------------===//

#include "Conformance.h"
#include "comm/MpiEngine.h"

#include "gtest/gtest.h"

#include <chrono>
#include <csignal>
#include <cstring>
#include <dlfcn.h>
#include <fstream>
#include <sys/resource.h>
#include <thread>

namespace mxs::test {

static std::unique_ptr<MpiProcess> process;
static int maxDevices = 4;
static std::string resultFile; ///< of the tests that end a process

static Topology mesh(int devices) {
  Topology topo;
  topo.nodes = process->nodes();
  topo.devices = devices;
  topo.experts = 8;
  return topo;
}

static std::unique_ptr<Cluster> clusterOf(const Topology &topo, const WorldOptions &options) {
  std::unique_ptr<Transport> transport;
  const Status status = process->connect(topo, transport);
  EXPECT_TRUE(status.ok()) << status.message();
  return status.ok()
             ? std::make_unique<Cluster>(topo, options, std::move(transport), process->node())
             : nullptr;
}

static double secondsSince(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

TEST(Mpi, MatchesTheReference) {
  for (int devices = 1; devices <= maxDevices; ++devices) {
    const std::vector<Topology> layouts = layoutsOf(process->nodes(), devices);
    // Meshes with many ranks have many layouts; some of them, other ones in every mesh.
    const int ranks = process->nodes() * devices;
    const size_t step = ranks > 8 ? 9 : ranks > 4 ? 3 : 1;
    for (size_t i = static_cast<size_t>(devices) % step; i < layouts.size(); i += step) {
      WorldOptions options = optionsFor(maxTokensOf(layouts[i]), 8, 3);
      options.wire = i / step % 2 ? WireType::BF16 : WireType::F32;
      const auto cluster = clusterOf(layouts[i], options);
      ASSERT_TRUE(cluster);
      for (const std::string &problem : checkLayout(*cluster, layouts[i]))
        ADD_FAILURE() << problem;
      if (HasFailure())
        return;
    }
  }
}

TEST(Mpi, StreamsDoNotMix) {
  const std::vector<Topology> layouts = layoutsOf(process->nodes(), maxDevices);
  for (size_t i = 0; i < layouts.size(); i += 4) {
    WorldOptions options = optionsFor(maxTokensOf(layouts[i]), 8, 3);
    options.streams = kMaxStreams;
    const auto cluster = clusterOf(layouts[i], options);
    ASSERT_TRUE(cluster);
    for (const std::string &problem : checkStreams(*cluster, layouts[i]))
      ADD_FAILURE() << problem;
    if (HasFailure())
      return;
  }
}

/// A request and its bytes.
struct Mail {
  /// Of all mails, and never freed: the thread of MPI may still notify it when a mail is gone.
  static WaitPoint sleeper;

  MessageRequest request;
  std::vector<uint8_t> bytes;

  explicit Mail(size_t size, uint8_t value = 0) : bytes(size, value) {
    request.wake = &sleeper;
    request.state = MessageRequest::Pending;
  }
  int wait() {
    std::atomic<bool> aborted{false};
    auto ready = [&] { return request.completed(); };
    return sleeper.wait(ready, aborted, 20'000'000'000) == WaitPoint::Ready
               ? request.state.load()
               : static_cast<int>(MessageRequest::Pending);
  }
};

WaitPoint Mail::sleeper;

// Around a page, and around the limit above which MPI would ask the receiver first.
TEST(Mpi, MessagesOfEverySizeArrive) {
  std::unique_ptr<Transport> transport;
  ASSERT_TRUE(process->connect(mesh(2), transport).ok());
  const int me = process->node() * 2, next = (process->node() + 1) % process->nodes() * 2 + 1,
            previous = (process->node() + process->nodes() - 1) % process->nodes() * 2;
  for (size_t size : {0u, 1u, 48u, 4095u, 4096u, 4097u, 65537u, 1u << 20, 4194305u, 9'000'001u}) {
    Mail sent(size, static_cast<uint8_t>(me + 1)), received(size + 10);
    for (size_t i = 0; i < size; i += 61)
      sent.bytes[i] = static_cast<uint8_t>(i / 61 + me);
    transport->postRecv(me + 1, previous, 7, received.bytes.data(), size + 10, received.request);
    transport->postSend(me, next, 7, sent.bytes.data(), size, sent.request);
    ASSERT_EQ(received.wait(), MessageRequest::Done) << size;
    ASSERT_EQ(sent.wait(), MessageRequest::Done);
    ASSERT_EQ(received.request.bytes, static_cast<int64_t>(size));
    for (size_t i = 0; i < size; ++i)
      ASSERT_EQ(received.bytes[i], i % 61 ? static_cast<uint8_t>(previous + 1)
                                          : static_cast<uint8_t>(i / 61 + previous))
          << size << " bytes, byte " << i;
  }
}

TEST(Mpi, AMessageThatIsTooLongIsSeen) {
  std::unique_ptr<Transport> transport;
  ASSERT_TRUE(process->connect(mesh(1), transport).ok());
  const int me = process->node(), next = (me + 1) % process->nodes(),
            previous = (me + process->nodes() - 1) % process->nodes();
  for (size_t size : {2000u, 5000u, 100'000u, 6'000'000u}) {
    Mail sent(size, 1), received(size);
    transport->postRecv(me, previous, 0, received.bytes.data(), size - 1000, received.request);
    transport->postSend(me, next, 0, sent.bytes.data(), size, sent.request);
    EXPECT_EQ(received.wait(), MessageRequest::Truncated);
    EXPECT_EQ(sent.wait(), MessageRequest::Done);
    EXPECT_EQ(received.bytes[size - 1000], 0) << size << ": written past the capacity";
  }
}

TEST(Mpi, ReceivesThatNobodyAnswersAreTakenBack) {
  Mail received(100);
  std::unique_ptr<Transport> transport;
  ASSERT_TRUE(process->connect(mesh(1), transport).ok());
  const int other = process->node() == 0 ? 1 : 0;
  transport->postRecv(process->node(), other, 3, received.bytes.data(), 100, received.request);
  transport = nullptr;
  // ...and do not take what the next world sends with the same tag.
  ASSERT_TRUE(process->connect(mesh(1), transport).ok());
}

TEST(Mpi, ControlMessagesArriveInOrder) {
  const auto cluster = clusterOf(mesh(1), optionsFor(64, 8, 2));
  ASSERT_TRUE(cluster);
  const int me = process->node();
  const std::string large(3'000'000, static_cast<char>('a' + me));
  for (int node = 0; node < process->nodes(); ++node)
    for (const std::string &text : {std::string("first"), large, std::string("last")})
      ASSERT_TRUE(cluster->world->sendControl(me, node, text).ok());
  for (int node = 0; node < process->nodes(); ++node) {
    std::string text;
    ASSERT_TRUE(cluster->world->recvControl(me, node, text).ok());
    EXPECT_EQ(text, "first");
    ASSERT_TRUE(cluster->world->recvControl(me, node, text).ok());
    EXPECT_EQ(text, std::string(3'000'000, static_cast<char>('a' + node)));
    ASSERT_TRUE(cluster->world->recvControl(me, node, text).ok());
    EXPECT_EQ(text, "last");
  }
}

/// While set, MPI_Improbe does not return: as with a broken connection, where it spins.
static std::atomic<bool> mpiHangs{false};
static std::atomic<bool> insideImprobe{false};
/// From then on the next message that MPI_Isend is given leaves a second late; 0: in time.
static std::atomic<int64_t> lateFromNs{0};
/// Bytes of what MPI_Isend is given, signs of life left out, while it is watched.
static std::atomic<bool> sendsWatched{false};
static std::vector<int> sendsSeen;

static int64_t nowNs() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

/// Everything that node 0 and the others say to each other in a new world arrives: MPI takes what
/// comes too late for a world as a message of the next one, and then loses one of that.
static void expectNothingIsLost() {
  const auto cluster = clusterOf(mesh(1), optionsFor(64, 8, 2));
  ASSERT_TRUE(cluster);
  const int me = process->node();
  for (int i = 0; i < 16; ++i) {
    for (int node = 0; node < process->nodes(); ++node)
      ASSERT_TRUE(cluster->world->sendControl(me, node, std::to_string(i)).ok());
    for (int node = 0; node < process->nodes(); ++node) {
      std::string text;
      const Status got = cluster->world->recvControl(me, node, text);
      ASSERT_TRUE(got.ok()) << "message " << i << ": " << got.message();
      ASSERT_EQ(text, std::to_string(i));
    }
  }
}

// Node 0 leaves first and waits for the others, longer than from one sign of life to the next. If
// it gave one now, others might have closed when that arrives.
TEST(Mpi, NothingIsSaidAfterTheGoodBye) {
  std::unique_ptr<Transport> transport;
  ASSERT_TRUE(process->connect(mesh(1), transport).ok());
  if (process->node() == 0)
    lateFromNs = nowNs() + 200'000'000;
  else
    std::this_thread::sleep_for(std::chrono::milliseconds(800));
  ASSERT_TRUE(transport->close().ok());
  transport = nullptr;
  lateFromNs = 0;
  expectNothingIsLost();
}

// The MPI thread finds the last words and the end at once; nobody waits for those words.
TEST(Mpi, LastWordsLeaveBeforeTheGoodBye) {
  std::unique_ptr<Transport> transport;
  ASSERT_TRUE(process->connect(mesh(1), transport).ok());
  std::thread release;
  if (process->node() == 0) {
    mpiHangs = true;
    while (!insideImprobe)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    for (int node = 1; node < process->nodes(); ++node)
      transport->sendControl(0, node, "last words");
    release = std::thread([] {
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
      lateFromNs = 1;
      mpiHangs = false;
    });
  }
  const Status closed = transport->close();
  if (release.joinable())
    release.join();
  lateFromNs = 0;
  ASSERT_TRUE(closed.ok()) << closed.message();
  transport = nullptr;
  expectNothingIsLost();
}

// A step begins with a control message, and its ranks fill the link at once: what waits behind that
// in the socket comes a dispatch later.
TEST(Mpi, ControlMessagesLeaveBeforeData) {
  constexpr int kBytes = 700; // in one piece, also where pieces are short (mpi.pieces)
  Mail sent(kBytes), received(kBytes);
  std::unique_ptr<Transport> transport;
  ASSERT_TRUE(process->connect(mesh(1), transport).ok());
  const int me = process->node(), peer = me ^ 1;
  if (peer < process->nodes()) {
    mpiHangs = true; // until it does not, nobody can start anything
    while (!insideImprobe)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    sendsSeen.clear();
    sendsWatched = true;
    transport->postRecv(me, peer, 0, received.bytes.data(), kBytes, received.request);
    transport->postSend(me, peer, 0, sent.bytes.data(), kBytes, sent.request);
    transport->sendControl(me, peer, "go");
    mpiHangs = false;
    EXPECT_EQ(received.wait(), MessageRequest::Done);
    EXPECT_EQ(sent.wait(), MessageRequest::Done);
  }
  ASSERT_TRUE(transport->close().ok());
  sendsWatched = false;
  transport = nullptr;
  if (peer < process->nodes()) {
    EXPECT_EQ(sendsSeen, (std::vector<int>{2, kBytes}));
  }
  expectNothingIsLost();
}

/// Of this thread: whether MPI_Testsome does not return, how often it was called, and whether it
/// finds a broken socket.
static thread_local bool ownMpiHangs = false;
static thread_local int ownLooks = 0;
static thread_local bool ownSocketBreaks = false;

TEST(Mpi, AWaitingRankMovesItsMessagesItself) {
  std::unique_ptr<Transport> transport;
  ASSERT_TRUE(process->connect(mesh(1), transport).ok());
  const int me = process->node(), peer = me ^ 1;
  ownLooks = 0;
  for (int i = 0; i < 200 && peer < process->nodes(); ++i) {
    Mail sent(100, static_cast<uint8_t>(i + me)), received(100);
    transport->postRecv(me, peer, 0, received.bytes.data(), 100, received.request);
    transport->postSend(me, peer, 0, sent.bytes.data(), 100, sent.request);
    const auto begin = std::chrono::steady_clock::now();
    while (!(received.request.completed() && sent.request.completed()) && secondsSince(begin) < 20)
      transport->drive();
    ASSERT_EQ(received.request.state, MessageRequest::Done);
    ASSERT_EQ(received.bytes[99], static_cast<uint8_t>(i + peer));
  }
  EXPECT_TRUE(ownLooks > 0 || peer >= process->nodes());
}

// Control messages are the MPI thread's work; ranks that never stop polling must let it in.
TEST(Mpi, ControlMessagesPassRanksThatPoll) {
  Mail unanswered(100);
  std::unique_ptr<Transport> transport;
  ASSERT_TRUE(process->connect(mesh(1), transport).ok());
  const int me = process->node(), peer = (me + 1) % process->nodes();
  transport->postRecv(me, peer, 9, unanswered.bytes.data(), 100, unanswered.request);
  std::atomic<bool> stop{false};
  std::vector<std::thread> ranks;
  for (int i = 0; i < 2; ++i)
    ranks.emplace_back([&] {
      while (!stop)
        transport->drive();
    });
  const auto begin = std::chrono::steady_clock::now();
  int i = 0;
  for (; i < 300 && secondsSince(begin) < 20; ++i) {
    for (int node = 0; node < process->nodes(); ++node)
      transport->sendControl(me, node, std::to_string(i));
    std::string text;
    for (int node = 0; node < process->nodes(); ++node) {
      while (!transport->takeControl(me, node, text) && secondsSince(begin) < 30)
        std::this_thread::sleep_for(std::chrono::microseconds(100));
      EXPECT_EQ(text, std::to_string(i));
    }
  }
  std::printf("%d rounds in %.3f s\n", i, secondsSince(begin));
  stop = true;
  for (std::thread &rank : ranks)
    rank.join();
  EXPECT_EQ(i, 300);
}

// A write to a peer that is gone raises SIGPIPE, which would end this process. It does not come of
// that, nor later; the thread's own signals stay as they were.
TEST(Mpi, ABrokenSocketLeavesTheThreadsSignalsAsTheyWere) {
  Mail unanswered(100);
  std::unique_ptr<Transport> transport;
  ASSERT_TRUE(process->connect(mesh(1), transport).ok());
  const int me = process->node(), peer = (me + 1) % process->nodes();
  transport->postRecv(me, peer, 9, unanswered.bytes.data(), 100, unanswered.request);
  ownSocketBreaks = true;
  const auto begin = std::chrono::steady_clock::now();
  while (ownSocketBreaks && secondsSince(begin) < 20)
    transport->drive();
  EXPECT_FALSE(ownSocketBreaks);
  sigset_t set;
  pthread_sigmask(SIG_BLOCK, nullptr, &set);
  EXPECT_FALSE(sigismember(&set, SIGPIPE));
  sigpending(&set);
  EXPECT_FALSE(sigismember(&set, SIGPIPE));
}

// Not a test of speed: it prints what the engine costs.
TEST(Mpi, PrintsLatencyBandwidthAndIdleCost) {
  std::unique_ptr<Transport> transport;
  ASSERT_TRUE(process->connect(mesh(1), transport).ok());
  const int me = process->node();
  auto exchange = [&](size_t size, int times) {
    std::vector<double> halves;
    for (int i = 0; i < times && me < 2; ++i) {
      Mail sent(size), received(size);
      transport->postRecv(me, 1 - me, 0, received.bytes.data(), size, received.request);
      const auto begin = std::chrono::steady_clock::now();
      if (me == 0)
        transport->postSend(0, 1, 0, sent.bytes.data(), size, sent.request);
      EXPECT_EQ(received.wait(), MessageRequest::Done);
      if (me == 1)
        transport->postSend(1, 0, 0, sent.bytes.data(), size, sent.request);
      EXPECT_EQ(sent.wait(), MessageRequest::Done);
      halves.push_back(secondsSince(begin) / 2);
    }
    std::sort(halves.begin(), halves.end());
    return halves.empty() ? 0 : halves[halves.size() / 2];
  };
  exchange(48, 20);
  const double small = exchange(48, 200), large = exchange(8'000'000, 9);
  rusage before, after;
  getrusage(RUSAGE_SELF, &before);
  std::this_thread::sleep_for(std::chrono::seconds(1));
  getrusage(RUSAGE_SELF, &after);
  auto cpu = [](const rusage &r) {
    return r.ru_utime.tv_sec + r.ru_stime.tv_sec + 1e-6 * (r.ru_utime.tv_usec + r.ru_stime.tv_usec);
  };
  if (me == 0)
    std::printf("48 B half round trip %.0f us; 8 MB %.1f MB/s; idle %.2f %% of a core\n",
                small * 1e6, 8 / large, 100 * (cpu(after) - cpu(before)));
}

//===----------------------------------------------------------------------===//
// Failures. These end the use of MPI: one of them per run.
//===----------------------------------------------------------------------===//

/// Collectives until one fails; every rank's own text.
static std::string runUntilFailure(Cluster &cluster, const Topology &topo, double limitSeconds,
                                   const std::function<void(int)> &beforeStep) {
  const Scenario s(topo, std::vector<int64_t>(topo.attnGroups(), 5), Routing::Uniform, 2, 3);
  const auto begin = std::chrono::steady_clock::now();
  for (int step = 0; secondsSince(begin) < limitSeconds; ++step) {
    beforeStep(step);
    for (const std::string &problem : checkScenario(cluster, s, {2}))
      return problem;
  }
  return "nothing failed";
}

static WorldOptions faultOptions() {
  WorldOptions options = optionsFor(64, 8, 2);
  options.deadlineNs = 8'000'000'000;
  return options;
}

TEST(MpiFault, AnAbortReachesEveryProcess) {
  const auto cluster = clusterOf(mesh(2), faultOptions());
  ASSERT_TRUE(cluster);
  const auto begin = std::chrono::steady_clock::now();
  const std::string problem = runUntilFailure(*cluster, mesh(2), 20, [&](int step) {
    if (step == 5 && process->node() == 1)
      cluster->world->abort(badArtifact("node 1 has no weights"));
  });
  EXPECT_NE(problem.find("node 1 has no weights"), std::string::npos) << problem;
  const double seconds = secondsSince(begin);
  EXPECT_LT(seconds, 8) << "only at a deadline";
  if (!testing::Test::HasFailure())
    std::ofstream(resultFile + std::to_string(process->node())) << seconds << " s: " << problem;
}

/// Node 1 does `what` to itself during a step; the others must name it before the deadline.
static void expectLoss(const std::function<void()> &what) {
  const auto cluster = clusterOf(mesh(2), faultOptions());
  ASSERT_TRUE(cluster);
  std::chrono::steady_clock::time_point begin;
  const std::string problem = runUntilFailure(*cluster, mesh(2), 30, [&](int step) {
    begin = std::chrono::steady_clock::now();
    if (step == 5 && process->node() == 1)
      what();
  });
  const double seconds = secondsSince(begin);
  EXPECT_NE(problem.find("node 1"), std::string::npos) << problem;
  EXPECT_NE(problem.find("no sign of life"), std::string::npos) << problem;
  EXPECT_NE(problem.find("layer "), std::string::npos) << problem;
  EXPECT_LT(seconds, 8) << "later than the deadline";
  if (!testing::Test::HasFailure())
    std::ofstream(resultFile + std::to_string(process->node())) << seconds << " s: " << problem;
}

TEST(MpiFault, AKilledProcessIsNamed) {
  expectLoss([] { std::raise(SIGKILL); });
}
TEST(MpiFault, AStoppedProcessIsNamed) {
  expectLoss([] { std::raise(SIGSTOP); });
}

// The node that hangs says so itself, and what waits for MPI is told; the other one hears nothing.
TEST(MpiFault, AHangInsideMpiIsNamed) {
  auto cluster = clusterOf(mesh(2), faultOptions());
  ASSERT_TRUE(cluster);
  std::chrono::steady_clock::time_point begin;
  const std::string problem = runUntilFailure(*cluster, mesh(2), 30, [&](int step) {
    begin = std::chrono::steady_clock::now();
    if (step == 5 && process->node() == 1)
      mpiHangs = true;
  });
  const Status closed = cluster->world->close();
  const double seconds = secondsSince(begin);
  const char *expected =
      process->node() == 1 ? "node 1 hangs inside MPI, in MPI_Improbe" : "node 1";
  EXPECT_NE(problem.find(expected), std::string::npos) << problem;
  EXPECT_EQ(closed.code(), process->node() == 1 ? MXS_TIMEOUT : MXS_OK) << closed.message();
  EXPECT_LT(seconds, 6) << "later than the deadline";
  if (!testing::Test::HasFailure())
    std::ofstream(resultFile + std::to_string(process->node())) << seconds << " s: " << problem;
  if (!closed.ok())
    (void)cluster.release(); // as close() asks
}

// Nobody can end a rank that waits for its message and does not come back: its process ends.
TEST(MpiFault, AHangOfARankInsideMpiEndsTheProcess) {
  Mail mail(64);
  std::atomic<bool> told{false};
  std::string problem;
  std::unique_ptr<Transport> transport;
  ASSERT_TRUE(process->connect(mesh(1), transport).ok());
  transport->onFailure([&](const Status &why) {
    problem = why.message();
    told = true;
  });
  const int me = process->node();
  transport->postRecv(me, 1 - me, 0, mail.bytes.data(), 64, mail.request);
  const auto begin = std::chrono::steady_clock::now();
  while (!told && secondsSince(begin) < 6) {
    ownMpiHangs = me == 1;
    transport->drive();
  }
  EXPECT_EQ(me, 0) << "it came back";
  EXPECT_NE(problem.find("node 1"), std::string::npos) << problem;
  if (!testing::Test::HasFailure())
    std::ofstream(resultFile + "0") << secondsSince(begin) << " s: " << problem;
}

} // namespace mxs::test

// Instead of MPI's own, which has this second name.
extern "C" __attribute__((visibility("default"))) int
MPI_Testsome(int count, void *requests, int *done, int *indices, void *statuses) {
  ++mxs::test::ownLooks;
  if (mxs::test::ownSocketBreaks)
    ::pthread_kill(::pthread_self(), SIGPIPE);
  mxs::test::ownSocketBreaks = false;
  while (mxs::test::ownMpiHangs)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  using Testsome = int (*)(int, void *, int *, int *, void *);
  static const auto real = reinterpret_cast<Testsome>(::dlsym(RTLD_DEFAULT, "PMPI_Testsome"));
  return real(count, requests, done, indices, statuses);
}
extern "C" __attribute__((visibility("default"))) int MPI_Isend(const void *data, int count,
                                                                void *type, int node, int tag,
                                                                void *communicator, void *request) {
  const int64_t from = mxs::test::lateFromNs;
  // An empty one is a good-bye, or a sign of life.
  if (from && mxs::test::nowNs() > from && (count > 0 || from > 1)) {
    mxs::test::lateFromNs = 0;
    std::this_thread::sleep_for(std::chrono::seconds(1));
  }
  if (mxs::test::sendsWatched && count > 0)
    mxs::test::sendsSeen.push_back(count);
  using Isend = int (*)(const void *, int, void *, int, int, void *, void *);
  static const auto real = reinterpret_cast<Isend>(::dlsym(RTLD_DEFAULT, "PMPI_Isend"));
  return real(data, count, type, node, tag, communicator, request);
}
extern "C" __attribute__((visibility("default"))) int
MPI_Improbe(int source, int tag, void *comm, int *flag, void *message, void *status) {
  while (mxs::test::mpiHangs) {
    mxs::test::insideImprobe = true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  mxs::test::insideImprobe = false;
  using Improbe = int (*)(int, int, void *, int *, void *, void *);
  static const auto real = reinterpret_cast<Improbe>(::dlsym(RTLD_DEFAULT, "PMPI_Improbe"));
  return real(source, tag, comm, flag, message, status);
}

int main(int argc, char **argv) {
  using namespace mxs;
  testing::InitGoogleTest(&argc, argv);
  MpiOptions options;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const size_t equals = argument.find('=');
    const std::string name = argument.substr(0, equals), value = argument.substr(equals + 1);
    if (name == "--deadline-ms")
      options.deadlineNs = std::stoull(value) * 1'000'000;
    else if (name == "--piece-bytes")
      options.pieceBytes = std::stoll(value);
    else if (name == "--max-devices")
      test::maxDevices = std::stoi(value);
    else if (name == "--result")
      test::resultFile = value;
    else {
      std::fprintf(stderr, "unknown option %s\n", argv[i]);
      return 2;
    }
  }
  const Status status = startMpi(options, test::process);
  if (!status.ok()) {
    std::fprintf(stderr, "%s\n", status.message().c_str());
    return 2;
  }
  const int result = RUN_ALL_TESTS();
  const Status finished = test::process->finish();
  if (!finished.ok())
    std::fprintf(stderr, "%s\n", finished.message().c_str());
  return result || !finished.ok();
}
