//===- LayoutTest.cpp - views of rows, heads and tokens ---------------------------------------===//
#include "lib/Raise/Layout.h"

#include <gtest/gtest.h>

using namespace mixserve::raise;

namespace {

constexpr Sizes kSizes{2, 11, 13};

/// [B, S, 64].
Layout rows() {
  Layout layout;
  layout.axes = {{{Role::Token, 2, 13}}, {{Role::Token, 13, 1}}, {{Role::Feature, 64, 1}}};
  return layout;
}

TEST(Layout, ReshapeSplitsAndJoinsFactors) {
  std::optional<Layout> heads = reshaped(rows(), {2, 13, 4, 16});
  ASSERT_TRUE(heads);
  EXPECT_EQ(heads->axes[2], (Axis{{Role::Feature, 4, 16}}));
  EXPECT_EQ(heads->axes[3], (Axis{{Role::Feature, 16, 1}}));
  EXPECT_EQ(*reshaped(*heads, {2, 13, 64}), rows());
  std::optional<Layout> flat = reshaped(rows(), {26, 64});
  ASSERT_TRUE(flat);
  EXPECT_TRUE(isWhole(flat->axes[0], Role::Token, 26));
  EXPECT_EQ(*reshaped(*flat, {2, 13, 64}), rows());
}

TEST(Layout, ReshapeRefusesToCutAcrossFactors) {
  EXPECT_FALSE(reshaped(rows(), {2, 13, 3, 16}));
  EXPECT_FALSE(reshaped(rows(), {13, 2, 48}));
  // [B, S, 64] as [S, B, 64] would mix rows of two sequences: the first axis is no longer a
  // sequence.
  std::optional<Layout> mixed = reshaped(rows(), {13, 2, 64});
  EXPECT_TRUE(!mixed || !(mixed->axes[0] == rows().axes[1]));
}

TEST(Layout, ATransposeIsNotForgottenByAReshape) {
  Layout heads = *reshaped(rows(), {2, 13, 4, 16});
  std::swap(heads.axes[1], heads.axes[2]); // [B, 4, S, 16]
  std::optional<Layout> joined = reshaped(heads, {2, 13, 64});
  EXPECT_TRUE(!joined || !(*joined == rows()));
  std::swap(heads.axes[1], heads.axes[2]);
  EXPECT_EQ(*reshaped(heads, {2, 13, 64}), rows());
}

TEST(Layout, SizeOneIsNoFactor) {
  Layout single;
  single.axes = {{}, {{Role::Token, 13, 1}}, {{Role::Feature, 64, 1}}};
  EXPECT_EQ(sizesOf(single), (llvm::SmallVector<int64_t>{1, 13, 64}));
  EXPECT_EQ(padded(*reshaped(single, {13, 64}), 3), single);
}

TEST(Layout, CopiesAreNotHeads) {
  Layout keys;
  keys.axes = {{{Role::Feature, 2, 16}, {Role::Repeat, 2, 0}}, {{Role::Feature, 16, 1}}};
  std::optional<Layout> heads = reshaped(keys, {2, 2, 16});
  ASSERT_TRUE(heads);
  EXPECT_EQ(heads->axes[1], (Axis{{Role::Repeat, 2, 0}}));
  // Joining copies with columns gives no row of 32 columns.
  std::optional<Layout> joined = reshaped(*heads, {2, 32});
  ASSERT_TRUE(joined);
  EXPECT_FALSE(isWhole(joined->axes[1], Role::Feature, 32));
}

TEST(Layout, OtherSizes) {
  Sizes to{1, 5, 3};
  std::optional<Layout> small = resized(rows(), kSizes, to);
  ASSERT_TRUE(small);
  EXPECT_EQ(sizesOf(*small), (llvm::SmallVector<int64_t>{1, 3, 64}));
  Layout keys;
  keys.axes = {{{Role::Token, 26, 1}}, {{Role::Key, 24, 1}}};
  EXPECT_EQ(sizesOf(*resized(keys, kSizes, to)), (llvm::SmallVector<int64_t>{3, 8}));
  keys.axes[1][0].size = 7;
  EXPECT_FALSE(resized(keys, kSizes, to));
}

} // namespace
