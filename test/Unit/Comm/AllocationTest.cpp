//===- AllocationTest.cpp - No collective allocates memory ------------------------------------===//
//
// Counted over all threads, the network's between nodes of this process included, after each method
// has run once.
//
//===----------------------------------------------------------------------===//

#include "Conformance.h"
#include "test/Unit/Runtime/CountAllocations.h"

#include "gtest/gtest.h"

#include <pthread.h>

namespace mxs::test {

namespace {

constexpr int64_t kHidden = 8, kTopK = 2;

/// The rows of one rank, and every collective on them.
class RankRows {
public:
  RankRows(const Scenario &s, Communicator &comm)
      : s(s), comm(comm), owned(rows(s.owned(comm.rank()))), lane(rows(s.totalRows())),
        received(rows(s.totalRows())), sums(s.totalRows() * kHidden), shared(64) {
    const int64_t first = s.ownedFirst[comm.rank()];
    std::copy_n(s.ids.begin() + first * kTopK, owned.ids.size(), owned.ids.begin());
  }

  Status run(int chunks) {
    MXS_TRY(comm.beginStep(s.rows, chunks));
    MXS_TRY(comm.reduceScatter({0, MXS_SITE_ATTN_RS}, sums.data(), received.x.data(), kHidden,
                               MXS_ROWS_GROUP, MXS_ROWS_OWNED));
    MXS_TRY(comm.allGather({0, MXS_SITE_ATTN_AG}, owned.x.data(), received.x.data(), kHidden,
                           MXS_ROWS_OWNED, MXS_ROWS_GROUP));
    MXS_TRY(comm.allReduce({0, MXS_SITE_ATTN_RS}, sums.data(), received.x.data(), kHidden));
    MXS_TRY(comm.allGatherRouted({0, MXS_SITE_DISPATCH_AG}, owned.in(), received.out(), kHidden,
                                 kTopK, MXS_ROWS_OWNED, MXS_ROWS_RECEIVED));
    for (mxs_method_t method : {MXS_FLAT_EP, MXS_HIER_EP}) {
      MXS_TRY(comm.dispatch({1, MXS_SITE_DISPATCH}, method, owned.in(), received.out(), kHidden,
                            kTopK));
      MXS_TRY(comm.combine({1, MXS_SITE_COMBINE}, method, sums.data(), received.x.data(), kHidden));
    }
    MXS_TRY(hybrid());
    MXS_TRY(fused());
    return comm.share({-1, MXS_SITE_SAMPLE}, shared.data(), shared.data() + 8, 32);
  }

private:
  struct Rows {
    std::vector<float> x, weights;
    std::vector<int32_t> ids;
    RoutedRows in() const { return {x.data(), weights.data(), ids.data()}; }
    RoutedRowsOut out() { return {x.data(), weights.data(), ids.data()}; }
  };
  static Rows rows(int64_t count) {
    return {std::vector<float>(count * kHidden), std::vector<float>(count * kTopK),
            std::vector<int32_t>(count * kTopK, -1)};
  }

  Status hybrid() {
    MXS_TRY(comm.dispatch({2, MXS_SITE_DISPATCH}, MXS_HYBRID, owned.in(), lane.out(), kHidden,
                          kTopK));
    MXS_TRY(comm.allGatherRouted({2, MXS_SITE_DISPATCH_AG}, lane.in(), received.out(), kHidden,
                                 kTopK, MXS_ROWS_LANE, MXS_ROWS_RECEIVED));
    MXS_TRY(comm.reduceScatter({2, MXS_SITE_COMBINE_RS}, sums.data(), lane.x.data(), kHidden,
                               MXS_ROWS_RECEIVED, MXS_ROWS_LANE));
    return comm.combine({2, MXS_SITE_COMBINE}, MXS_HYBRID, lane.x.data(), received.x.data(),
                        kHidden);
  }

  Status fused() {
    mxs_ag_dispatch_t args = {};
    args.partial = sums.data();
    args.reduced = lane.x.data();
    args.x = owned.x.data();
    args.weights = owned.weights.data();
    args.ids = owned.ids.data();
    args.out_x = received.x.data();
    args.out_weights = received.weights.data();
    args.out_ids = received.ids.data();
    args.hidden = kHidden;
    args.top_k = kTopK;
    MXS_TRY(comm.agDispatch(nullptr, 3, args));
    return comm.rsCombine(3, sums.data(), received.x.data(), kHidden);
  }

  const Scenario &s;
  Communicator &comm;
  Rows owned, lane, received;
  std::vector<float> sums;
  std::vector<uint8_t> shared;
};

TEST(Allocation, TheCountIsRight) {
  // Through a pointer that the compiler cannot see through: it drops pairs that nobody looks at.
  std::vector<int> *(*volatile make)() = [] { return new std::vector<int>(100); };
  allocations::begin();
  delete make();
  EXPECT_EQ(allocations::end(), 2);
}

TEST(Allocation, NoCollectiveDoes) {
  Topology topo;
  topo.nodes = 2;
  topo.devices = 2;
  topo.attnTp = 2;
  topo.experts = 8;
  WorldOptions options = optionsFor(64, kHidden, kTopK);
  options.layers = 4;
  options.maxChunks = 4;
  Cluster cluster(topo, options);
  // Rows of the steps differ, and so does who sends how much to whom.
  std::vector<Scenario> scenarios;
  for (unsigned seed = 0; seed < 6; ++seed)
    scenarios.emplace_back(topo, std::vector<int64_t>{5 + 4 * (seed % 3), 3 + 5 * (seed % 2)},
                           Routing::Random, kTopK, seed);
  pthread_barrier_t all;
  pthread_barrier_init(&all, nullptr, 4);
  int counted = -1;
  const std::vector<Status> statuses = cluster.run([&](Communicator &comm) {
    std::vector<RankRows> steps;
    for (const Scenario &s : scenarios)
      steps.emplace_back(s, comm);
    const Status warm = steps[0].run(4);
    pthread_barrier_wait(&all);
    if (comm.rank() == 0)
      allocations::begin();
    pthread_barrier_wait(&all);
    Status status = warm;
    for (size_t i = 0; i < steps.size() && status.ok(); ++i)
      status = steps[i].run(1 + int(i) % 4);
    pthread_barrier_wait(&all);
    if (comm.rank() == 0)
      counted = allocations::end();
    return status;
  });
  pthread_barrier_destroy(&all);
  for (const Status &status : statuses)
    EXPECT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(counted, 0);
}

} // namespace
} // namespace mxs::test
