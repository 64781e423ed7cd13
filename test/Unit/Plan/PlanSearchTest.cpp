//===- PlanSearchTest.cpp - What is chosen, refused and explained ---------===//
#include "mixserve/Plan/PlanSearch.h"
#include "mixserve/Plan/LayoutSpace.h"
#include "mixserve/Plan/PlanReport.h"

#include "TinyModel.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>

using namespace mixserve::planner;

namespace {

/// An 8-GPU-per-node class machine; a test slows down what it is about.
Cluster gpuCluster(int64_t nodes, int64_t devices) {
  Cluster cluster;
  cluster.path = "test.yaml";
  cluster.mesh = {nodes, devices};
  cluster.inter.latencyNs = 5000;
  cluster.inter.bytesPerNs = 50;
  cluster.intra.latencyNs = 2000;
  cluster.intra.bytesPerNs = 450;
  cluster.device.memoryBytes = 80e9;
  cluster.device.memoryBytesPerNs = 3350;
  cluster.device.flopsPerNs = {{"f32", 494000}, {"bf16", 989000}};
  return cluster;
}

struct Fixture {
  Cluster cluster;
  ModelShape model;
  RoutingLoad routing;
  Workload workload;
  Limits limits;
  Overrides overrides;

  explicit Fixture(Cluster cluster, ModelShape shape = tinyModel())
      : cluster(std::move(cluster)), model(std::move(shape)),
        routing(RoutingLoad::uniform(model.experts, model.topK)) {}
  PlanResult search() const {
    return searchPlan({cluster, model, routing, workload, limits, overrides});
  }
};

ModelShape largeModel() { // the shape of Qwen3-30B-A3B
  ModelShape model;
  model.vocab = 151936;
  model.hidden = 2048;
  model.layers = 48;
  model.heads = 32;
  model.kvHeads = 4;
  model.headDim = 128;
  model.experts = 128;
  model.topK = 8;
  model.ffn = 768;
  model.dtype = "bf16";
  model.dtypeBytes = 2;
  model.weights.element = model.expertWeights.element = model.tableWeights.element = MXS_WEIGHT_BF16;
  return model;
}

TEST(PlanSearch, EveryLayoutAndMethodIsACandidateCheapestFirst) {
  const PlanResult result = Fixture(gpuCluster(2, 2)).search();
  ASSERT_EQ(result.failure, PlanFailure::None) << result.error;
  const std::vector<Candidate> &candidates = result.plan.candidates;
  EXPECT_EQ(candidates.size(), 9u * 5);
  // Refused: hybrid and hybrid-fused where moe_tp = 4 spans nodes, for each attention layout.
  EXPECT_EQ(std::count_if(candidates.begin(), candidates.end(),
                          [](const auto &c) { return !c.refused.empty(); }),
            6);
  for (size_t i = 1; i < candidates.size(); ++i)
    if (candidates[i].refused.empty()) {
      EXPECT_LE(candidates[i - 1].cost.completionNs, candidates[i].cost.completionNs);
    }
  EXPECT_LE(result.plan.cost.completionNs, candidates.front().cost.completionNs * 1.0001);
  EXPECT_EQ(result.plan.table.back().maxTokens, result.plan.limits.maxBatchTokens);
}

TEST(PlanSearch, OneRankHasOnePlan) {
  const PlanResult result = Fixture(gpuCluster(1, 1)).search();
  ASSERT_EQ(result.failure, PlanFailure::None) << result.error;
  EXPECT_EQ(result.plan.layout, (Layout{1, 1, 1, 1}));
  ASSERT_EQ(result.plan.table.size(), 1u);
  EXPECT_EQ(result.plan.table[0].method, Method::AllGather);
  EXPECT_EQ(result.plan.cost.decode.moeCommNs + result.plan.cost.decode.attnCommNs, 0);
}

TEST(PlanSearch, ASlowNetworkKeepsAttentionInTheNodeAndSendsRowsOncePerNode) {
  Fixture fixture(gpuCluster(2, 4), largeModel());
  fixture.cluster.inter.bytesPerNs = 0.5;
  fixture.workload = {2048, 2, 16, 0};
  const PlanResult result = fixture.search();
  ASSERT_EQ(result.failure, PlanFailure::None) << result.error;
  EXPECT_LE(result.plan.layout.attnTp, 4);
  const Method method = result.plan.table.back().method;
  EXPECT_TRUE(method == Method::HierEp || method == Method::Hybrid || method == Method::HybridFused)
      << name(method);
  // The same step with each row once per rank costs more than once per node.
  auto find = [&](Method wanted) {
    return std::find_if(
        result.plan.candidates.begin(), result.plan.candidates.end(),
        [&](const Candidate &c) { return c.layout == result.plan.layout && c.method == wanted; });
  };
  EXPECT_GT(find(Method::FlatEp)->cost.completionNs, find(Method::HierEp)->cost.completionNs);
}

TEST(PlanSearch, ComputeSplitsWhereLinksCostNothing) {
  Fixture fixture(gpuCluster(1, 4), largeModel());
  fixture.cluster.intra.latencyNs = 0;
  fixture.cluster.intra.bytesPerNs = 1e9;
  fixture.workload = {1024, 256, 1, 0}; // one sequence: attention DP leaves three ranks idle
  const PlanResult result = fixture.search();
  ASSERT_EQ(result.failure, PlanFailure::None) << result.error;
  EXPECT_EQ(result.plan.layout.attnTp, 4);
}

TEST(PlanSearch, LatencyBoundDecodeStaysAwayFromTensorParallelAttention) {
  Fixture fixture(gpuCluster(4, 1));
  fixture.cluster.inter.latencyNs = 1e6;
  const PlanResult result = fixture.search();
  ASSERT_EQ(result.failure, PlanFailure::None) << result.error;
  EXPECT_EQ(result.plan.layout.attnTp, 1); // no attn_ag, attn_rs: two latencies less per layer
}

TEST(PlanSearch, FusedWinsWhereBothLinksAreBusyAlike) {
  Fixture fixture(gpuCluster(4, 4), largeModel());
  fixture.cluster.intra.bytesPerNs = 150;
  fixture.cluster.intra.latencyNs = fixture.cluster.inter.latencyNs = 1000;
  fixture.workload = {4096, 1, 16, 0};
  fixture.limits.maxBatchTokens = 16384;
  auto completion = [&](Method method) {
    Fixture forced = fixture;
    forced.overrides.method = method;
    forced.overrides.layout = Layout{4, 4, 4, 4};
    return forced.search().plan.cost.prefill.moeCommNs +
           forced.search().plan.cost.prefill.attnCommNs;
  };
  EXPECT_LT(completion(Method::HybridFused), 0.85 * completion(Method::Hybrid));
}

// With half of the bytes between nodes there is less to hide something behind: fewer chunks, and none
// where a step is small.
TEST(PlanSearch, HalfTheBytesBetweenNodesChangeThePick) {
  Fixture fixture(gpuCluster(2, 4), largeModel());
  fixture.workload = {512, 256, 64, 0};
  const Plan exact = fixture.search().plan;
  fixture.model.wire = WireType::BF16;
  const Plan rounded = fixture.search().plan;
  EXPECT_EQ(exact.layout, (Layout{4, 2, 1, 8}));
  EXPECT_EQ(rounded.layout, exact.layout);
  for (const Plan *plan : {&exact, &rounded})
    EXPECT_EQ(entryFor(plan->table, 2048).method, Method::HybridFused);
  EXPECT_EQ(entryFor(exact.table, 2048).chunks, 4);
  EXPECT_EQ(entryFor(rounded.table, 2048).chunks, 2);
  EXPECT_EQ(entryFor(exact.table, 256).chunks, 2);
  EXPECT_EQ(entryFor(rounded.table, 256).chunks, 1);
  EXPECT_LT(rounded.cost.completionNs, exact.cost.completionNs);
  EXPECT_DOUBLE_EQ(rounded.cost.decode.expertsNs, exact.cost.decode.expertsNs);
  const auto says = [](const Plan &plan, const char *text) {
    return plan.why.find(text) != std::string::npos;
  };
  EXPECT_TRUE(says(exact, " Rows cross nodes as f32, 4 bytes an element.")) << exact.why;
  EXPECT_TRUE(says(rounded, " Rows cross nodes as bf16, 2 bytes an element.")) << rounded.why;
}

TEST(PlanSearch, SaysThatNoLayerWasMeasuredWithThisWireType) {
  Fixture fixture(gpuCluster(2, 2));
  LayerSample layer;
  layer.layout = {2, 2, 2, 2};
  layer.tokens = 64;
  layer.hidden = 64;
  layer.experts = 8;
  layer.topK = 2;
  layer.ns = 1e6;
  fixture.cluster.linkSource = CostSource::Calibrated;
  fixture.cluster.calibration.layers = {layer};
  fixture.cluster.fits = fitMethods(fixture.cluster, {layer});
  const char *unmeasured =
      "Rows cross nodes as bf16, 2 bytes an element; none of the 1 measured layers was, so "
      "communication is by formulas over the measured links (mixserve-bench calibrate --wire bf16";
  EXPECT_EQ(fixture.search().plan.why.find("measured layers"), std::string::npos);
  fixture.model.wire = WireType::BF16;
  const PlanResult result = fixture.search();
  EXPECT_NE(result.plan.why.find(unmeasured), std::string::npos) << result.plan.why;
  const PlanRequest request{fixture.cluster,  fixture.model,  fixture.routing,
                            fixture.workload, fixture.limits, fixture.overrides};
  EXPECT_NE(planAsText(request, result.plan, 1).find("; no measured layer has bf16 rows"),
            std::string::npos);
  const auto json = nlohmann::json::parse(planAsJson(request, result.plan, 1));
  EXPECT_EQ(json["wire"], "bf16");
  EXPECT_EQ(json["calibration"]["layers"], 0);
  EXPECT_TRUE(json["calibration"]["methods"].empty());
  // One node has no rows between nodes.
  Fixture one(gpuCluster(1, 2));
  EXPECT_EQ(one.search().plan.why.find("Rows cross nodes"), std::string::npos);
}

TEST(PlanSearch, MemoryIsARefusalNotASlowPlan) {
  Fixture fixture(gpuCluster(2, 2), largeModel());
  fixture.cluster.device.memoryBytes = 20e9; // weights are 61 GB: replicated ones do not fit
  const PlanResult result = fixture.search();
  ASSERT_EQ(result.failure, PlanFailure::None) << result.error;
  fixture.cluster.device.memoryBytes = 1e9;
  const PlanResult none = fixture.search();
  EXPECT_EQ(none.failure, PlanFailure::Infeasible);
  EXPECT_NE(none.error.find("no feasible plan\n  needs "), std::string::npos) << none.error;
  EXPECT_NE(none.error.find("per device (weights "), std::string::npos) << none.error;
  EXPECT_EQ(none.plan.candidates.size(), 45u);
}

TEST(PlanSearch, OverridesAreHonoured) {
  Fixture fixture(gpuCluster(2, 2));
  fixture.overrides.layout = Layout{4, 1, 1, 4};
  fixture.overrides.method = Method::HybridFused;
  fixture.overrides.chunks = 3;
  const PlanResult result = fixture.search();
  ASSERT_EQ(result.failure, PlanFailure::None) << result.error;
  EXPECT_EQ(result.plan.layout, (Layout{4, 1, 1, 4}));
  ASSERT_EQ(result.plan.table.size(), 1u);
  EXPECT_EQ(result.plan.table[0].method, Method::HybridFused);
  EXPECT_EQ(result.plan.table[0].chunks, 3);
  EXPECT_EQ(
      result.plan.why.rfind(
          "Forced: layout attn_tp=4,attn_dp=1,moe_tp=1,moe_ep=4, moe-comm hybrid-fused, chunks "
          "3. ",
          0),
      0u)
      << result.plan.why;
}

TEST(PlanSearch, ChunksAloneMeanHybridFused) {
  Fixture fixture(gpuCluster(2, 2));
  fixture.overrides.chunks = 2;
  const PlanResult result = fixture.search();
  ASSERT_EQ(result.failure, PlanFailure::None) << result.error;
  for (const TableEntry &entry : result.plan.table) {
    EXPECT_EQ(entry.method, Method::HybridFused);
    EXPECT_EQ(entry.chunks, 2);
  }
}

TEST(PlanSearch, HierEpWorksInChunks) {
  Fixture fixture(gpuCluster(2, 4), largeModel());
  fixture.overrides.method = Method::HierEp;
  fixture.overrides.chunks = 3;
  const PlanResult result = fixture.search();
  ASSERT_EQ(result.failure, PlanFailure::None) << result.error;
  for (const TableEntry &entry : result.plan.table) {
    EXPECT_EQ(entry.method, Method::HierEp);
    EXPECT_EQ(entry.chunks, 3);
  }
  fixture.overrides.chunks.reset();
  const PlanResult chosen = fixture.search();
  ASSERT_EQ(chosen.failure, PlanFailure::None) << chosen.error;
  EXPECT_EQ(chosen.plan.table.front().chunks, 1); // a token has nothing to overlap
  EXPECT_GT(chosen.plan.table.back().chunks, 1);
}

TEST(PlanSearch, OverridesAreRefusedWithTheirReason) {
  Fixture fixture(gpuCluster(2, 2));
  auto refusal = [&](PlanFailure failure) {
    const PlanResult result = fixture.search();
    EXPECT_EQ(result.failure, failure);
    return result.error;
  };
  fixture.overrides.method = Method::Hybrid;
  fixture.overrides.chunks = 2;
  EXPECT_EQ(refusal(PlanFailure::BadRequest),
            "chunks=2 needs moe-comm=hybrid-fused or hier-ep, but moe-comm=hybrid was asked "
            "for; hybrid does not work in chunks");
  fixture.overrides.chunks = 65;
  EXPECT_EQ(refusal(PlanFailure::BadRequest), "chunks=65 is not in 1..64");
  fixture.overrides = {};
  fixture.overrides.layout = Layout{3, 1, 1, 4};
  EXPECT_NE(refusal(PlanFailure::Infeasible).find("attn_tp * attn_dp = 3 * 1 is not the 4 ranks"),
            std::string::npos);
  fixture.overrides.layout = Layout{1, 4, 4, 1};
  fixture.overrides.method = Method::HybridFused;
  EXPECT_NE(refusal(PlanFailure::Infeasible)
                .find("hybrid-fused needs MoE TP groups inside a node, but moe_tp=4"),
            std::string::npos);
  fixture.overrides = {};
  fixture.limits.maxContext = 10;
  EXPECT_EQ(refusal(PlanFailure::BadRequest).rfind("max-context 10 is below", 0), 0u);
}

TEST(PlanSearch, TableAndCrossOversAscendAndDiffer) {
  const PlanResult result = Fixture(gpuCluster(2, 4), largeModel()).search();
  ASSERT_EQ(result.failure, PlanFailure::None) << result.error;
  const auto &table = result.plan.table;
  for (size_t i = 1; i < table.size(); ++i) {
    EXPECT_LT(table[i - 1].maxTokens, table[i].maxTokens);
    EXPECT_TRUE(table[i - 1].method != table[i].method || table[i - 1].chunks != table[i].chunks);
  }
  ASSERT_FALSE(result.plan.crossOvers.empty());
  EXPECT_EQ(result.plan.crossOvers.front().tokens, 1);
}

TEST(PlanSearch, SixtyFourRanks) {
  Fixture fixture(gpuCluster(8, 8), largeModel());
  const PlanResult result = fixture.search();
  EXPECT_EQ(result.failure, PlanFailure::None) << result.error;
  EXPECT_GT(result.plan.candidates.size(), 64u); // every pair of layouts, every method
}

TEST(PlanReport, TextAndJsonHoldTheChoiceAndTheRefusals) {
  Fixture fixture(gpuCluster(2, 2));
  const PlanRequest request{fixture.cluster,  fixture.model,  fixture.routing,
                            fixture.workload, fixture.limits, fixture.overrides};
  const PlanResult result = searchPlan(request);
  const std::string text = planAsText(request, result.plan, 3);
  EXPECT_NE(text.find("Chosen: " + result.plan.layout.str()), std::string::npos) << text;
  EXPECT_NE(text.find("\nRefused\n"), std::string::npos);
  EXPECT_NE(text.find("hybrid needs MoE TP groups inside a node"), std::string::npos);
  EXPECT_EQ(text.find(" \n"), std::string::npos) << "no spaces at line ends";
  const auto json = nlohmann::json::parse(planAsJson(request, result.plan, 3));
  EXPECT_EQ(json["schema"], "mixserve.plan/v1");
  EXPECT_EQ(json["candidates"].size(), 3u);
  EXPECT_EQ(json["refused"].size(), 6u);
  EXPECT_EQ(json["chosen"]["cost"]["source"], "formula");
  EXPECT_NE(describe(result.plan.candidates.back()).find("refused: "), std::string::npos);
}

/// Two nodes whose link takes about as long as the arithmetic of a prompt.
Fixture slowLink() {
  Cluster cluster = gpuCluster(2, 1);
  cluster.inter.latencyNs = 10000;
  cluster.inter.bytesPerNs = 5;
  Fixture fixture(cluster, largeModel());
  fixture.workload = {2048, 16, 4, 0};
  fixture.cluster.linkSource = CostSource::Calibrated;
  for (Method method : kMethods)
    fixture.cluster.fits[fixture.model.wire].common[method].stepNs = cluster.inter.latencyNs;
  return fixture;
}

TEST(PlanSearch, PromptsAreComputedInHalvesWhereACalibrationSaysSo) {
  Fixture fixture = slowLink();
  const PlanResult result = fixture.search();
  ASSERT_EQ(result.failure, PlanFailure::None) << result.error;
  const std::vector<TableEntry> &table = result.plan.table;
  EXPECT_EQ(table.back().microBatches, 2);
  EXPECT_EQ(entryFor(table, fixture.workload.concurrency).microBatches, 1) << "decoding";
  for (size_t i = 1; i < table.size(); ++i)
    EXPECT_FALSE(table[i].method == table[i - 1].method && table[i].chunks == table[i - 1].chunks &&
                 table[i].microBatches == table[i - 1].microBatches)
        << "line " << i << " repeats the one before";
  EXPECT_GT(result.plan.cost.prefill.hiddenNs, 0);
  EXPECT_NE(result.plan.why.find("run beside each other, in steps of two halves"),
            std::string::npos)
      << result.plan.why;
  fixture.overrides.microBatches = 1;
  EXPECT_GT(fixture.search().plan.cost.ttftNs, 1.05 * result.plan.cost.ttftNs);
}

TEST(PlanSearch, HalvesThatNoMeasuredLayerSpeaksForAreOnlyTakenWhenAskedFor) {
  Fixture fixture = slowLink();
  fixture.cluster.fits.clear(); // only the links were measured
  EXPECT_EQ(fixture.search().plan.table.back().microBatches, 1);
  fixture.overrides.microBatches = 2;
  const PlanResult forced = fixture.search();
  EXPECT_EQ(forced.plan.table.back().microBatches, 2);
  EXPECT_NE(forced.plan.why.find("Forced: micro-batches 2."), std::string::npos) << forced.plan.why;
  fixture.overrides.microBatches = 3;
  EXPECT_EQ(fixture.search().error, "micro-batches=3 is not 1 or 2");
}

TEST(PlanSearch, HalvesThatReadTheWeightsTwiceForNothingAreNotTaken) {
  Fixture fixture = slowLink();
  fixture.cluster.inter.bytesPerNs = 5000;
  for (auto &[method, fit] : fixture.cluster.fits[fixture.model.wire].common)
    fit.stepNs = 10;
  for (const TableEntry &entry : fixture.search().plan.table)
    EXPECT_EQ(entry.microBatches, 1) << entry.maxTokens;
}

} // namespace
