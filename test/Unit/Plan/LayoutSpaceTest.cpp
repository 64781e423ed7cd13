//===- LayoutSpaceTest.cpp - Legal layouts and methods --------------------===//
#include "mixserve/Plan/LayoutSpace.h"

#include "TinyModel.h"

#include <gtest/gtest.h>

#include <algorithm>

using namespace mixserve::planner;

namespace {

int64_t legalLayouts(const Mesh &mesh, const ModelShape &model) {
  const std::vector<Layout> layouts = allLayouts(mesh);
  return std::count_if(layouts.begin(), layouts.end(), [&](const Layout &layout) {
    return whyIllegal(mesh, layout, model).empty();
  });
}

TEST(LayoutSpace, CountsOfSmallMeshes) {
  const ModelShape model = tinyModel();
  EXPECT_EQ(legalLayouts({1, 1}, model), 1);
  EXPECT_EQ(legalLayouts({1, 2}, model), 4);
  EXPECT_EQ(legalLayouts({2, 1}, model), 4);
  EXPECT_EQ(legalLayouts({2, 2}, model), 9);
  EXPECT_EQ(legalLayouts({1, 4}, model), 9);
  EXPECT_EQ(legalLayouts({4, 1}, model), 9);
}

TEST(LayoutSpace, AxesThatDoNotFactorAreRefused) {
  ModelShape model = tinyModel();
  model.heads = model.kvHeads = 12;
  model.ffn = model.vocab = 48;
  EXPECT_EQ(whyIllegal({2, 3}, {2, 3, 1, 6}, model),
            "attn_tp=2 neither divides the 3 devices of a node nor covers whole nodes");
  EXPECT_EQ(whyIllegal({2, 3}, {3, 2, 2, 3}, model),
            "moe_tp=2 neither divides the 3 devices of a node nor covers whole nodes");
  EXPECT_EQ(whyIllegal({2, 3}, {6, 1, 3, 2}, model), "");
  EXPECT_EQ(legalLayouts({2, 3}, model), 9); // degrees 1, 3, 6
  EXPECT_EQ(whyIllegal({2, 2}, {2, 1, 1, 4}, model),
            "attn_tp * attn_dp = 2 * 1 is not the 4 ranks of the mesh");
  EXPECT_EQ(whyIllegal({2, 2}, {2, 2, 1, 2}, model),
            "moe_tp * moe_ep = 1 * 2 is not the 4 ranks of the mesh");
}

TEST(LayoutSpace, ModelSizesThatDoNotDivideAreRefused) {
  const Mesh mesh{1, 4};
  ModelShape model = tinyModel();
  model.heads = 6;
  EXPECT_EQ(whyIllegal(mesh, {4, 1, 1, 4}, model),
            "attn_tp=4 does not divide the 6 attention heads");
  model = tinyModel();
  model.heads = 12;
  model.kvHeads = 3;
  EXPECT_EQ(whyIllegal(mesh, {4, 1, 1, 4}, model),
            "attn_tp=4 neither divides nor is a multiple of the 3 KV heads");
  model = tinyModel();
  model.vocab = 321;
  EXPECT_EQ(whyIllegal(mesh, {2, 2, 1, 4}, model),
            "attn_tp=2 does not divide the 321 vocabulary entries");
  model = tinyModel();
  model.ffn = 30;
  EXPECT_EQ(whyIllegal(mesh, {1, 4, 4, 1}, model),
            "moe_tp=4 does not divide the 30 hidden units of an expert");
  model = tinyModel();
  model.experts = 3;
  EXPECT_EQ(whyIllegal(mesh, {1, 4, 1, 4}, model),
            "moe_ep=4 exceeds the 3 experts: some rank would hold none");
  EXPECT_EQ(whyIllegal(mesh, {1, 4, 2, 2}, model), ""); // 1 and 2 experts
}

TEST(LayoutSpace, SplitsThatCutGroupsOfScalesAreRefused) {
  ModelShape model = tinyModel();
  model.headDim = 24; // o_proj reads K = 96, three groups
  model.weights = {MXS_WEIGHT_I8, 32};
  EXPECT_EQ(whyIllegal({1, 2}, {2, 1, 1, 2}, model),
            "attn_tp=2: int8 weights have a scale per 32 values, which 2 parts of 48 of 96 would "
            "cut; choose a smaller attn_tp or another quantize-group");
  EXPECT_EQ(whyIllegal({1, 2}, {1, 2, 1, 2}, model), "");
}

TEST(LayoutSpace, Methods) {
  EXPECT_EQ(whyIllegal({1, 1}, {1, 1, 1, 1}, Method::AllGather), "");
  EXPECT_NE(whyIllegal({1, 1}, {1, 1, 1, 1}, Method::FlatEp), "");
  EXPECT_EQ(whyIllegal({2, 2}, {1, 4, 2, 2}, Method::HybridFused), "");
  EXPECT_EQ(whyIllegal({4, 1}, {1, 4, 2, 2}, Method::HybridFused),
            "hybrid-fused needs MoE TP groups inside a node, but moe_tp=2 and a node has 1 device");
  EXPECT_EQ(whyIllegal({2, 2}, {1, 4, 4, 1}, Method::FlatEp), "");
}

TEST(LayoutSpace, ExpertsAndNodes) {
  const Mesh mesh{2, 2};
  const Layout spread{1, 4, 1, 4}, split{1, 4, 4, 1};
  EXPECT_EQ(expertsOfRank(1, 10, spread).first, 2);
  EXPECT_EQ(expertsOfRank(1, 10, spread).last, 5);
  EXPECT_EQ(expertsOfNode(1, 10, mesh, spread).first, 5);
  EXPECT_EQ(expertsOfNode(1, 10, mesh, spread).last, 10);
  EXPECT_EQ(expertsOfNode(1, 10, mesh, split).size(), 10);
}

TEST(LayoutSpace, LayoutTextRoundTrips) {
  std::string error;
  const auto layout = parseLayout("moe_ep=1,attn_tp=2,attn_dp=2,moe_tp=4", error);
  ASSERT_TRUE(layout) << error;
  EXPECT_EQ(layout->str(), "attn_tp=2,attn_dp=2,moe_tp=4,moe_ep=1");
  EXPECT_FALSE(parseLayout("attn_tp=2", error));
  EXPECT_NE(error.find("must give all of"), std::string::npos);
  EXPECT_FALSE(parseLayout("attn_tp=2,attn_tp=2", error));
  EXPECT_EQ(error, "'attn_tp' is given twice in 'attn_tp=2,attn_tp=2'");
  EXPECT_FALSE(parseLayout("attn_tp=0,attn_dp=1,moe_tp=1,moe_ep=1", error));
  EXPECT_EQ(error, "attn_tp=0: expected a whole number from 1 to 2147483648");
  EXPECT_FALSE(parseLayout("tp=2", error));
  EXPECT_EQ(error, "'tp=2' in 'tp=2' is not one of attn_tp=N attn_dp=N moe_tp=N moe_ep=N");
}

} // namespace
