//===- FailureTest.cpp - Lost peers, lost and damaged messages, wrong calls ---------------------===//

#include "Conformance.h"

#include "gtest/gtest.h"

#include <atomic>
#include <chrono>
#include <deque>
#include <mutex>
#include <thread>

namespace mxs::test {

static Topology mesh(int nodes, int devices) {
  Topology topo;
  topo.nodes = nodes;
  topo.devices = devices;
  topo.experts = 8;
  return topo;
}

static WorldOptions shortDeadline(uint64_t milliseconds) {
  WorldOptions options = optionsFor(64, 8, 2);
  options.deadlineNs = milliseconds * 1'000'000;
  return options;
}

static Scenario scenarioOf(const Topology &topo) {
  return Scenario(topo, std::vector<int64_t>(topo.attnGroups(), 5), Routing::Uniform, 2, 3);
}

/// Dispatches of a scenario's rows, by flat-ep or fused, each on buffers of its own that live as long
/// as the object.
class Dispatches {
public:
  explicit Dispatches(const Scenario &scenario) : s(scenario) {}

  Status operator()(Communicator &comm, int chunks, bool fused) {
    MXS_TRY(comm.beginStep(s.rows, chunks));
    Buffers &b = fresh(comm.rank());
    const int32_t *ids = s.ids.data() + s.ownedFirst[comm.rank()] * 2;
    if (!fused)
      return comm.dispatch({3, MXS_SITE_DISPATCH}, MXS_FLAT_EP, {b.x.data(), b.weights.data(), ids},
                           {b.outX.data(), b.outWeights.data(), b.outIds.data()}, 8, 2);
    mxs_ag_dispatch_t args = {};
    args.x = b.x.data();
    args.weights = b.weights.data();
    args.ids = ids;
    args.out_x = b.outX.data();
    args.out_weights = b.outWeights.data();
    args.out_ids = b.outIds.data();
    args.hidden = 8;
    args.top_k = 2;
    return comm.agDispatch(nullptr, 3, args);
  }

private:
  struct Buffers {
    std::vector<float> x, weights, outX, outWeights;
    std::vector<int32_t> outIds;
  };

  Buffers &fresh(int rank) {
    const int64_t total = s.totalRows(), owned = s.owned(rank);
    std::lock_guard<std::mutex> lock(mutex);
    kept.push_back({std::vector<float>(owned * 8, 1.0f), std::vector<float>(owned * 2, 1.0f),
                    std::vector<float>(total * 8), std::vector<float>(total * 2),
                    std::vector<int32_t>(total * 2)});
    return kept.back();
  }

