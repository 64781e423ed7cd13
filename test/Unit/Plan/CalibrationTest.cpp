//===- CalibrationTest.cpp - Measured constants in place of nominal ones --===//
#include "mixserve/Plan/Calibration.h"
#include "mixserve/Plan/CollectiveCost.h"

#include <gtest/gtest.h>

#include <algorithm>

using namespace mixserve::planner;

namespace {

Cluster twoByTwo() {
  Cluster cluster;
  cluster.mesh = {2, 2};
  cluster.inter.latencyNs = 50'000;
  cluster.inter.bytesPerNs = 0.125;
  cluster.inter.perNode = true;
  cluster.intra.latencyNs = 5'000;
  cluster.intra.bytesPerNs = 0.5;
  return cluster;
}

LayerSample sample(Method method, int64_t tokens) {
  LayerSample result;
  result.method = method;
  result.layout = {2, 2, 2, 2};
  result.tokens = tokens;
  result.hidden = 64;
  result.experts = 8;
  result.topK = 2;
  return result;
}

/// Measured: what the formula says on links of `latency` times the alpha and 1 / `factor` of the
/// bandwidth.
std::vector<LayerSample> measuredAs(const Cluster &cluster, Method method, double latency,
                                    double factor) {
  Cluster other = cluster;
  other.intra = scaled(cluster.intra, {latency, factor});
  other.inter = scaled(cluster.inter, {latency, factor});
  std::vector<LayerSample> layers;
  for (int64_t tokens : {4, 16, 64, 256, 1024}) {
    layers.push_back(sample(method, tokens));
    layers.back().ns = formulaTime(other, layers.back());
  }
  return layers;
}

TEST(Calibration, FormulaIsALayersCommunication) {
  const Cluster cluster = twoByTwo();
  const LayerSample layer = sample(Method::Hybrid, 4);
  // 4 rows of 256 bytes, one per rank. Inside the node, to or from the busiest rank: attn_ag and
  // attn_rs one row each; dispatch_ag and combine_rs 2 p rows (own and the other node's lane), with
  // p = 1 - C(4,2)/C(8,2) = 11/14; between nodes 2 p rows each way.
  const double p = 11.0 / 14;
  const double routed = 256 + 16 + 4;
  const double intra = (2 * 256 + 2 * p * routed + 2 * p * 256) / 0.5 + 4 * 5'000;
  const double inter = (2 * p * routed + 2 * p * 256) / 0.125 + 2 * 50'000;
  EXPECT_NEAR(formulaTime(cluster, layer), intra + inter, 1e-6 * (intra + inter));
}

TEST(Calibration, FindsLatencyAndFactorOfEachMethod) {
  const Cluster cluster = twoByTwo();
  std::vector<LayerSample> layers = measuredAs(cluster, Method::Hybrid, 2, 1.25);
  for (const LayerSample &layer : measuredAs(cluster, Method::HybridFused, 0.5, 0.8)) {
    layers.push_back(layer);
    layers.back().chunks = 4;
    Cluster other = cluster;
    other.intra = scaled(cluster.intra, {0.5, 0.8});
    other.inter = scaled(cluster.inter, {0.5, 0.8});
    layers.back().ns = formulaTime(other, layers.back());
  }
  const auto scales = fitScales(cluster, layers);
  ASSERT_EQ(scales.size(), 2u);
  EXPECT_NEAR(scales.at(Method::Hybrid).latency, 2, 0.02);
  EXPECT_NEAR(scales.at(Method::Hybrid).factor, 1.25, 0.01);
  EXPECT_NEAR(scales.at(Method::HybridFused).latency, 0.5, 0.01);
  EXPECT_NEAR(scales.at(Method::HybridFused).factor, 0.8, 0.01);
}

TEST(Calibration, WildMeasurementsStayWithinBounds) {
  const Cluster cluster = twoByTwo();
  LayerSample layer = sample(Method::HierEp, 16);
  for (double ns : {1.0, 1e15}) {
    layer.ns = ns;
    const MethodScale scale = fitScales(cluster, {layer}).at(Method::HierEp);
    EXPECT_GE(std::min(scale.latency, scale.factor), 1 / 64.0);
    EXPECT_LE(std::max(scale.latency, scale.factor), 64);
  }
}

TEST(Calibration, ScalesALayerAndLeavesOtherMethodsAlone) {
  Cluster cluster = twoByTwo();
  cluster.scales[Method::Hybrid] = {1, 2};
  cluster.inter.latencyNs = cluster.intra.latencyNs = 0;
  ByteTable<double> table(4);
  table.send(cluster.mesh, CommOp::Dispatch, 0, 2, 125'000); // 1 ms
  const Layout layout{2, 2, 2, 2};
  EXPECT_DOUBLE_EQ(layerCommTime(cluster, layout, Method::Hybrid, 1, table).total(), 2e6);
  EXPECT_DOUBLE_EQ(layerCommTime(cluster, layout, Method::HierEp, 1, table).total(), 1e6);
}

TEST(Calibration, ErrorIsThatOfEachFifthFromTheOthers) {
  Cluster cluster = twoByTwo();
  cluster.calibration.layers = measuredAs(cluster, Method::Hybrid, 1.5, 1.5);
  CalibrationError error = calibrationError(cluster);
  EXPECT_EQ(error.layers, 5);
  EXPECT_NEAR(error.meanError, 0, 0.02);
  EXPECT_EQ(error.choices, 0); // one method: nothing to choose

  // flat-ep is faster, but its layer of 64 tokens was twice as slow as the other ones promise: it
  // is picked there, and hybrid would have been faster.
  std::vector<LayerSample> flat = measuredAs(cluster, Method::FlatEp, 0.1, 0.1);
  flat[2].ns = cluster.calibration.layers[2].ns * 1.6;
  cluster.calibration.layers.insert(cluster.calibration.layers.end(), flat.begin(), flat.end());
  error = calibrationError(cluster);
  EXPECT_EQ(error.layers, 10);
  EXPECT_EQ(error.choices, 5);
  EXPECT_NEAR(error.worstRegret, 0.6, 0.01);
  EXPECT_NEAR(error.meanRegret, 0.12, 0.01);
  EXPECT_GT(error.meanError, 0.05);
}

} // namespace
