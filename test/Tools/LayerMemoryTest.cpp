//===- LayerMemoryTest.cpp - What measured layers hold, counted by hand ---===//
#include "tools/mixserve-bench/LayerMemory.h"

#include <gtest/gtest.h>

using namespace mixserve::tools;

namespace {

LayerShape shapeOf(int64_t tokens) {
  LayerShape shape;
  shape.nodes = 2, shape.devices = 4, shape.tokens = tokens, shape.hidden = 1000;
  return shape;
}

const std::vector<LayerMethod> kOneLayout = {{LayerMethod::Hybrid, "hybrid", 4, 4},
                                             {LayerMethod::FusedGather, "hybrid-fused", 4, 4, 2}};
const std::vector<LayerMethod> kTwoLayouts = {{LayerMethod::Hybrid, "hybrid", 4, 4},
                                              {LayerMethod::FlatEp, "flat-ep-dp", 1, 1}};

// 8 tokens a node are 16 rows. A rank holds 2 x 16 of all, 2 x 4 of its lane, 3 x 8 of its
// attention group of four and 5 x 2 of its own; one that is alone in its group 3 x 2 of that.
TEST(LayerMemory, IsWhatTheVectorsHold) {
  EXPECT_DOUBLE_EQ(layerBytes(shapeOf(8), kOneLayout, 1), 4 * (32 + 8 + 24 + 10) * 4000.0);
  EXPECT_DOUBLE_EQ(layerBytes(shapeOf(8), kOneLayout, 2), 8 * (32 + 8 + 24 + 10) * 4000.0);
  EXPECT_DOUBLE_EQ(layerBytes(shapeOf(8), kTwoLayouts, 2),
                   8 * (32 + 8 + 24 + 10 + 32 + 8 + 6 + 10) * 4000.0);
}

TEST(LayerMemory, SizesAreThereAtOnce) {
  const LayerShape small = shapeOf(8), large = shapeOf(80);
  const double have = layerBytes(large, kOneLayout, 2) + layerBytes(small, kOneLayout, 2);
  EXPECT_TRUE(checkLayerMemory({large, small}, kOneLayout, 2, have).ok());
  const mxs::Status two = checkLayerMemory({large, large}, kOneLayout, 2, have);
  EXPECT_EQ(two.code(), MXS_INVALID_ARGUMENT);
  EXPECT_NE(two.message().find("ask for less (--tokens"), std::string::npos) << two.message();
}

TEST(LayerMemory, ThisMachineHasSome) {
  EXPECT_GT(memoryForLayers(/*alone=*/true), 1e6);
  EXPECT_GE(memoryForLayers(/*alone=*/false), memoryForLayers(/*alone=*/true));
}

} // namespace
