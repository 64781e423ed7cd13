//===- PredictedTest.cpp - The plan's times beside a run's, on made-up figures
//------------------===//
#include "tools/mixserve-run/Predicted.h"

#include <gtest/gtest.h>

using namespace mixserve::tools;
using nlohmann::json;

namespace {

/// hybrid for up to 4 tokens, hybrid-fused in 2 chunks beyond.
json somePlan() {
  return json::parse(R"({"predicted": [
      {"tokens": 1, "method": "hybrid", "chunks": 1, "ns": {"embed_rs": 10, "dispatch": 100, "dispatch_ag": 7}},
      {"tokens": 4, "method": "hybrid", "chunks": 1, "ns": {"embed_rs": 40, "dispatch": 400, "dispatch_ag": 7}},
      {"tokens": 8, "method": "hybrid-fused", "chunks": 2, "ns": {"embed_rs": 80, "rs_combine": 900}}],
    "variants": [
      {"method": "hybrid", "collectives": [
        {"op": "reduce_scatter", "site": "embed_rs"}, {"op": "dispatch", "site": "dispatch"},
        {"op": "all_gather", "site": "dispatch_ag"}]},
      {"method": "hybrid-fused", "collectives": [
        {"op": "reduce_scatter", "site": "embed_rs"}, {"op": "rs_combine_ag"}, {"op": "rs_combine"}]}]})");
}

TEST(Predicted, BetweenStepsOfOneMethodIsLinear) {
  const json plan = somePlan();
  EXPECT_DOUBLE_EQ(predictedStep(plan, 1).at("dispatch"), 100);
  EXPECT_DOUBLE_EQ(predictedStep(plan, 3).at("dispatch"), 300);
  EXPECT_DOUBLE_EQ(predictedStep(plan, 4).at("embed_rs"), 40);
  // Another method: that of the larger step, none of whose times is between.
  EXPECT_DOUBLE_EQ(predictedStep(plan, 5).at("rs_combine"), 900);
  EXPECT_EQ(predictedStep(plan, 5).count("dispatch"), 0u);
  EXPECT_DOUBLE_EQ(predictedStep(plan, 100).at("rs_combine"), 900); // never beyond what is planned
  EXPECT_TRUE(predictedStep(json::object(), 1).empty());
}

TEST(Predicted, RowsAddUpOverStepsAndTakeTheRankThatWaitedLeast) {
  // Two steps of 1 token and three of 8.
  const json stats = json::parse(R"({
    "step_sizes": [{"steps": 2, "tokens": 2}, {"steps": 3, "tokens": 24}],
    "rank_calls": [{"reduce_scatter": 5, "dispatch": 4, "all_gather_routed": 4, "rs_combine": 3, "rs_combine_ag": 3},
                   {"reduce_scatter": 5, "dispatch": 4, "all_gather_routed": 4, "rs_combine": 3, "rs_combine_ag": 3}],
    "rank_call_ns": [{"reduce_scatter": 500, "dispatch": 90, "all_gather_routed": 20, "rs_combine": 100, "rs_combine_ag": 60},
                     {"reduce_scatter": 300, "dispatch": 95, "all_gather_routed": 30, "rs_combine": 70, "rs_combine_ag": 80}]})");
  const std::vector<CollectiveRow> rows = compareCollectives(somePlan(), stats);
  ASSERT_EQ(rows.size(), 4u);
  const auto expectRow = [&](size_t at, const char *call, uint64_t calls, double measured,
                             double predicted) {
    EXPECT_EQ(rows[at].call, call);
    EXPECT_EQ(rows[at].calls, calls) << call;
    EXPECT_DOUBLE_EQ(rows[at].measuredNs, measured) << call;
    EXPECT_DOUBLE_EQ(rows[at].predictedNs, predicted) << call;
  };
  expectRow(0, "reduce_scatter", 5, 300, 2 * 10 + 3 * 80);
  expectRow(1, "all_gather", 4, 20, 2 * 7);
  expectRow(2, "dispatch", 4, 90, 2 * 100);
  expectRow(3, "rs_combine", 6, 150, 3 * 900);
}

TEST(Predicted, AnArtifactWithoutPredictionsHasMeasuredRows) {
  const json stats = json::parse(R"({"step_sizes": [{"steps": 1, "tokens": 1}],
    "rank_calls": [{"combine": 2}], "rank_call_ns": [{"combine": 40}]})");
  const std::vector<CollectiveRow> rows = compareCollectives(json::object(), stats);
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].call, "combine");
  EXPECT_EQ(rows[0].predictedNs, 0);
  EXPECT_EQ(rows[0].measuredNs, 40);
}

TEST(Predicted, AnAllReduceIsBothOfALayersCollectives) {
  const json plan = json::parse(R"({"predicted": [
      {"tokens": 1, "method": "allgather", "chunks": 1, "ns": {"attn_ag": 3, "attn_rs": 4}}],
    "variants": [{"method": "allgather", "collectives": [{"op": "all_reduce", "site": "attn_rs"}]}]})");
  const json stats = json::parse(R"({"step_sizes": [{"steps": 2, "tokens": 2}],
    "rank_calls": [{"all_reduce": 2}], "rank_call_ns": [{"all_reduce": 9}]})");
  const std::vector<CollectiveRow> rows = compareCollectives(plan, stats);
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].call, "all_reduce");
  EXPECT_DOUBLE_EQ(rows[0].predictedNs, 14);
}

} // namespace
