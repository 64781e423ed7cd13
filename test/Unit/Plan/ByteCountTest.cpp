//===- ByteCountTest.cpp - Bytes against a message-by-message account -----===//
#include "mixserve/Plan/ByteCount.h"
#include "mixserve/Plan/LayoutSpace.h"

#include "MessageSimulator.h"
#include "TinyModel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

using namespace mixserve::planner;

namespace {

std::vector<int32_t> randomIds(std::mt19937 &random, int64_t rows, const ModelShape &model) {
  std::vector<int32_t> all(model.experts), ids;
  std::iota(all.begin(), all.end(), 0);
  for (int64_t row = 0; row < rows; ++row) {
    std::shuffle(all.begin(), all.end(), random);
    ids.insert(ids.end(), all.begin(), all.begin() + model.topK);
  }
  return ids;
}

/// A prompt, an empty group where there are several, a mixed batch, one lonely token.
RoutingTrace randomTrace(std::mt19937 &random, const Layout &layout, Method method,
                         const ModelShape &model) {
  RoutingTrace trace;
  trace.topK = model.topK;
  trace.experts = model.experts;
  trace.moeLayers = {0, model.layers - 1};
  const int64_t last = layout.attnDp - 1;
  const std::vector<std::vector<TraceSequence>> steps = {
      {{0, 12, 12}},
      {{0, 1, 1}, {0, 12, 1}, {last, 5, 0}, {last, 1, 1}, {last, 1, 1}},
      {{last, 1, 1}}};
  for (const std::vector<TraceSequence> &sequences : steps) {
    TraceStep step;
    step.method = method;
    step.sequences = sequences;
    for (size_t i = 0; i < trace.moeLayers.size(); ++i)
      step.ids.push_back(randomIds(random, step.tokens(), model));
    trace.steps.push_back(step);
  }
  return trace;
}

void expectSameBytes(const Mesh &mesh, const Layout &layout, Method method, const ModelShape &model,
                     const RoutingTrace &trace) {
  SCOPED_TRACE(std::to_string(mesh.nodes) + "x" + std::to_string(mesh.devices) + " " +
               layout.str() + " " + name(method) + " E=" + std::to_string(model.experts) +
               " wire " + name(model.wire));
  std::string error;
  const auto rows = exactBytes(mesh, layout, model, trace, error);
  ASSERT_TRUE(rows) << error;
  MessageSimulator simulator(mesh, layout, model);
  simulator.run(trace);
  std::map<MessageSimulator::Key, int64_t> counted;
  for (const ByteRow &row : *rows)
    counted[{row.layer, row.op, row.link, row.dir, row.rank}] = row.bytes;
  EXPECT_EQ(counted.size(), rows->size());
  EXPECT_EQ(counted, simulator.counters());
}

TEST(ByteCount, EqualsEveryMessageOnEveryMeshLayoutAndMethod) {
  std::mt19937 random(7);
  int64_t cases = 0;
  for (Mesh mesh : {Mesh{1, 1}, Mesh{1, 2}, Mesh{2, 1}, Mesh{2, 2}, Mesh{1, 4}, Mesh{4, 1},
                    Mesh{3, 2}, Mesh{2, 4}})
    for (int64_t experts : {8, 11}) {
      ModelShape model = tinyModel();
      model.experts = experts;
      model.topK = experts == 11 ? 3 : 2;
      model.heads = model.kvHeads = 24; // every degree of these meshes divides
      model.vocab = model.ffn = 240;
      model.layers = 3;
      for (const Layout &layout : allLayouts(mesh))
        for (Method method : kMethods) {
          if (!whyIllegal(mesh, layout, model).empty() || !whyIllegal(mesh, layout, method).empty())
            continue;
          ++cases;
          const RoutingTrace trace = randomTrace(random, layout, method, model);
          for (WireType wire : {WireType::F32, WireType::BF16}) {
            model.wire = wire;
            expectSameBytes(mesh, layout, method, model, trace);
          }
        }
    }
  EXPECT_GT(cases, 300);
}

/// The worked number of ByteCount.h.
TEST(ByteCount, WorkedNumber) {
  const Mesh mesh{2, 2};
  const Layout layout{2, 2, 2, 2};
  RoutingTrace trace;
  trace.topK = 2;
  trace.experts = 8;
  trace.moeLayers = {0};
  TraceStep step;
  step.method = Method::Hybrid;
  step.sequences = {{0, 2, 1}, {1, 2, 1}};
  step.ids = {{0, 4, 1, 5, 2, 6, 3, 7}}; // experts 0-3 on node 0, 4-7 on node 1
  trace.steps = {step};
  ModelShape model = tinyModel();
  model.layers = 1;
  std::string error;
  const auto rows = exactBytes(mesh, layout, model, trace, error);
  ASSERT_TRUE(rows) << error;
  std::map<std::string, int64_t> out;
  for (const ByteRow &row : *rows)
    if (row.rank == 0 && row.layer == 0 && row.dir == "out")
      out[row.op + " " + row.link] = row.bytes;
  const std::map<std::string, int64_t> expected = {
      {"attn_ag intra", 256},     {"attn_rs intra", 256},    {"dispatch inter", 276},
      {"dispatch_ag intra", 552}, {"combine_rs intra", 512}, {"combine inter", 256}};
  EXPECT_EQ(out, expected);
}

/// Elements of rows between nodes take half; routing and row numbers, and all inside a node, what
/// they took.
TEST(ByteCount, Bf16HalvesRowsBetweenNodesOnly) {
  const Mesh mesh{2, 2};
  ModelShape model = tinyModel();
  const StepRows<double> rows{{1, 1, 1, 1}, {1, 1, 1, 1}};
  const RoutingLoad load = RoutingLoad::uniform(model.experts, model.topK);
  const double routing = 4 * model.topK + 4 * model.topK, index = 4, row = 4.0 * model.hidden;
  for (const Layout &layout : allLayouts(mesh))
    for (Method method : kMethods) {
      if (!whyIllegal(mesh, layout, method).empty())
        continue;
      SCOPED_TRACE(layout.str() + " " + name(method));
      model.wire = WireType::F32;
      const StepBytes<double> exact = expectedBytes(mesh, layout, method, model, rows, load);
      model.wire = WireType::BF16;
      const StepBytes<double> half = expectedBytes(mesh, layout, method, model, rows, load);
      double moved = 0;
      for (CommOp op : kCommOps) {
        EXPECT_DOUBLE_EQ(half.layer.total(op, Link::Intra), exact.layer.total(op, Link::Intra));
        EXPECT_DOUBLE_EQ(half.outside.total(op, Link::Intra), exact.outside.total(op, Link::Intra));
        EXPECT_DOUBLE_EQ(half.outside.total(op, Link::Inter),
                         exact.outside.total(op, Link::Inter) / 2);
        // What a row has beside its elements.
        const double beside = op == CommOp::Dispatch     ? routing + index
                              : op == CommOp::DispatchAg ? routing
                                                         : 0;
        EXPECT_NEAR(half.layer.total(op, Link::Inter),
                    exact.layer.total(op, Link::Inter) * (row / 2 + beside) / (row + beside), 1e-9);
        moved += exact.layer.total(op, Link::Inter);
      }
      EXPECT_GT(moved, 0);
    }
}

/// The mean over many random routings approaches the expectation of the uniform load.
TEST(ByteCount, ExpectationIsTheMeanOfExactBytes) {
  const Mesh mesh{2, 2};
  const ModelShape model = tinyModel();
  std::mt19937 random(11);
  for (const Layout &layout : allLayouts(mesh))
    for (Method method : kMethods) {
      if (!whyIllegal(mesh, layout, method).empty())
        continue;
      RoutingTrace trace;
      trace.topK = model.topK;
      trace.experts = model.experts;
      trace.moeLayers = {0, 1};
      TraceStep step;
      step.method = method;
      for (int64_t g = 0; g < layout.attnDp; ++g)
        step.sequences.push_back({g, 8000 / layout.attnDp, 0});
      step.ids = {randomIds(random, 8000, model), randomIds(random, 8000, model)};
      trace.steps = {step};
      std::string error;
      const auto rows = exactBytes(mesh, layout, model, trace, error);
      ASSERT_TRUE(rows) << error;
      const std::vector<int64_t> owned =
          ownedRows(layout, balancedGroupRows(mesh, layout, 8000, layout.attnDp));
      const StepBytes<double> expected = expectedBytes(
          mesh, layout, method, model, {{owned.begin(), owned.end()}, std::vector<double>(4)},
          RoutingLoad::uniform(model.experts, model.topK));
      for (CommOp op : kCommOps)
        for (Link link : {Link::Intra, Link::Inter}) {
          double exact = 0;
          for (const ByteRow &row : *rows)
            if (row.op == name(op) && row.dir == "out" &&
                (row.link == "intra") == (link == Link::Intra))
              exact += row.bytes;
          const double mean =
              expected.layer.total(op, link) * model.layers + expected.outside.total(op, link);
          EXPECT_NEAR(mean, exact, 0.02 * exact)
              << layout.str() << " " << name(method) << " " << name(op);
        }
    }
}

TEST(ByteCount, RefusesATraceOfAnotherModelOrLayout) {
  const ModelShape model = tinyModel();
  RoutingTrace trace;
  trace.topK = 2;
  trace.experts = 16;
  std::string error;
  EXPECT_FALSE(exactBytes({2, 2}, {1, 4, 1, 4}, model, trace, error));
  EXPECT_EQ(error, "the trace is of 16 experts with top_k 2, the model has 8 and 2");
  trace.experts = 8;
  trace.steps = {{Method::Hybrid, 1, {{1, 1, 1}}, {}}};
  EXPECT_FALSE(exactBytes({2, 2}, {4, 1, 1, 4}, model, trace, error));
  EXPECT_EQ(error, "step 0: a sequence is in group 1, the layout has attn_dp=1");
  EXPECT_FALSE(exactBytes({2, 2}, {1, 4, 4, 1}, model, trace, error));
  EXPECT_EQ(
      error,
      "step 0: hybrid needs MoE TP groups inside a node, but moe_tp=4 and a node has 2 devices");
  trace.steps.clear();
  trace.moeLayers = {2};
  EXPECT_FALSE(exactBytes({2, 2}, {1, 4, 1, 4}, model, trace, error));
  EXPECT_EQ(error, "the trace has layer 2, the model 2 layers");
}

TEST(ByteCount, BalancedRowsUseAsManyGroupsAsSequences) {
  EXPECT_EQ(balancedGroupRows({1, 4}, {1, 4, 1, 4}, 10, 16), (std::vector<int64_t>{2, 3, 2, 3}));
  EXPECT_EQ(balancedGroupRows({1, 4}, {1, 4, 1, 4}, 10, 1), (std::vector<int64_t>{10, 0, 0, 0}));
  // One group of every node before the second of any.
  EXPECT_EQ(balancedGroupRows({2, 2}, {1, 4, 1, 4}, 10, 2), (std::vector<int64_t>{5, 0, 5, 0}));
  EXPECT_EQ(balancedGroupRows({2, 2}, {1, 4, 1, 4}, 9, 3), (std::vector<int64_t>{3, 3, 3, 0}));
  EXPECT_EQ(balancedGroupRows({4, 2}, {4, 2, 1, 8}, 9, 1), (std::vector<int64_t>{9, 0}));
  // The second of three groups begins on the first of two nodes, so it comes last.
  EXPECT_EQ(balancedGroupRows({2, 3}, {2, 3, 1, 6}, 9, 2), (std::vector<int64_t>{4, 0, 5}));
  EXPECT_EQ(balancedGroupRows({2, 3}, {2, 3, 1, 6}, 9, 3), (std::vector<int64_t>{3, 3, 3}));
  EXPECT_EQ(ownedRows({2, 2, 1, 4}, {5, 0}), (std::vector<int64_t>{2, 3, 0, 0}));
}

TEST(ByteCount, JsonHasTheRowsOfAStatsFile) {
  EXPECT_EQ(bytesAsJson({}), "{\n \"schema\": \"mixserve.stats/v1\",\n \"bytes\": []\n}\n");
  EXPECT_NE(bytesAsJson({{0, "dispatch", "inter", "out", 1, 276}}).find("\"bytes\": 276"),
            std::string::npos);
}

} // namespace