  const Scenario &s;
  std::mutex mutex;
  std::deque<Buffers> kept; ///< elements do not move
};

/// One rank fails with `first`, all others with it or MXS_ABORTED and its text.
static std::string expectOneCause(const std::vector<Status> &statuses, mxs_status_t first) {
  std::string cause;
  int causes = 0;
  for (const Status &status : statuses) {
    if (status.code() == first) {
      ++causes;
      cause = status.message();
    } else {
      EXPECT_EQ(status.code(), MXS_ABORTED) << status.message();
      EXPECT_NE(status.message().find("another rank failed first: "), std::string::npos);
    }
  }
  EXPECT_GE(causes, 1);
  return cause;
}

static bool contains(const std::string &text, const std::string &part) {
  return text.find(part) != std::string::npos;
}

TEST(Failure, AMissingRankTimesOutByName) {
  const Topology topo = mesh(1, 2);
  Cluster cluster(topo, shortDeadline(100));
  const Scenario s = scenarioOf(topo);
  Dispatches dispatch(s);
  const std::vector<Status> statuses = cluster.run([&](Communicator &comm) {
    return comm.rank() == 1 ? okStatus() : dispatch(comm, 1, false);
  });
  EXPECT_EQ(statuses[0].code(), MXS_TIMEOUT);
  EXPECT_TRUE(contains(statuses[0].message(), "layer 3 dispatch: rank 1 did not enter"))
      << statuses[0].message();
  // The world is poisoned: nothing waits any more.
  EXPECT_EQ(dispatch(cluster.world->rank(1), 1, false).code(), MXS_ABORTED);
}

TEST(Failure, ALostMessageNamesOperationChunkAndPeer) {
  // The last chunk: no other message waits for it, so ranks 2 and 3 have returned and only ranks 0
  // (receiver) and 1 (its node peer, which wants to gather) can notice.
  const Topology topo = mesh(2, 2);
  Cluster cluster(topo, shortDeadline(150), {{LinkFault::Drop, 2, 0, 2}});
  const Scenario s = scenarioOf(topo);
  Dispatches dispatch(s);
  const std::vector<Status> statuses =
      cluster.run([&](Communicator &comm) { return dispatch(comm, 3, true); });
  EXPECT_TRUE(statuses[0].code() == MXS_TIMEOUT || statuses[1].code() == MXS_TIMEOUT);
  for (int rank : {0, 1}) {
    const std::string &text = statuses[rank].message();
    ASSERT_FALSE(statuses[rank].ok());
    EXPECT_TRUE(contains(text, "layer 3 dispatch, chunk 2: no message from rank 2 within") ||
                contains(text, "layer 3 dispatch, chunk 2: rank 0 did not publish its rows"))
        << text;
  }
}

TEST(Failure, AnEarlyLossEndsEveryRank) {
  // The ranks of node 0 wait for the first chunk; whose deadline passes first is open. Those of node 1
  // need nothing more of node 0, so they may have returned: they learn of it in their next call.
  const Topology topo = mesh(2, 2);
  Cluster cluster(topo, shortDeadline(150), {{LinkFault::Drop, 2, 0, 0}});
  const Scenario s = scenarioOf(topo);
  Dispatches dispatch(s);
  const auto begin = std::chrono::steady_clock::now();
  const auto body = [&](Communicator &comm) { return dispatch(comm, 3, true); };
  const std::vector<Status> statuses = cluster.run(body);
  const std::string cause = expectOneCause({statuses[0], statuses[1]}, MXS_TIMEOUT);
  EXPECT_TRUE(contains(cause, "layer 3 dispatch, chunk ")) << cause;
  for (const Status &status : cluster.run(body)) {
    EXPECT_EQ(status.code(), MXS_ABORTED);
    // The text of whichever of the two gave up first.
    EXPECT_TRUE(contains(status.message(), "layer 3 dispatch, chunk ")) << status.message();
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
}

TEST(Failure, AStallBelowTheDeadlineChangesNothing) {
  const Topology topo = mesh(2, 2);
  Cluster cluster(topo, optionsFor(64, 8, 2), {{LinkFault::Delay, -1, 1, 0, 30'000'000}});
  for (const std::string &problem : checkScenario(cluster, scenarioOf(topo), {1, 3}))
    ADD_FAILURE() << problem;
}

TEST(Failure, AStallAboveTheDeadlineFails) {
  const Topology topo = mesh(2, 1);
  Cluster cluster(topo, shortDeadline(100), {{LinkFault::Delay, 0, 1, -1, 3'000'000'000}});
  const Scenario s = scenarioOf(topo);
  Dispatches dispatch(s);
  expectOneCause(cluster.run([&](Communicator &comm) { return dispatch(comm, 2, true); }),
                 MXS_TIMEOUT);
}

TEST(Failure, ADamagedHeaderIsSeen) {
  const Topology topo = mesh(2, 1);
  Cluster cluster(topo, shortDeadline(5000), {{LinkFault::Corrupt, 0, 1, 0}});
  const Scenario s = scenarioOf(topo);
  Dispatches dispatch(s);
  const std::vector<Status> statuses = cluster.run([&](Communicator &comm) {
    MXS_TRY(dispatch(comm, 1, false));
    return dispatch(comm, 1, false);
  });
  const std::string cause = expectOneCause(statuses, MXS_INTERNAL);
  const std::string text = "layer 3 dispatch, chunk 0: message from rank 0 has a damaged";
  EXPECT_EQ(cause.find(text), 0u) << cause;
  EXPECT_TRUE(contains(statuses[0].message(), "another rank failed first: rank 1: " + text))
      << statuses[0].message();
}

TEST(Failure, RanksOfDifferentProgramsAreSeen) {
  const Topology topo = mesh(2, 1);
  Cluster cluster(topo, shortDeadline(5000));
  const Scenario s = scenarioOf(topo);
  Dispatches dispatch(s);
  std::vector<float> row(64 * 8);
  const std::string cause = expectOneCause(cluster.run([&](Communicator &comm) {
    std::vector<float> out(64 * 8);
    MXS_TRY(comm.beginStep(s.rows, 1));
    if (comm.rank() == 1)
      return dispatch(comm, 1, false);
    return comm.reduceScatter({3, MXS_SITE_COMBINE_RS}, row.data(), out.data(), 8,
                              MXS_ROWS_RECEIVED, MXS_ROWS_OWNED);
  }), MXS_INTERNAL);
  EXPECT_TRUE(contains(cause, "belongs to another collective") || contains(cause, "longer than"))
      << cause;
}

// With whole experts the fused combine reads what the fused dispatch noted of who got which row.
TEST(Failure, ACombineOfAnotherMethodsDispatchIsRefused) {
  const Topology topo = mesh(1, 2);
  for (mxs_method_t method : {MXS_FLAT_EP, MXS_HYBRID}) {
    Cluster cluster(topo, shortDeadline(5000));
    const Scenario s = scenarioOf(topo);
    std::vector<float> rows(64 * 8), weights(64 * 2);
    const std::string cause = expectOneCause(cluster.run([&](Communicator &comm) {
      std::vector<float> x(64 * 8), w(64 * 2), out(64 * 8);
      std::vector<int32_t> ids(64 * 2);
      MXS_TRY(comm.beginStep(s.rows, 1));
      MXS_TRY(comm.dispatch({3, MXS_SITE_DISPATCH}, method,
                            {rows.data(), weights.data(), s.ids.data() + s.ownedFirst[comm.rank()] * 2},
                            {x.data(), w.data(), ids.data()}, 8, 2));
      return comm.rsCombine(3, rows.data(), out.data(), 8);
    }), MXS_INVALID_ARGUMENT);
    EXPECT_TRUE(contains(cause, "not dispatched by the method that combines them")) << cause;
  }
}

TEST(Failure, AbortEndsAllWaits) {
  const Topology topo = mesh(2, 2);
  Cluster cluster(topo, optionsFor(64, 8, 2));
  const Scenario s = scenarioOf(topo);
  Dispatches dispatch(s);
  const auto begin = std::chrono::steady_clock::now();
  const std::vector<Status> statuses = cluster.run([&](Communicator &comm) {
    if (comm.rank() == 3) {
      cluster.world->abort(badArtifact("rank 3 has no weights"));
      return okStatus();
    }
    return dispatch(comm, 1, false);
  });
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
  for (int rank = 0; rank < 3; ++rank) {
    EXPECT_EQ(statuses[rank].code(), MXS_ABORTED);
    EXPECT_TRUE(contains(statuses[rank].message(), "rank 3 has no weights"));
  }
  std::string message;
  EXPECT_EQ(cluster.world->recvControl(0, 1, message, /*forever=*/true).code(), MXS_ABORTED);
  EXPECT_EQ(cluster.world->sendControl(0, 1, "late").code(), MXS_ABORTED);
}

TEST(Failure, AFailedCallReturnsWhenItsPeersReadNoMore) {
  // Rank 0 waits for rank 1, which is inside the same collective, when the world is aborted.
  const Topology topo = mesh(1, 2);
  Cluster cluster(topo, optionsFor(64, 8, 2));
  const Scenario s = scenarioOf(topo);
  std::vector<float> x(s.totalRows() * 8, 1.0f), out[2] = {x, x};
  std::vector<float> weights(s.totalRows() * 2, 1.0f), outWeights[2] = {weights, weights};
  std::vector<int32_t> outIds(s.totalRows() * 2);
  std::vector<int32_t> outIdsOf[2] = {outIds, outIds};
  std::atomic<bool> inside{false}, insideAtReturn{true};
  auto region = [&] {
    inside = true;
    cluster.world->abort(badArtifact("stopped by the test"));
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    inside = false;
  };
  cluster.run([&](Communicator &comm) { return comm.beginStep(s.rows, 1); });
  cluster.run([&](Communicator &comm) {
    const int rank = comm.rank();
    mxs_ag_dispatch_t args = {};
    if (rank == 1)
      args.region = [](mxs_ctx_t *, void *frame, int64_t, int64_t) {
        (*static_cast<decltype(region) *>(frame))();
      };
    args.frame = &region;
    args.x = x.data();
    args.weights = weights.data();
    args.ids = s.ids.data() + s.ownedFirst[rank] * 2;
    args.out_x = out[rank].data();
    args.out_weights = outWeights[rank].data();
    args.out_ids = outIdsOf[rank].data();
    args.hidden = 8;
    args.top_k = 2;
    const Status status = comm.agDispatch(nullptr, 3, args);
    if (rank == 0)
      insideAtReturn = inside.load();
    return status;
  });
  EXPECT_FALSE(insideAtReturn);
}

TEST(Failure, WrongArgumentsAreRefused) {
  Topology topo = mesh(2, 2);
  topo.attnTp = topo.moeTp = 4;
  Cluster cluster(topo, optionsFor(16, 8, 2));
  const Scenario s(topo, {10}, Routing::Uniform, 2, 1);
  Dispatches dispatch(s);
  const Scenario tooLarge(topo, {17}, Routing::Uniform, 2, 1);
  std::vector<float> rows(16 * 8);
  auto refusal = [&](const std::function<Status(Communicator &)> &call) {
    Cluster fresh(topo, optionsFor(16, 8, 2));
    Communicator &comm = fresh.world->rank(0);
    Status status = comm.beginStep(s.rows, 2);
    return status.ok() ? call(comm) : status;
  };
  Status status = refusal([&](Communicator &comm) { return comm.beginStep(tooLarge.rows, 1); });
  EXPECT_EQ(status.code(), MXS_RESOURCE_EXHAUSTED) << status.message();
  status = refusal([&](Communicator &comm) { return comm.beginStep(s.rows, 65); });
  EXPECT_EQ(status.code(), MXS_RESOURCE_EXHAUSTED);
  status = refusal([&](Communicator &comm) {
    return comm.allGather({}, rows.data(), rows.data(), 9, MXS_ROWS_OWNED, MXS_ROWS_GROUP);
  });
  EXPECT_EQ(status.code(), MXS_INVALID_ARGUMENT);
  status = refusal([&](Communicator &comm) {
    return comm.allGather({}, rows.data(), rows.data(), 8, MXS_ROWS_LANE, MXS_ROWS_GROUP);
  });
  EXPECT_TRUE(contains(status.message(), "row sets 2 -> 1 are not offered")) << status.message();
  status = refusal([&](Communicator &comm) { return dispatch(comm, 2, true); });
  EXPECT_TRUE(contains(status.message(), "moe_tp = 4 with 2 devices per node")) << status.message();
}

TEST(Failure, AFusedReduceAcrossNodesIsRefused) {
  Topology topo = mesh(2, 2);
  topo.attnTp = 4;
  Cluster cluster(topo, optionsFor(16, 8, 2));
  const Scenario s(topo, {10}, Routing::Uniform, 2, 1);
  Communicator &comm = cluster.world->rank(0);
  ASSERT_TRUE(comm.beginStep(s.rows, 2).ok());
  float value = 0;
  mxs_ag_dispatch_t args = {};
  args.partial = args.reduced = &value;
  args.hidden = 8;
  args.top_k = 2;
  EXPECT_TRUE(contains(comm.agDispatch(nullptr, 0, args).message(), "4 ranks spans nodes"));
}

TEST(Failure, AnExpertThatDoesNotExistIsNamed) {
  const Topology topo = mesh(1, 1);
  Cluster cluster(topo, optionsFor(16, 8, 2));
  Scenario s(topo, {3}, Routing::Uniform, 2, 1);
  Dispatches dispatch(s);
  s.ids[3] = 8;
  const Status status = dispatch(cluster.world->rank(0), 1, false);
  EXPECT_EQ(status.code(), MXS_INVALID_ARGUMENT);
  EXPECT_TRUE(contains(status.message(), "expert id 8 of row 1 is outside [0, 8)"))
      << status.message();
}

TEST(Control, MessagesArriveInOrderAndAreNotCounted) {
  Cluster cluster(mesh(2, 1), shortDeadline(50));
  World &world = *cluster.world;
  ASSERT_TRUE(world.sendControl(0, 1, "one").ok());
  ASSERT_TRUE(world.sendControl(0, 1, "two").ok());
  ASSERT_TRUE(world.sendControl(1, 1, "self").ok());
  std::string message;
  ASSERT_TRUE(world.recvControl(1, 0, message).ok());
  EXPECT_EQ(message, "one");
  ASSERT_TRUE(world.recvControl(1, 0, message).ok());
  EXPECT_EQ(message, "two");
  ASSERT_TRUE(world.recvControl(1, 1, message).ok());
  EXPECT_EQ(message, "self");
  const Status late = world.recvControl(1, 0, message);
  EXPECT_EQ(late.code(), MXS_TIMEOUT);
  EXPECT_TRUE(contains(late.message(), "node 1: no control message from node 0"));
  EXPECT_TRUE(world.counters().rows().empty());
}

TEST(World, ManyWorldsLeaveNothingBehind) {
  const Topology topo = mesh(2, 2);
  const Scenario s = scenarioOf(topo);
  Dispatches dispatch(s);
  for (int i = 0; i < 50; ++i) {
    Cluster cluster(topo, optionsFor(64, 8, 2));
    for (const Status &status :
         cluster.run([&](Communicator &comm) { return dispatch(comm, 2, true); }))
      ASSERT_TRUE(status.ok()) << status.message();
  }
}

} // namespace mxs::test
