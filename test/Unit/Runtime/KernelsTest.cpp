//===- KernelsTest.cpp - Embedding, attention, route, permute against naive code ------------===//
#include "kernels/cpu/Kernels.h"
#include "RandomFloats.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

using namespace mxs;

namespace {

TEST(Embedding, RowsOutsideThePartAreZero) {
  const std::vector<float> table = {1, 2, 3, 4}; // ids 10 and 11
  const std::vector<int32_t> tokens = {11, 9, 10, 12};
  std::vector<float> out(8, NAN);
  mxs_weight_t rows;
  rows.layout = WeightLayout::Rows;
  rows.n = 2, rows.k = 2;
  rows.data = table.data();
  cpu::embedding(tokens.data(), 4, rows, 10, out.data());
  EXPECT_EQ(out, (std::vector<float>{3, 4, 0, 0, 1, 2, 0, 0}));
}

struct Routed {
  std::vector<float> weights;
  std::vector<int32_t> ids;
};

Routed route(const std::vector<float> &logits, int64_t k, cpu::RouteScore score, bool normalize,
             float scale = 1.0f) {
  Routed result{std::vector<float>(k), std::vector<int32_t>(k)};
  std::vector<float> scores(logits.size());
  cpu::routeRow(logits.data(), int64_t(logits.size()), k, score, normalize, scale, scores.data(),
                result.weights.data(), result.ids.data());
  return result;
}

TEST(Route, SoftmaxNormalised) {
  const Routed r = route({0, std::log(4.0f), std::log(2.0f), 0}, 2, cpu::RouteScore::Softmax, true);
  EXPECT_EQ(r.ids, (std::vector<int32_t>{1, 2}));
  EXPECT_NEAR(r.weights[0], 2.0 / 3, 1e-6);
  EXPECT_NEAR(r.weights[1], 1.0 / 3, 1e-6);
}

TEST(Route, SoftmaxOverAllExpertsAndScale) {
  const Routed r =
      route({0, std::log(4.0f), std::log(2.0f), 0}, 2, cpu::RouteScore::Softmax, false, 2.5f);
  EXPECT_NEAR(r.weights[0], 2.5 * 4 / 8, 1e-6);
  EXPECT_NEAR(r.weights[1], 2.5 * 2 / 8, 1e-6);
}

TEST(Route, Sigmoid) {
  const Routed r = route({-1, 2, 0}, 2, cpu::RouteScore::Sigmoid, false);
  EXPECT_EQ(r.ids, (std::vector<int32_t>{1, 2}));
  EXPECT_NEAR(r.weights[0], 1 / (1 + std::exp(-2.0)), 1e-6);
  EXPECT_NEAR(r.weights[1], 0.5, 1e-6);
}

TEST(Route, TiesGoToTheLowerId) {
  EXPECT_EQ(route({1, 5, 5, 1, 5}, 4, cpu::RouteScore::Softmax, true).ids,
            (std::vector<int32_t>{1, 2, 4, 0}));
}

TEST(Route, IdsAreDifferentEvenForNaN) {
  Routed r = route({NAN, NAN, 1, NAN}, 4, cpu::RouteScore::Softmax, true);
  std::sort(r.ids.begin(), r.ids.end());
  EXPECT_EQ(r.ids, (std::vector<int32_t>{0, 1, 2, 3}));
}

TEST(Permute, SortsLocalPairsByExpertThenRow) {
  // 4 rows, K = 2; local experts are 2, 3 and 4.
  const std::vector<int32_t> ids = {5, 2, -1, 3, 3, 0, 2, 4};
  std::vector<cpu::RoutedPair> pairs(8);
  std::vector<int64_t> ends(4);
  ASSERT_EQ(cpu::sortByExpert(ids.data(), 4, 2, 2, 5, 8, pairs.data(), ends.data()), 5);
  EXPECT_EQ(ends, (std::vector<int64_t>{0, 2, 4, 5}));
  const std::vector<std::pair<int32_t, int32_t>> expected = {
      {0, 1}, {3, 0}, {1, 1}, {2, 0}, {3, 1}};
  for (size_t i = 0; i < expected.size(); ++i)
    EXPECT_EQ(std::pair(pairs[i].row, pairs[i].choice), expected[i]) << i;
  EXPECT_EQ(cpu::sortByExpert(ids.data(), 4, 2, 2, 5, 4, pairs.data(), ends.data()), -1);
}

} // namespace
