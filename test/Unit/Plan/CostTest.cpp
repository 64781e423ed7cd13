//===- CostTest.cpp - Every formula's worked number -----------------------===//
#include "mixserve/Plan/CollectiveCost.h"
#include "mixserve/Plan/CollectiveTimes.h"
#include "mixserve/Plan/ComputeCost.h"
#include "mixserve/Plan/EarlyAnswers.h"
#include "mixserve/Plan/MemoryCost.h"
#include "mixserve/Plan/Overlap.h"
#include "mixserve/Plan/StepCost.h"

#include "TinyModel.h"

#include <gtest/gtest.h>

#include <algorithm>

using namespace mixserve::planner;

namespace {

Cluster twoByTwo() {
  Cluster cluster;
  cluster.mesh = {2, 2};
  cluster.inter.latencyNs = 5000;
  cluster.inter.bytesPerNs = 50;
  cluster.intra.latencyNs = 2000;
  cluster.intra.bytesPerNs = 450;
  cluster.device.memoryBytes = 80e9;
  return cluster;
}

/// Rank 0 sends 1000 inter bytes under `dispatch` to rank 2, rank 1 sends 500 to rank 3.
ByteTable<double> someDispatch(const Mesh &mesh) {
  ByteTable<double> table(4);
  table.send(mesh, CommOp::Dispatch, 0, 2, 1000);
  table.send(mesh, CommOp::Dispatch, 1, 3, 500);
  return table;
}

TEST(CollectiveCost, TransferTime) {
  const Cluster cluster = twoByTwo();
  EXPECT_DOUBLE_EQ(transferTime(cluster.inter, 1048576), 25971.52); // the worked number
  EXPECT_EQ(transferTime(cluster.inter, 0), 0);
  LinkSpec slowStart = cluster.inter;
  slowStart.smallBelow = 65536;
  slowStart.smallBytesPerNs = 10;
  EXPECT_DOUBLE_EQ(transferTime(slowStart, 10000), 5000 + 1000);
  EXPECT_DOUBLE_EQ(transferTime(slowStart, 1048576), 5000 + 6553.6 + (1048576 - 65536) / 50.0);
}

TEST(CollectiveCost, TheBusiestRankOrNodeDecides) {
  Cluster cluster = twoByTwo();
  const ByteTable<double> table = someDispatch(cluster.mesh);
  EXPECT_EQ(stageLoad(cluster, table, {CommOp::Dispatch}, Link::Inter).outBytes, 1000);
  EXPECT_EQ(stageLoad(cluster, table, {CommOp::Dispatch}, Link::Inter).inBytes, 1000);
  EXPECT_EQ(stageLoad(cluster, table, {CommOp::Dispatch}, Link::Intra).outBytes, 0);
  EXPECT_DOUBLE_EQ(opTime(cluster, table, CommOp::Dispatch, false), 5000 + 20);
  cluster.inter.perNode = true;
  EXPECT_EQ(stageLoad(cluster, table, {CommOp::Dispatch}, Link::Inter).outBytes, 1500);
}

TEST(CollectiveCost, IndependentMessagesOverlapTheLinks) {
  const Cluster cluster = twoByTwo();
  ByteTable<double> table = someDispatch(cluster.mesh);
  table.send(cluster.mesh, CommOp::Dispatch, 0, 1, 4500);
  EXPECT_DOUBLE_EQ(opTime(cluster, table, CommOp::Dispatch, false), 5020 + 2010);
  EXPECT_DOUBLE_EQ(opTime(cluster, table, CommOp::Dispatch, true), 5020);
}

TEST(Overlap, OwnRowsAreGatheredWhileTheNetworkWorks) {
  EXPECT_DOUBLE_EQ(dispatchTime({0, 250, 0, 125, 125}, 4), 1125); // the worked number
  EXPECT_DOUBLE_EQ(dispatchTime({0, 1000, 0, 500, 500}, 1), 1500);
  EXPECT_DOUBLE_EQ(dispatchTime({0, 10, 0, 500, 500}, 4), 4000); // the node's link is the busy one
  EXPECT_DOUBLE_EQ(dispatchTime({0, 0, 0, 0, 0}, 4), 0);
}

TEST(Overlap, AMessageLeavesWhenItsRowsAreReduced) {
  EXPECT_DOUBLE_EQ(dispatchTime({100, 10, 5, 0, 0}, 4), 415);
  EXPECT_DOUBLE_EQ(dispatchTime({10, 100, 5, 0, 7}, 4), 10 + 400 + 5 + 7);
}

TEST(Overlap, LatenciesOfChunksOverlap) {
  EXPECT_DOUBLE_EQ(dispatchTime({0, 10, 1000, 0, 0}, 4), 1040);
  EXPECT_DOUBLE_EQ(combineTime({0, 10, 1000, 0, 0}, 4), 1040);
}

TEST(Overlap, OnlyTheLastChunkIsGatheredAfterTheNetwork) {
  EXPECT_DOUBLE_EQ(combineTime({0, 250, 0, 0, 250}, 4), 1250); // the worked number
  EXPECT_DOUBLE_EQ(combineTime({0, 1000, 0, 0, 1000}, 1), 2000);
  EXPECT_DOUBLE_EQ(combineTime({50, 10, 0, 50, 0}, 4), 400); // all messages are made first
}

TEST(CollectiveCost, FusedHidesTheShorterStage) {
  Cluster cluster = twoByTwo();
  cluster.inter.latencyNs = cluster.intra.latencyNs = 0;
  cluster.intra.bytesPerNs = 50;
  ByteTable<double> table(4);
  table.send(cluster.mesh, CommOp::Dispatch, 0, 2, 50000);   // 1000 ns
  table.send(cluster.mesh, CommOp::DispatchAg, 2, 3, 50000); // 1000 ns
  const Layout attentionDp{1, 4, 2, 2}, attentionTp{4, 1, 2, 2};
  EXPECT_DOUBLE_EQ(fusedTime(cluster, attentionDp, table, 1).agDispatchNs, 1500);
  EXPECT_DOUBLE_EQ(fusedTime(cluster, attentionDp, table, 4).agDispatchNs, 1125);
  EXPECT_DOUBLE_EQ(expertCommTime(cluster, table, Method::Hybrid, 1), 2000);
  EXPECT_FALSE(
      fusedTime(cluster, attentionTp, table, 4).includesAttention); // the group spans nodes
  EXPECT_TRUE(fusedTime(cluster, {2, 2, 2, 2}, table, 4).includesAttention);
}

TEST(CollectiveCost, ChunksOfHierEpHideTheShorterStage) {
  Cluster cluster = twoByTwo();
  cluster.inter.latencyNs = cluster.intra.latencyNs = 0;
  cluster.intra.bytesPerNs = 50;
  ByteTable<double> table(4);
  table.send(cluster.mesh, CommOp::Dispatch, 0, 2, 50000); // 1000 ns
  table.send(cluster.mesh, CommOp::Dispatch, 2, 3, 50000); // 1000 ns
  const Layout layout{2, 2, 1, 4};
  const auto time = [&](int64_t chunks) {
    return layerCommTime(cluster, layout, Method::HierEp, chunks, 8, table, WireType::F32).moeNs;
  };
  EXPECT_DOUBLE_EQ(time(1), 2000);                        // in one piece: one after the other
  EXPECT_DOUBLE_EQ(time(4), 1125);                        // as Overlap.h works out
  table.send(cluster.mesh, CommOp::Combine, 2, 0, 50000); // 1000 ns
  table.send(cluster.mesh, CommOp::Combine, 3, 2, 50000); // 1000 ns
  // Half of the sums are for other nodes and come before their messages: 125 + 1000.
  EXPECT_DOUBLE_EQ(time(4), 1125 + 1125);
  // Attention's part is apart, and with it.
  table.send(cluster.mesh, CommOp::AttnAg, 2, 3, 50000);
  EXPECT_DOUBLE_EQ(
      layerCommTime(cluster, layout, Method::HierEp, 4, 8, table, WireType::F32).attnNs, 1000);
}

/// Two nodes of four ranks. `senders` ranks of node 0 have rows for each rank of node 1.
struct FlatRows : testing::Test {
  FlatRows() {
    cluster.mesh = {2, 4};
    cluster.inter.latencyNs = cluster.intra.latencyNs = 0;
    cluster.inter.perNode = true;
  }
  void send(ByteTable<double> &table, int64_t home, int64_t to, double bytes) const {
    table.send(cluster.mesh, CommOp::Dispatch, home, to, bytes);
    table.send(cluster.mesh, CommOp::Combine, to, home, bytes);
  }
  ByteTable<double> rowsOf(int64_t senders, double bytes) const {
    ByteTable<double> table(cluster.mesh.ranks());
    for (int64_t home = 0; home < senders; ++home)
      for (int64_t to = 4; to < 8; ++to)
        send(table, home, to, bytes);
    return table;
  }
  double hidden(const ByteTable<double> &table) const { return earlyAnswerBytes(cluster, table); }
  double time(const ByteTable<double> &table, Method method = Method::FlatEp) const {
    return expertCommTime(cluster, table, method, 1) * cluster.inter.bytesPerNs;
  }
  Cluster cluster = twoByTwo();
};

TEST_F(FlatRows, OfOneSenderAreAnsweredWhileOthersAreSent) {
  for (const bool perNode : {true, false}) {
    cluster.inter.perNode = perNode;
    const ByteTable<double> lone = rowsOf(1, 100);
    EXPECT_DOUBLE_EQ(hidden(lone), 300); // the worked number
    EXPECT_DOUBLE_EQ(time(lone), 400 + 100);
    EXPECT_DOUBLE_EQ(time(lone, Method::HierEp), 800) << "no method else";
  }
}

TEST_F(FlatRows, OfManySendersAreAnsweredLate) {
  EXPECT_DOUBLE_EQ(hidden(rowsOf(2, 100)), 800 * 0.5);
  ByteTable<double> all = rowsOf(4, 100);
  EXPECT_DOUBLE_EQ(hidden(all), 0) << "every receiver waits for the last sender";
  for (int64_t to = 0; to < 4; ++to)
    send(all, 4, to, 1);
  EXPECT_DOUBLE_EQ(hidden(all), 0) << "and for nobody of its own node";
}

TEST_F(FlatRows, CountReceiversByWhatTheyGet) {
  ByteTable<double> table(8);
  for (int64_t to = 4; to < 8; ++to)
    send(table, 0, to, to == 4 ? 370 : 10);
  EXPECT_NEAR(hidden(table), 30, 1e-9) << "one gets nearly all";
}

TEST_F(FlatRows, FillLinksBothWaysAndHideNothing) {
  ByteTable<double> table = rowsOf(1, 100);
  for (int64_t to = 0; to < 4; ++to)
    send(table, 4, to, 100);
  EXPECT_DOUBLE_EQ(hidden(table), 0);
  EXPECT_DOUBLE_EQ(time(table), 800);
}

TEST_F(FlatRows, InsideANodeTakeTheirTime) {
  ByteTable<double> table = rowsOf(1, 100);
  const double slower = cluster.intra.bytesPerNs / cluster.inter.bytesPerNs;
  send(table, 0, 1, 400 * slower);
  EXPECT_DOUBLE_EQ(time(table), 800) << "they are as long as both ops one after the other";
}

TEST(CollectiveCost, FusedHidesTheNextAttentionsGather) {
  Cluster cluster = twoByTwo();
  cluster.inter.latencyNs = cluster.intra.latencyNs = 0;
  cluster.intra.bytesPerNs = 50;
  ByteTable<double> table(4);
  table.send(cluster.mesh, CommOp::Combine, 0, 2, 50000); // 1000 ns
  table.send(cluster.mesh, CommOp::AttnAg, 2, 3, 50000);  // 1000 ns
  EXPECT_DOUBLE_EQ(fusedTime(cluster, {2, 2, 2, 2}, table, 4).rsCombineNs, 1250);
  EXPECT_DOUBLE_EQ(fusedTime(cluster, {4, 1, 2, 2}, table, 4).rsCombineNs, 1000); // spans nodes
  const LayerCommTime inside =
      layerCommTime(cluster, {2, 2, 2, 2}, Method::HybridFused, 4, 8, table, WireType::F32);
  EXPECT_DOUBLE_EQ(inside.attnNs, 0);
  EXPECT_DOUBLE_EQ(inside.moeNs, 1250);
  EXPECT_DOUBLE_EQ(
      layerCommTime(cluster, {4, 1, 2, 2}, Method::HybridFused, 4, 8, table, WireType::F32).attnNs,
      1000);
}

TEST(ComputeCost, ExpertsAtTheBusiestRank) {
  ModelShape model = tinyModel();
  const Layout layout{1, 4, 2, 2};
  const RoutingLoad uniform = RoutingLoad::uniform(8, 2);
  const Work work = expertWork(model, layout, {8, 4, 1}, uniform);
  // The worked number, and the router: 2 owned rows of 8 over 4 groups.
  EXPECT_DOUBLE_EQ(work.flops, 49152 + 2 * 2 * 64 * 8);
  // An expert's gate and up [16,64] and the router [8,64] are padded to 64 outputs.
  const double expert = 2 * 64 * 64 + 64 * 16;
  EXPECT_NEAR(work.bytes, 4 * (expert * uniform.active({0, 4}, 8) + 64 * 64), 1e-6);
  const RoutingLoad skewed = RoutingLoad::zipf(8, 2, 2);
  EXPECT_GT(expertWork(model, layout, {8, 4, 1}, skewed).flops, work.flops);
}

TEST(ComputeCost, AttentionCountsLocalHeadsAndReplicatedKeys) {
  const ModelShape model = tinyModel();
  // 2 heads and 1 KV head a rank: H D (2*2 + 2*1) = 6144 weights; 4 rows; context 10; 4 sequences.
  const Work two = attentionWork(model, {2, 1, 1, 2}, {4, 4, 10});
  EXPECT_DOUBLE_EQ(two.flops, 2 * 4 * 6144 + 4 * 4 * 10 * 16 * 2);
  // q [32,64], k and v [16,64] are padded to 64 outputs; o [64,32] needs none.
  EXPECT_DOUBLE_EQ(two.bytes, 4 * (3 * 64 * 64 + 64 * 32 + 2 * 4 * 10 * 16 * 1));
  // 4 ranks, 2 KV heads: still one KV head each.
  const Work four = attentionWork(model, {4, 1, 1, 4}, {4, 4, 10});
  EXPECT_DOUBLE_EQ(four.flops, 2 * 4 * 64 * 16 * (2 + 2) + 4 * 4 * 10 * 16 * 1);
}

// 2 nodes of 2 devices that share a node's processors: sums over the busiest node.
TEST(ComputeCost, AUnitIsTheRanksThatShareProcessors) {
  const ModelShape model = tinyModel();
  const Unit node{2};
  const RoutingLoad uniform = RoutingLoad::uniform(8, 2);
  const auto flopsOver = [&](const Layout &layout, const StepLoad &load) {
    return attentionWork(model, layout, load, node).flops /
           attentionWork(model, layout, load).flops;
  };
  EXPECT_DOUBLE_EQ(flopsOver({1, 4, 1, 4}, {8, 1, 10}), 1); // one group of one rank works
  EXPECT_DOUBLE_EQ(flopsOver({1, 4, 1, 4}, {8, 2, 10}), 1); // one in each node
  EXPECT_DOUBLE_EQ(flopsOver({1, 4, 1, 4}, {8, 3, 10}), 2);
  EXPECT_DOUBLE_EQ(flopsOver({2, 2, 1, 4}, {8, 1, 10}), 2);
  EXPECT_DOUBLE_EQ(flopsOver({4, 1, 1, 4}, {8, 1, 10}), 2);
  // All rows' experts, half of them in each node, whatever the layout.
  const double perRow = 2 * 2 * 3.0 * 64 * 32 / 2;
  for (const Layout &layout : {Layout{1, 4, 1, 4}, Layout{1, 4, 2, 2}, Layout{1, 4, 4, 1}})
    EXPECT_DOUBLE_EQ(expertWork(model, layout, {8, 4, 1}, uniform, node).flops,
                     8 * perRow + 2 * (2 * 2 * 64 * 8));
  // Replicas of weights that a cache holds are read once, parts of TP groups each by its rank.
  const auto headBytesOver = [&](const ModelShape &of, const Layout &layout) {
    return headWork(of, layout, {8, 4, 1}, node).bytes / headWork(of, layout, {8, 4, 1}).bytes;
  };
  EXPECT_DOUBLE_EQ(headBytesOver(model, {1, 4, 1, 4}), 1);
  EXPECT_DOUBLE_EQ(headBytesOver(model, {2, 2, 1, 4}), 2);
  ModelShape large = model;
  large.vocab = 1 << 20;
  EXPECT_GT(headBytes(large, {1, 4, 1, 4}), kCachedBytes);
  EXPECT_DOUBLE_EQ(headBytesOver(large, {1, 4, 1, 4}), 2);
  // Every group has a cache of its own.
  const Work alone = attentionWork(model, {1, 4, 1, 4}, {8, 4, 10});
  const Work longer = attentionWork(model, {1, 4, 1, 4}, {8, 4, 20});
  const Work both = attentionWork(model, {1, 4, 1, 4}, {8, 4, 10}, node);
  EXPECT_DOUBLE_EQ(both.bytes - alone.bytes, longer.bytes - alone.bytes);
  Cluster cluster = twoByTwo();
  EXPECT_EQ(unitOf(cluster).ranks, 1);
  cluster.device.perNode = true;
  EXPECT_EQ(unitOf(cluster).ranks, cluster.mesh.devices);
}

TEST(ComputeCost, RooflineTakesTheSlowerAndSkipsWhatIsUnknown) {
  Cluster cluster = twoByTwo();
  const ModelShape model = tinyModel();
  EXPECT_EQ(workTime(cluster, model, {1e6, 1e6}), 0);
  cluster.device.flopsPerNs["f32"] = 100;
  EXPECT_DOUBLE_EQ(workTime(cluster, model, {7e6, 1e6}), 1e5);
  cluster.device.memoryBytesPerNs = 1;
  EXPECT_DOUBLE_EQ(workTime(cluster, model, {7e6, 1e6}), 1.25e6);
}

TEST(MemoryCost, WeightsOfTheTinyModel) {
  // Parameters of a rank, outputs padded to 64: embedding 160*64, lm_head 192*64, final norm 64,
  // and per layer q 64*64; o 64*32; k, v 2*64*64; router 64*64; norms 2*64 + 2*16; experts
  // 4*(2*64*64 + 64*16).
  const double layer = 4096 + 2048 + 8192 + 4096 + 160 + 4 * (8192 + 1024);
  const Memory memory = memoryPerRank(tinyModel(), {2, 2, 2, 2}, {256, 16, 512});
  EXPECT_DOUBLE_EQ(memory.weights, 4 * (160 * 64 + 192 * 64 + 64 + 2 * layer));
  EXPECT_DOUBLE_EQ(memory.weights, 534016); // the worked number
  EXPECT_DOUBLE_EQ(memory.cache, 4. * 2 * 16 * 512 * 2 * 1 * 16);
  EXPECT_DOUBLE_EQ(memory.buffers, 4. * 256 * 2 * 69);
  EXPECT_DOUBLE_EQ(memory.workspace, 4. * 256 * (128 + 16 * (2 + 2) + 2 * (128 + 32) + 160));
}

TEST(MemoryCost, KvHeadsAreReplicatedAndUnevenExpertsRoundUp) {
  ModelShape model = tinyModel();
  const Limits limits{256, 16, 512};
  EXPECT_DOUBLE_EQ(memoryPerRank(model, {4, 1, 1, 4}, limits).cache,
                   memoryPerRank(model, {2, 2, 1, 4}, limits).cache);
  const double even = memoryPerRank(model, {1, 4, 1, 4}, limits).weights;
  model.experts = 9; // 2, 2, 2, 3
  EXPECT_DOUBLE_EQ(memoryPerRank(model, {1, 4, 1, 4}, limits).weights - even,
                   4. * 2 * (2 * 64 * 64 + 64 * 32)); // the router's padding has room for the ninth
}

// Two of four heads on a rank, latent rows whole.
TEST(MemoryCost, LatentAttention) {
  ModelShape model = tinyModel();
  model.kvHeads = 1;
  model.latentDim = 32;
  model.ropeDim = model.valueDim = 16;
  const Layout layout{2, 1, 2, 1};
  // q_nope, q_rope, latent and rope are up to 64 outputs of H = 64; W_uk [64, 16], W_uv [32, 32], o
  // [64, 32].
  EXPECT_DOUBLE_EQ(attentionWeightBytes(model, layout),
                   4 * (4 * 4096 + 64 * 16 + 64 * 32 + 64 * 32));
  const Memory memory = memoryPerRank(model, layout, {64, 3, 100});
  EXPECT_DOUBLE_EQ(memory.cache, 4 * 2 * 3 * 100 * (32 + 16));
  const Work work = attentionWork(model, layout, {8, 2, 10});
  const double projections = 64 * (2 * (16 + 16 + 16) + 32 + 16) + 2 * 32 * (16 + 16);
  EXPECT_DOUBLE_EQ(work.flops, 2 * 8 * projections + 8 * 10 * 2 * 2 * (2 * 32 + 16));
  EXPECT_DOUBLE_EQ(work.bytes, attentionWeightBytes(model, layout) + 2 * 10 * (32 + 16) * 4);
  // A prompt of 64 rows: 64 positions are expanded, and a row sees 32.5 of them.
  const double queries = 64 * (2 * (16 + 16 + 16) + 32 + 16);
  EXPECT_DOUBLE_EQ(attentionWork(model, layout, {64, 1, 32.5}).flops,
                   2 * 64 * queries + 2 * 64 * 2 * 32 * (16 + 16) +
                       64 * 32.5 * 2 * 2 * (16 + 16 + 16));
}

TEST(MemoryCost, WeightsFollowTheirTypes) {
  EXPECT_EQ(packedBytes({MXS_WEIGHT_I8, 32}, 65, 96), 13056); // the worked number of WeightTypes.h
  EXPECT_EQ(packedBytes({MXS_WEIGHT_I4, 128}, 64, 256), 64 * 256 / 2 + 2 * 64 * 2);
  EXPECT_EQ(packedBytes({MXS_WEIGHT_BF16, 0}, 64, 7), 64 * 8 * 2);
  ModelShape model = tinyModel();
  const Layout layout{1, 1, 1, 1};
  const double f32 = expertBytes(model, layout), attention = attentionWeightBytes(model, layout);
  std::string error;
  model.choose(*parseWeightChoice("bf16", "int4", 0, "", error));
  EXPECT_EQ(model.dtype, "bf16");
  EXPECT_EQ(attentionWeightBytes(model, layout), attention / 2);
  EXPECT_EQ(routerBytes(model), 64 * 64 * 4);
  // An eighth, and a scale of 2 bytes per 32 values.
  EXPECT_EQ(expertBytes(model, layout), f32 / 8 + f32 / 4 / 32 * 2);
  EXPECT_EQ(headBytes(model, layout), 320 * 64 * 2);
  const double decode = expertWork(model, layout, {1, 1, 1}, RoutingLoad::uniform(8, 2)).bytes;
  EXPECT_NEAR(decode, 2 * expertBytes(model, layout) + routerBytes(model), 1e-6);
}

TEST(WeightTypes, GroupsAndSplits) {
  const WeightType int8{MXS_WEIGHT_I8, 32};
  EXPECT_EQ(whyGroupsDoNotFit({MXS_WEIGHT_BF16, 0}, 96, 2), "");
  EXPECT_EQ(whyGroupsDoNotFit(int8, 96, 1), "");
  EXPECT_EQ(whyGroupsDoNotFit(int8, 128, 2), "");
  EXPECT_EQ(whyGroupsDoNotFit(int8, 64, 4), ""); // 16 of a group of 32
  EXPECT_EQ(whyGroupsDoNotFit({MXS_WEIGHT_I8, 128}, 48, 2), "");
  EXPECT_EQ(whyGroupsDoNotFit(int8, 96, 2),
            "int8 weights have a scale per 32 values, which 2 parts of 48 of 96 would cut");
}

TEST(WeightTypes, Options) {
  std::string error;
  const auto refused = [&](const char *weights, const char *quantize, int64_t group) {
    error.clear();
    EXPECT_FALSE(parseWeightChoice(weights, quantize, group, "", error));
    return error;
  };
  EXPECT_EQ(refused("fp8", "", 0), "weights: 'fp8' is not one of auto, f32, bf16");
  EXPECT_NE(refused("int4", "", 0).find("quantize=int4"), std::string::npos);
  EXPECT_EQ(refused("", "bf16", 0),
            "quantize: 'bf16' is not one of int8, int4, int8-all, int4-all");
  EXPECT_EQ(refused("", "int8", 64), "quantize-group: 64 is neither 32 nor 128");
  EXPECT_NE(refused("", "", 128).find("nothing to group"), std::string::npos);
  const auto choice = parseWeightChoice("auto", "int8", 128, "", error);
  ASSERT_TRUE(choice);
  EXPECT_FALSE(choice->weights);
  EXPECT_EQ(choice->experts->element, MXS_WEIGHT_I8);
  EXPECT_EQ(choice->experts->group, 128);
  EXPECT_FALSE(choice->linears);
  EXPECT_NE(refused("", "int8-al", 0).find("int8-all"), std::string::npos);
  EXPECT_NE(refused("", "-all", 0).find("int8-all"), std::string::npos);
  const auto all = parseWeightChoice("bf16", "int8-all", 0, "", error);
  ASSERT_TRUE(all);
  EXPECT_EQ(all->weights->element, MXS_WEIGHT_BF16);
  EXPECT_EQ(all->experts->element, MXS_WEIGHT_I8);
  EXPECT_EQ(all->linears->element, MXS_WEIGHT_I8);
  EXPECT_EQ(all->linears->group, 32);
}

TEST(StepCost, TermsAddUpToTheServingFigures) {
  Cluster cluster = twoByTwo();
  cluster.device.flopsPerNs["f32"] = 50000;
  cluster.device.memoryBytesPerNs = 3350;
  const ModelShape model = tinyModel();
  const RoutingLoad routing = RoutingLoad::uniform(8, 2);
  const Workload workload{100, 21, 4, 0};
  const PlanContext context{cluster, model, routing, workload, {256, 4, 121}};
  const std::vector<TableEntry> table = {{16, Method::AllGather, 1}, {256, Method::Hybrid, 1}};
  const Layout layout{2, 2, 2, 2};
  const ServingCost serving = servingCost(context, layout, table);
  auto step = [&](Method method, const StepLoad &load) {
    return stepCost(context, layout, method, 1, load).total();
  };
  // 400 prompt tokens: a full step of 256, of 3 prompts, and one of 144, of 2; then 20 decode steps
  // of 4.
  const double prompts = step(Method::Hybrid, {256, 3, 50}) + step(Method::Hybrid, {144, 2, 50});
  EXPECT_NEAR(serving.prefill.total(), prompts, 1e-9 * prompts);
  EXPECT_DOUBLE_EQ(serving.itlNs, step(Method::AllGather, {4, 4, 110.5}));
  EXPECT_DOUBLE_EQ(serving.ttftNs, step(Method::Hybrid, {100, 1, 50}));
  EXPECT_NEAR(serving.completionNs, prompts + 20 * serving.itlNs, 1e-6);
  EXPECT_NEAR(serving.tokensPerSecond, 4 * 21 / serving.completionNs * 1e9, 1e-6);
}

TEST(CollectiveTimes, AddUpToTheStepsCommunication) {
  Cluster cluster = twoByTwo();
  const ModelShape model = tinyModel();
  const RoutingLoad routing = RoutingLoad::uniform(8, 2);
  const PlanContext context{cluster, model, routing, {100, 21, 4, 0}, {256, 4, 121}};
  const auto sumIs = [&](const Layout &layout, Method method, int64_t chunks) {
    for (const StepLoad &load : {StepLoad{1, 1, 50}, StepLoad{4, 4, 110.5}, StepLoad{256, 3, 50}}) {
      const StepCost cost = stepCost(context, layout, method, chunks, load);
      const CollectiveTimes times = collectiveTimes(context, layout, method, chunks, load);
      const double whole = cost.attnCommNs + cost.moeCommNs;
      double sum = 0;
      for (double time : times) {
        EXPECT_GE(time, 0);
        sum += time;
      }
      EXPECT_NEAR(sum, whole, 1e-9 * whole) << name(method) << " " << chunks << " " << load.tokens;
    }
  };
  for (Method method : {Method::AllGather, Method::FlatEp, Method::HierEp, Method::Hybrid})
    for (const Layout &layout : {Layout{2, 2, 2, 2}, Layout{1, 4, 1, 4}, Layout{4, 1, 1, 4}})
      sumIs(layout, method, 1);
  sumIs({2, 2, 1, 4}, Method::HierEp, 4);
  sumIs({2, 2, 2, 2}, Method::HybridFused, 4);
  sumIs({4, 1, 2, 2}, Method::HybridFused, 4); // attention's collectives stay outside
  cluster.mesh = {1, 1};
  sumIs({1, 1, 1, 1}, Method::AllGather, 1);
}

// What flat-ep's combine hides in its dispatch is not attention's.
TEST(CollectiveTimes, EarlyAnswersLeaveAttentionAsItIs) {
  Cluster cluster = twoByTwo();
  cluster.mesh = {2, 4};
  const ModelShape model = tinyModel();
  const RoutingLoad routing = RoutingLoad::uniform(8, 2);
  const PlanContext context{cluster, model, routing, {100, 21, 4, 0}, {256, 4, 121}};
  const Layout layout{2, 4, 1, 8};
  const StepLoad lone{100, 1, 50};
  const ByteTable<double> table = stepBytes(context, layout, Method::FlatEp, lone).layer;
  ASSERT_GT(earlyAnswerBytes(cluster, table), 0);
  const CollectiveTimes times = collectiveTimes(context, layout, Method::FlatEp, 1, lone);
  for (CommOp op : {CommOp::AttnAg, CommOp::AttnRs}) {
    const double alone = model.layers * opTime(cluster, table, op, false);
    EXPECT_GT(alone, 0);
    EXPECT_NEAR(times[static_cast<size_t>(op)], alone, 1e-9 * alone);
  }
}

TEST(CollectiveTimes, AreThoseOfTheLinksWhereNothingIsCalibrated) {
  const Cluster cluster = twoByTwo();
  const ModelShape model = tinyModel();
  const RoutingLoad routing = RoutingLoad::uniform(8, 2);
  const PlanContext context{cluster, model, routing, {100, 21, 4, 0}, {256, 4, 121}};
  const Layout layout{2, 2, 2, 2};
  const StepLoad load{64, 4, 50};
  const StepBytes<double> bytes = expectedBytes(cluster.mesh, layout, Method::Hybrid, model,
                                                evenRows(cluster.mesh, layout, 64, 4), routing);
  const CollectiveTimes times = collectiveTimes(context, layout, Method::Hybrid, 1, load);
  for (size_t i = 0; i < kCommOps.size(); ++i) {
    EXPECT_STREQ(kTimedOps[i], name(kCommOps[i]));
    const bool outside = kCommOps[i] == CommOp::EmbedRs || kCommOps[i] == CommOp::LmHeadAg;
    const double one = opTime(cluster, outside ? bytes.outside : bytes.layer, kCommOps[i], false);
    EXPECT_NEAR(times[i], outside ? one : model.layers * one, 1e-6) << kTimedOps[i];
  }
}

TEST(StepCost, HalvesHideTheShorterOfComputeAndLinks) {
  StepCost half;
  half.attentionNs = 6;
  half.expertsNs = 4;
  half.moeCommNs = 6;
  ASSERT_DOUBLE_EQ(kHalvesWork, 1.15);
  EXPECT_NEAR(costOfHalves(half, 1, 3).total(), 25 + 5.0 / 6, 1e-9); // as in StepCost.h
  EXPECT_NEAR(costOfHalves(half, 0, 3).total(), 23 + 1, 1e-9);
  EXPECT_NEAR(costOfHalves(half, 6, 3).total(), 35, 1e-9) << "nothing is on links";
  half.moeCommNs = 30;
  half.headNs = 5; // of the late half alone
  EXPECT_NEAR(costOfHalves(half, 0, 2).total(), 60 + 11.5 / 4 + 5, 1e-9);
}

TEST(StepCost, RanksThatShareProcessorsHideRowsOfEachOther) {
  const StepLoad load{64, 8, 32};
  const Unit node{4};
  EXPECT_DOUBLE_EQ(staggeredPart({1, 8, 1, 8}, Method::FlatEp, load, node), 3.0 / 4);
  EXPECT_DOUBLE_EQ(staggeredPart({2, 4, 1, 8}, Method::FlatEp, load, node), 5.0 / 8);
  EXPECT_DOUBLE_EQ(staggeredPart({4, 2, 1, 8}, Method::FlatEp, load, node), 3.0 / 8);
  // A sum over the node is ready when its last rank is.
  EXPECT_DOUBLE_EQ(staggeredPart({1, 8, 1, 8}, Method::HierEp, load, node), 3.0 / 8);
  EXPECT_DOUBLE_EQ(staggeredPart({4, 2, 4, 2}, Method::HybridFused, load, node), 0);
  EXPECT_DOUBLE_EQ(staggeredPart({1, 8, 1, 8}, Method::FlatEp, {64, 1, 32}, node), 3.0 / 8)
      << "one sequence: one rank of the node attends";
  EXPECT_DOUBLE_EQ(staggeredPart({1, 8, 1, 8}, Method::FlatEp, load, Unit{1}), 0);
}

/// Where arithmetic counts.
struct SlowMachine : testing::Test {
  SlowMachine() { cluster.device.flopsPerNs["f32"] = 50; }
  Cluster cluster = twoByTwo();
  const ModelShape model = tinyModel();
  const RoutingLoad routing = RoutingLoad::uniform(8, 2);
  const PlanContext context{cluster, model, routing, {100, 21, 4, 0}, {256, 4, 121}};
};

TEST_F(SlowMachine, StaggeredRowsHideNoMoreThanArithmetic) {
  const Layout layout{1, 4, 1, 4};
  const StepLoad load{100, 4, 50};
  EXPECT_EQ(stepCost(context, layout, Method::FlatEp, 1, load).hiddenNs, 0) << "own processors";
  cluster.device.perNode = true;
  const StepCost slow = stepCost(context, layout, Method::FlatEp, 1, load);
  const double links = slow.moeCommNs, work = slow.attentionNs + slow.expertsNs;
  EXPECT_NEAR(slow.hiddenNs, std::min(links, work) / 2, 1e-6);
  cluster.inter.bytesPerNs *= 1e6;
  cluster.intra.bytesPerNs *= 1e6;
  cluster.inter.latencyNs = cluster.intra.latencyNs = 1;
  const StepCost fast = stepCost(context, layout, Method::FlatEp, 1, load);
  EXPECT_LT(fast.moeCommNs, work);
  EXPECT_NEAR(fast.hiddenNs, fast.moeCommNs / 2, 1e-6);
}

TEST_F(SlowMachine, HalvesGoByTheEntryOfTheirOwnTokens) {
  const Layout layout{2, 2, 2, 2};
  const std::vector<TableEntry> table = {{64, Method::HybridFused, 2}, {256, Method::Hybrid, 1, 2}};
  const StepLoad load{100, 1, 50};
  StepCost half = stepCost(context, layout, Method::HybridFused, 2, {50, 1, 50});
  // Before the layers both halves, behind them the late one: neither is hidden.
  const StepBytes<double> bytes = expectedBytes(cluster.mesh, layout, Method::HybridFused, model,
                                                evenRows(cluster.mesh, layout, 50, 1), routing);
  const double embed = opTime(cluster, bytes.outside, CommOp::EmbedRs, false);
  const double head = opTime(cluster, bytes.outside, CommOp::LmHeadAg, false);
  half.attnCommNs -= embed + head;
  // In the last layer only the late one has rows for experts.
  const double last =
      workTime(cluster, model, expertWork(model, layout, {1, 1, 50}, routing, unitOf(cluster)));
  EXPECT_GT(last, 0);
  half.expertsNs -= last;
  EXPECT_NEAR(stepCost(context, layout, table, load).total(),
              costOfHalves(half, 0, model.layers).total() + 2 * embed + head + last, 1e-6);
  EXPECT_DOUBLE_EQ(stepCost(context, layout, table, {100, 99, 50}).total(),
                   stepCost(context, layout, Method::Hybrid, 1, {100, 99, 50}).total())
      << "one token cannot be cut";
}

} // namespace
