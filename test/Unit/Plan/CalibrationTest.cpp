//===- CalibrationTest.cpp - Measured constants in place of nominal ones --===//
#include "mixserve/Plan/CalibrationReport.h"
#include "mixserve/Plan/CollectiveCost.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include <cmath>

using namespace mixserve::planner;

namespace {

Cluster slowTwoByTwo() {
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

/// What layers would take if `fit` were true.
std::vector<LayerSample> measuredAs(const Cluster &cluster, Method method, const MethodFit &fit,
                                    const std::vector<int64_t> &chunkCounts = {1}) {
  Cluster other = cluster;
  other.fits[WireType::F32].common[method] = fit;
  std::vector<LayerSample> layers;
  for (int64_t tokens : {4, 16, 64, 256, 1024, 4096, 16384})
    for (int64_t chunks : chunkCounts) {
      layers.push_back(sample(method, tokens));
      layers.back().chunks = chunks;
      layers.back().ns = predictLayers(other, {layers.back()})[0].predictedNs;
    }
  return layers;
}

TEST(Calibration, FormulaIsALayersCommunication) {
  const Cluster cluster = slowTwoByTwo();
  const LayerSample layer = sample(Method::Hybrid, 4);
  // 4 rows of 256 bytes, one per rank. Inside the node, to or from the busiest rank: attn_ag and
  // attn_rs one row each; dispatch_ag and combine_rs 2 p rows (own and the other node's lane), with
  // p = 1 - C(4,2)/C(8,2) = 11/14; between nodes 2 p rows each way.
  const double p = 11.0 / 14;
  const double routed = 256 + 16 + 4;
  const double intra = (2 * 256 + 2 * p * routed + 2 * p * 256) / 0.5 + 4 * 5'000;
  const double inter = (2 * p * routed + 2 * p * 256) / 0.125 + 2 * 50'000;
  EXPECT_NEAR(predictLayers(cluster, {layer})[0].predictedNs, intra + inter,
              1e-6 * (intra + inter));
}

TEST(Calibration, LinksAndProcessorsHideEachOther) {
  EXPECT_NEAR(overlapped(4e6, 3e6), 4.498e6, 1e3); // the worked numbers
  EXPECT_NEAR(overlapped(300e6, 3e6), 300.0001e6, 1e2);
  EXPECT_DOUBLE_EQ(overlapped(0, 5), 5);
  EXPECT_DOUBLE_EQ(overlapped(5, 0), 5);
  EXPECT_DOUBLE_EQ(processorTime({100, 10, 1, 0, 1}, 4, 7), 137);
}

TEST(Calibration, FittedLinksTakeTheirShare) {
  Cluster cluster = slowTwoByTwo();
  cluster.fits[WireType::F32].common[Method::Hybrid] = {0, 0, 0, 1'000, 2};
  ByteTable<double> table(4);
  table.send(cluster.mesh, CommOp::AttnAg, 0, 1, 125'000);   // 0.25 ms
  table.send(cluster.mesh, CommOp::Dispatch, 0, 2, 125'000); // 1 ms
  const Layout layout{2, 2, 2, 2};
  const LayerCommTime fitted =
      layerCommTime(cluster, layout, Method::Hybrid, 1, 4, table, WireType::F32);
  EXPECT_NEAR(fitted.attnNs, 501'000, 1);
  EXPECT_NEAR(fitted.moeNs, 2'001'000, 1);
  // Another method keeps the formula.
  EXPECT_DOUBLE_EQ(
      layerCommTime(cluster, layout, Method::HierEp, 1, 4, table, WireType::F32).total(),
      250'000 + 5'000 + 1'000'000 + 50'000);
}

TEST(Calibration, WhatProcessorsAddIsSharedOut) {
  Cluster cluster = slowTwoByTwo();
  cluster.fits[WireType::F32].common[Method::Hybrid] = {6e6, 0, 0, 0, 1};
  const Layout layout{2, 2, 2, 2};
  ByteTable<double> table(4);
  EXPECT_DOUBLE_EQ(layerCommTime(cluster, layout, Method::Hybrid, 1, 4, table, WireType::F32).moeNs,
                   6e6);
  table.send(cluster.mesh, CommOp::AttnAg, 0, 1, 500'000);
  table.send(cluster.mesh, CommOp::Dispatch, 0, 2, 375'000);
  const LayerCommTime time =
      layerCommTime(cluster, layout, Method::Hybrid, 1, 4, table, WireType::F32);
  EXPECT_NEAR(time.total(), overlapped(4e6, 6e6), 1);
  EXPECT_NEAR(time.attnNs, time.total() / 4, 1);
}

TEST(Calibration, FindsWhatLayersWereMadeFrom) {
  const Cluster cluster = slowTwoByTwo();
  std::vector<LayerSample> layers = measuredAs(cluster, Method::Hybrid, {2e6, 0, 500, 20e3, 1.25});
  for (const LayerSample &layer :
       measuredAs(cluster, Method::HybridFused, {1e6, 300e3, 100, 40e3, 0.8}, {1, 2, 4, 8}))
    layers.push_back(layer);
  Cluster fitted = cluster;
  fitted.fits = fitMethods(cluster, layers);
  ASSERT_EQ(fitted.fits[WireType::F32].common.size(), 2u);
  EXPECT_TRUE(fitted.fits[WireType::F32].ofLayout.empty()); // one layout each
  EXPECT_LT(errorOf(predictLayers(fitted, layers)).worstError, 0.02);
  // Other sizes and chunks than those that were measured, too.
  Cluster truth = cluster;
  truth.fits[WireType::F32].common[Method::HybridFused] = {1e6, 300e3, 100, 40e3, 0.8};
  for (int64_t tokens : {1, 33, 777, 65536})
    for (int64_t chunks : {1, 3, 16}) {
      LayerSample layer = sample(Method::HybridFused, tokens);
      layer.chunks = chunks;
      const double expected = predictLayers(truth, {layer})[0].predictedNs;
      EXPECT_NEAR(predictLayers(fitted, {layer})[0].predictedNs, expected, 0.05 * expected)
          << tokens << " tokens, " << chunks << " chunks";
    }
}

// No constants explain these, so what they leave decides: as measured where it was, between its
// neighbours elsewhere, the last one's beyond.
TEST(Calibration, WhatConstantsLeaveIsKept) {
  Cluster cluster = slowTwoByTwo();
  std::vector<LayerSample> layers = measuredAs(cluster, Method::Hybrid, {2e6, 0, 500, 20e3, 1.25});
  layers[1].ns *= 1.4;
  layers[5].ns *= 0.8;
  layers[6].ns *= 1.3;
  cluster.fits = fitMethods(cluster, layers);
  EXPECT_LT(errorOf(predictLayers(cluster, layers)).worstError, 1e-9);
  const MethodFit &fit = cluster.fits[WireType::F32].common.at(Method::Hybrid);
  const std::vector<Residual> &known = fit.residuals.at(1);
  ASSERT_EQ(known.size(), layers.size());
  const Residual &low = known[5], &high = known[6];
  EXPECT_DOUBLE_EQ(residualAt(fit.residuals, 1, low.predictedNs), low.ratio);
  EXPECT_NEAR(residualAt(fit.residuals, 1, std::sqrt(low.predictedNs * high.predictedNs)),
              std::sqrt(low.ratio * high.ratio), 1e-9);
  EXPECT_DOUBLE_EQ(residualAt(fit.residuals, 1, 0.1 * known.front().predictedNs),
                   known.front().ratio);
  EXPECT_DOUBLE_EQ(residualAt(fit.residuals, 1, 10 * high.predictedNs), high.ratio);
  EXPECT_DOUBLE_EQ(residualAt(fit.residuals, 4, high.predictedNs),
                   high.ratio); // the nearest chunk count
  EXPECT_DOUBLE_EQ(residualAt({}, 1, 1e6), 1);
  // Another layout was not measured: what this one leaves is not said of it.
  LayerSample other = layers[1];
  other.layout = {4, 1, 2, 2};
  layers.push_back(other);
  EXPECT_TRUE(
      fitMethods(cluster, layers).at(WireType::F32).common.at(Method::Hybrid).residuals.empty());
}

// A size's own favour for one number of chunks is worth a doubling, not more.
TEST(Calibration, FarBehindAllLayersChunkCountsHaveWhatTheyHaveInCommon) {
  const Residuals kept = {{1, {{1e6, 3, 64}}}, {8, {{1e6, 1.21, 64}}}, {16, {{1e6, 1 / 1.21, 64}}}};
  for (const double near : {1e6, 2e6, 2.2e6})
    EXPECT_DOUBLE_EQ(residualAt(kept, 8, near), 1.21);
  EXPECT_NEAR(residualAt(kept, 8, 4.4e6), std::pow(1.21, 1.0 / 16), 1e-12); // the worked number
  EXPECT_NEAR(residualAt(kept, 16, 4.4e6), std::pow(1.21, -1.0 / 16), 1e-12);
  EXPECT_NEAR(residualAt(kept, 8, 1e9), 1, 1e-6);
  EXPECT_EQ(residualAt(kept, 1, 1e9), 3) << "in one piece";
  const Residuals uneven = {{8, {{1e6, 4, 64}}}, {16, {{1e6, 0.25, 64}}}};
  for (double ns = 1e6; ns < 1e8; ns *= 1.1)
    EXPECT_LE(ns * residualAt(uneven, 8, ns), 1.1 * ns * residualAt(uneven, 8, 1.1 * ns) + 1e-6)
        << ns << ": more rows would take less time";
  EXPECT_EQ(residualAt({{1, {{1e6, 3, 64}}}}, 8, 1e9), 3) << "nothing else was measured";
}

// Fitted to layers of 64 tokens and more, whose time is all in their rows: constants promise a
// 64th of it for one token, but something of a small layer is latency.
TEST(Calibration, BelowAllLayersTimeDoesNotFallWithTheRows) {
  Cluster cluster = slowTwoByTwo();
  std::vector<LayerSample> layers;
  for (int64_t tokens : {64, 128, 256, 512, 1024}) {
    layers.push_back(sample(Method::FlatEp, tokens));
    layers.back().ns = 50e3 * static_cast<double>(tokens);
  }
  cluster.fits = fitMethods(cluster, layers);
  const auto predicted = [&](int64_t tokens) {
    return predictLayers(cluster, {sample(Method::FlatEp, tokens)})[0].predictedNs;
  };
  EXPECT_NEAR(predicted(64), 3.2e6, 1);
  EXPECT_NEAR(predicted(16), 1.838e6, 1e3);
  EXPECT_NEAR(predicted(1), 0.606e6, 1e3);
  // The worked number; constants that see a latency are believed.
  const Residuals kept = {{1, {{3.2e6, 0.5, 4}, {9e6, 1, 16}}}};
  EXPECT_NEAR(correctedTime(kept, 1, 1, 0.8e6), 0.92e6, 1e4);
  EXPECT_DOUBLE_EQ(correctedTime(kept, 1, 1, 2e6), 1e6);
  // As many tokens or as long a time as the smallest layer: it is no bound.
  EXPECT_DOUBLE_EQ(correctedTime(kept, 1, 4, 0.8e6), 0.4e6);
  EXPECT_DOUBLE_EQ(correctedTime(kept, 1, 1, 9e6), 9e6);
  EXPECT_DOUBLE_EQ(correctedTime({}, 1, 1, 5), 5);
}

TEST(Calibration, ALayoutThatWasMeasuredHasConstantsOfItsOwn) {
  const Cluster cluster = slowTwoByTwo();
  // Attention DP: no gather and no reduce around it, but slow to start.
  std::vector<LayerSample> layers = measuredAs(cluster, Method::FlatEp, {1e6, 0, 200, 10e3, 1});
  for (LayerSample layer : measuredAs(cluster, Method::FlatEp, {3e6, 0, 200, 10e3, 1})) {
    layer.layout = {1, 4, 1, 4};
    Cluster other = cluster;
    other.fits[WireType::F32].common[Method::FlatEp] = {3e6, 0, 200, 10e3, 1};
    layer.ns = predictLayers(other, {layer})[0].predictedNs;
    layers.push_back(layer);
  }
  Cluster fitted = cluster;
  fitted.fits = fitMethods(cluster, layers);
  EXPECT_LT(errorOf(predictLayers(fitted, layers)).worstError, 0.02);
  EXPECT_EQ(fitted.fits[WireType::F32].find(Method::FlatEp, {1, 4, 1, 4}),
            &fitted.fits[WireType::F32].ofLayout.at({Method::FlatEp, 1, 1}));
  // A layout that was not measured takes what fits all of them.
  EXPECT_EQ(fitted.fits[WireType::F32].find(Method::FlatEp, {4, 1, 1, 4}),
            &fitted.fits[WireType::F32].common.at(Method::FlatEp));
  EXPECT_EQ(fitted.fits[WireType::F32].find(Method::Hybrid, {1, 4, 1, 4}), nullptr);
  // Three layers are too few for constants of their own.
  layers.resize(7 + 3);
  EXPECT_EQ(fitMethods(cluster, layers).at(WireType::F32).ofLayout.count({Method::FlatEp, 1, 1}),
            0u);
}

// Layers of one wire type say nothing of the other: it keeps the formula, with half the bytes.
TEST(Calibration, EachWireTypeHasConstantsOfItsOwn) {
  Cluster cluster = slowTwoByTwo();
  std::vector<LayerSample> layers = measuredAs(cluster, Method::Hybrid, {2e6, 0, 500, 20e3, 1.25});
  std::vector<LayerSample> halves = layers;
  for (LayerSample &layer : halves)
    layer.wire = WireType::BF16;
  const std::vector<LayerPrediction> formula = predictLayers(cluster, halves);
  cluster.fits = fitMethods(cluster, layers);
  EXPECT_EQ(cluster.fits.count(WireType::BF16), 0u);
  const std::vector<LayerPrediction> unmeasured = predictLayers(cluster, halves);
  for (size_t i = 0; i < halves.size(); ++i)
    EXPECT_DOUBLE_EQ(unmeasured[i].predictedNs, formula[i].predictedNs);
  // 4 rows: 1.57 rows between nodes each way, of 128 + 20 and 128 bytes.
  EXPECT_NEAR(formula[0].predictedNs,
              predictLayers(slowTwoByTwo(), {layers[0]})[0].predictedNs - 22.0 / 14 * 256 / 0.125,
              1e-3);

  for (LayerSample &layer : halves)
    layer.ns *= 0.7;
  layers.insert(layers.end(), halves.begin(), halves.end());
  cluster.fits = fitMethods(cluster, layers);
  EXPECT_LT(errorOf(predictLayers(cluster, layers)).worstError, 1e-9);
  cluster.calibration.layers = layers;
  const std::vector<LayerPrediction> ofHalves = predictHeldOut(cluster, WireType::BF16);
  ASSERT_EQ(ofHalves.size(), halves.size());
  // As if the others were not in the file.
  cluster.calibration.layers = halves;
  for (size_t i = 0; i < ofHalves.size(); ++i)
    EXPECT_DOUBLE_EQ(ofHalves[i].predictedNs, predictHeldOut(cluster)[i].predictedNs);
  // The same size twice is two choices, not one between exact and rounded rows.
  EXPECT_TRUE(choicesOf(predictLayers(cluster, layers)).empty());
}

TEST(Calibration, WildMeasurementsStayWithinBounds) {
  const Cluster cluster = slowTwoByTwo();
  LayerSample layer = sample(Method::HierEp, 16);
  for (double ns : {1.0, 1e15}) {
    layer.ns = ns;
    const MethodFit fit = fitMethods(cluster, {layer}).at(WireType::F32).common.at(Method::HierEp);
    EXPECT_GE(fit.factor, 1 / 64.0);
    EXPECT_LE(fit.factor, 64);
    for (double constant : {fit.startNs, fit.chunkNs, fit.rowNs, fit.stepNs}) {
      EXPECT_GE(constant, 0);
      EXPECT_LE(constant, 1e12);
    }
  }
}

TEST(Calibration, ErrorIsThatOfEachFifthFromTheOthers) {
  Cluster cluster = slowTwoByTwo();
  cluster.calibration.layers = measuredAs(cluster, Method::Hybrid, {200e3, 0, 500, 20e3, 1.5});
  CalibrationError error = errorOf(predictHeldOut(cluster));
  EXPECT_EQ(error.layers, 7);
  EXPECT_LT(error.meanError, 0.05);
  EXPECT_EQ(error.choices, 0); // one way per size: nothing to choose

  // flat-ep is faster, but its layer of 64 tokens was twice as slow as the other ones promise: it
  // is picked there, and hybrid would have been faster.
  std::vector<LayerSample> flat = measuredAs(cluster, Method::FlatEp, {20e3, 0, 50, 2e3, 0.15});
  flat[2].ns = cluster.calibration.layers[2].ns * 1.6;
  cluster.calibration.layers.insert(cluster.calibration.layers.end(), flat.begin(), flat.end());
  const std::vector<LayerPrediction> predictions = predictHeldOut(cluster);
  error = errorOf(predictions);
  EXPECT_EQ(error.layers, 14);
  EXPECT_EQ(error.choices, 7);
  EXPECT_NEAR(error.worstRegret, 0.6, 0.01);
  EXPECT_NEAR(error.meanRegret, 0.6 / 7, 0.01);
  EXPECT_GT(error.worstError, 0.5);

  const std::vector<LayerChoice> choices = choicesOf(predictions);
  ASSERT_EQ(choices.size(), 7u);
  EXPECT_EQ(choices[2].tokens, 64);
  EXPECT_EQ(choices[2].picked.layer.method, Method::FlatEp);
  EXPECT_EQ(choices[2].fastest.layer.method, Method::Hybrid);
  EXPECT_TRUE(choicesOf(predictions, Method::Hybrid, {2, 2, 2, 2}).empty()); // one chunk count
}

TEST(Calibration, SizesArePredictedFromTheOtherSizes) {
  Cluster cluster = slowTwoByTwo();
  cluster.calibration.layers =
      measuredAs(cluster, Method::HybridFused, {1e6, 300e3, 100, 40e3, 0.8}, {1, 4});
  // A size that takes three times as long as the others say: they know nothing of that.
  for (LayerSample &layer : cluster.calibration.layers)
    if (layer.tokens == 64)
      layer.ns *= 3;
  const std::vector<LayerPrediction> predictions = predictSizes(cluster, {64, 1024});
  ASSERT_EQ(predictions.size(), 4u);
  for (const LayerPrediction &way : predictions) {
    const double truth = way.layer.tokens == 64 ? way.layer.ns / 3 : way.layer.ns;
    EXPECT_NEAR(way.predictedNs, truth, 0.05 * truth) << way.layer.tokens;
  }
  EXPECT_TRUE(predictSizes(cluster, {5}).empty());
  EXPECT_TRUE(predictSizes(cluster, {4, 16, 64, 256, 1024, 4096, 16384}).empty());
}

TEST(Calibration, ReportsPredictedBesideMeasured) {
  LayerSample slow = sample(Method::Hybrid, 8), fast = sample(Method::HybridFused, 8);
  slow.ns = 4e6;
  slow.error = 0.03;
  fast.ns = 2e6;
  fast.error = 0.04;
  fast.chunks = 4;
  const std::vector<LayerPrediction> predictions = {{slow, 3e6}, {fast, 3.5e6}};
  const std::string text = predictionsAsText(predictions, PredictedBy::AnotherTime);
  EXPECT_NE(text.find("hybrid-fused 4, attn_tp=2 moe_tp=2"), std::string::npos) << text;
  EXPECT_NE(text.find("2 layers [ms], measured at another time: 50.0 % off on average, at most "
                      "75.0 %"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("1 sizes: the way picked is 100.0 % slower"), std::string::npos) << text;
  const auto json = nlohmann::json::parse(predictionsAsJson(predictions, PredictedBy::OtherSizes));
  EXPECT_EQ(json["held_out"], true);
  EXPECT_EQ(json["predictions"].size(), 2u);
  EXPECT_EQ(json["picks"][0]["picked"]["method"], "hybrid");
  EXPECT_EQ(json["picks"][0]["fastest"]["method"], "hybrid-fused");
  EXPECT_NEAR(json["worst_regret"], 1, 1e-9);
  // Twice the time, either of them off by a part of its own: 2 sqrt(0.03^2 + 0.04^2).
  EXPECT_NE(text.find("+100.0 % +- 10.0"), std::string::npos) << text;
  EXPECT_NEAR(json["picks"][0]["regret_error"], 0.1, 1e-9);
  EXPECT_NEAR(json["picks"][0]["fastest"]["measured_error"], 0.04, 1e-9);
  fast.error = 0; // not known
  EXPECT_EQ(predictionsAsText({{slow, 3e6}, {fast, 3.5e6}}, PredictedBy::AnotherTime).find("+-"),
            std::string::npos);
  EXPECT_TRUE(json["chunk_picks"].empty());
}

} // namespace
