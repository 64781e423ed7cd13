//===- RoutingTest.cpp - Routing loads and recorded traces ----------------===//
#include "mixserve/Plan/RoutingLoad.h"
#include "mixserve/Plan/RoutingTrace.h"

#include <gtest/gtest.h>

using namespace mixserve::planner;

namespace {

/// The worked number of RoutingLoad.h.
TEST(RoutingLoad, UniformIsHypergeometric) {
  const RoutingLoad load = RoutingLoad::uniform(8, 2);
  EXPECT_NEAR(load.hit({0, 4}), 1 - 6.0 / 28, 1e-12);
  EXPECT_NEAR(load.hit({0, 4}), 0.785714, 1e-6);
  EXPECT_NEAR(load.picks({0, 4}), 1, 1e-12);
  EXPECT_NEAR(load.picks({0, 8}), 2, 1e-12);
  EXPECT_NEAR(load.hit({0, 8}), 1, 1e-12);
  EXPECT_EQ(load.hit({3, 3}), 0);
}

TEST(RoutingLoad, ZipfKeepsTheTotalAndSkewsTheRest) {
  const RoutingLoad load = RoutingLoad::zipf(128, 8, 1.0);
  EXPECT_NEAR(load.picks({0, 128}), 8, 1e-9);
  EXPECT_GT(load.picks({0, 1}), 8.0 / 128); // id 0 is the most popular one
  EXPECT_NEAR(RoutingLoad::zipf(128, 8, 0).hit({0, 16}), RoutingLoad::uniform(128, 8).hit({0, 16}),
              1e-12);
  EXPECT_EQ(load.description(), "zipf s=1");
}

TEST(RoutingLoad, ActiveExpertsGrowFromOneRowToAll) {
  const RoutingLoad load = RoutingLoad::uniform(8, 2);
  EXPECT_NEAR(load.active({0, 8}, 1), 2, 1e-12);
  EXPECT_NEAR(load.active({0, 8}, 1e6), 8, 1e-9);
}

const char *kTrace = R"({"schema":"mixserve.routing/v1","top_k":2,"experts":4,"moe_layers":[0,1],
  "steps":[{"variant":"hybrid-fused","chunks":2,"sequences":[{"group":0,"tokens":1,"asked":1},
  {"group":1,"tokens":1,"asked":0}],"ids":[[0,1,2,3],[0,1,0,2]]}]})";

TEST(RoutingTrace, IsReadAndGivesALoad) {
  std::string error;
  const auto trace = parseRoutingTrace(kTrace, "r.json", error);
  ASSERT_TRUE(trace) << error;
  ASSERT_EQ(trace->steps.size(), 1u);
  EXPECT_EQ(trace->steps[0].method, Method::HybridFused);
  EXPECT_EQ(trace->steps[0].chunks, 2);
  EXPECT_EQ(trace->steps[0].tokens(), 2);
  const RoutingLoad load = RoutingLoad::recorded(*trace);
  EXPECT_DOUBLE_EQ(load.hit({0, 1}), 0.75);
  EXPECT_DOUBLE_EQ(load.hit({2, 4}), 0.5);
  EXPECT_DOUBLE_EQ(load.picks({0, 4}), 2);
}

TEST(RoutingTrace, ErrorsNameStepAndCause) {
  auto errorOf = [](const std::string &from, const std::string &to) {
    std::string text = kTrace, error;
    text.replace(text.find(from), from.size(), to);
    EXPECT_FALSE(parseRoutingTrace(text, "r.json", error));
    return error;
  };
  const std::string hint = "; was it written by mixserve-run --routing-out?";
  EXPECT_EQ(errorOf("routing/v1", "routing/v2"),
            "r.json: 'schema' must be mixserve.routing/v1" + hint);
  EXPECT_EQ(errorOf("[0,1,2,3]", "[0,1,2]"),
            "r.json: step 0: expected T*K = 4 expert ids, got 3" + hint);
  EXPECT_EQ(errorOf("[0,1,2,3]", "[0,1,2,4]"), "r.json: step 0: expert id 4 is not in 0..3" + hint);
  EXPECT_EQ(errorOf("hybrid-fused", "magic"),
            "r.json: step 0: 'variant' = 'magic' is not a dispatch method" + hint);
  EXPECT_EQ(errorOf("\"asked\":0", "\"asked\":2"),
            "r.json: step 0: 'asked' = 2 is not in 0..1" + hint);
  EXPECT_EQ(errorOf("\"top_k\":2", "\"top_k\":9"), "r.json: 'top_k' = 9 is not in 1..4" + hint);
  EXPECT_EQ(errorOf("\"moe_layers\":[0,1]", "\"moe_layers\":[0]"),
            "r.json: step 0: 'ids' has 2 layers, 'moe_layers' has 1" + hint);
  std::string error;
  EXPECT_FALSE(parseRoutingTrace("{", "r.json", error));
  EXPECT_EQ(error.rfind("r.json: not valid JSON: ", 0), 0u);
}

} // namespace
