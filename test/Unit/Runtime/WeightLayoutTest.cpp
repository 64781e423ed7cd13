//===- WeightLayoutTest.cpp - Sizes and places of packed weights ----------------------------===//
#include "mixserve_weights.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>
#include <tuple>

namespace {

constexpr mxs_weight_type_t kTypes[] = {MXS_WEIGHT_F32, MXS_WEIGHT_BF16, MXS_WEIGHT_I8,
                                        MXS_WEIGHT_I4};

TEST(WeightLayout, Sizes) {
  // One block of K = 48, then what a 65th column and a 49th k add.
  EXPECT_EQ(mxs_weight_data_bytes(MXS_WEIGHT_F32, 64, 48), 64 * 48 * 4);
  EXPECT_EQ(mxs_weight_data_bytes(MXS_WEIGHT_BF16, 64, 48), 64 * 48 * 2);
  EXPECT_EQ(mxs_weight_data_bytes(MXS_WEIGHT_I8, 64, 48), 64 * 48);
  EXPECT_EQ(mxs_weight_data_bytes(MXS_WEIGHT_I4, 64, 48), 64 * 48 / 2);
  EXPECT_EQ(mxs_weight_data_bytes(MXS_WEIGHT_BF16, 65, 49), 2 * 64 * 50 * 2);
  EXPECT_EQ(mxs_weight_data_bytes(MXS_WEIGHT_I8, 65, 49), 2 * 64 * 52);
  EXPECT_EQ(mxs_weight_data_bytes(MXS_WEIGHT_I4, 65, 49), 2 * 64 * 56 / 2);
  EXPECT_EQ(mxs_weight_scale_bytes(MXS_WEIGHT_I8, 65, 49, 32), 2 * 2 * 64 * 2);
  EXPECT_EQ(mxs_weight_scale_bytes(MXS_WEIGHT_I4, 64, 129, 128), 2 * 64 * 2);
  EXPECT_EQ(mxs_weight_scale_bytes(MXS_WEIGHT_BF16, 64, 48, 0), 0);
  for (mxs_weight_type_t type : kTypes) {
    EXPECT_EQ(mxs_weight_data_bytes(type, 1, 1) % MXS_WEIGHT_ALIGNMENT, 0);
    EXPECT_EQ(mxs_weight_data_bytes(type, 0, 8), 0);
  }
}

TEST(WeightLayout, AgreedPlaces) {
  const int64_t depth = 40;
  // [b][k/v][c][k%v], written out.
  EXPECT_EQ(mxs_weight_data_offset(MXS_WEIGHT_F32, depth, 70, 3), ((1 * 40 + 3) * 64 + 6) * 4);
  EXPECT_EQ(mxs_weight_data_offset(MXS_WEIGHT_BF16, depth, 70, 3),
            (((1 * 20 + 1) * 64 + 6) * 2 + 1) * 2);
  EXPECT_EQ(mxs_weight_data_offset(MXS_WEIGHT_I8, depth, 70, 7), ((1 * 10 + 1) * 64 + 6) * 4 + 3);
  // k = 8 i + j and 8 i + 4 + j share a byte.
  EXPECT_EQ(mxs_weight_data_offset(MXS_WEIGHT_I4, depth, 70, 10), ((1 * 5 + 1) * 64 + 6) * 4 + 2);
  EXPECT_EQ(mxs_weight_data_offset(MXS_WEIGHT_I4, depth, 70, 14), ((1 * 5 + 1) * 64 + 6) * 4 + 2);
  EXPECT_EQ(mxs_weight_scale_index(depth, 32, 70, 33), (1 * 2 + 1) * 64 + 6);
}

TEST(WeightLayout, EveryElementHasItsOwnPlace) {
  for (auto [n, k] : {std::pair<int64_t, int64_t>{1, 1}, {64, 8}, {65, 9}, {130, 37}})
    for (mxs_weight_type_t type : kTypes) {
      std::set<std::tuple<int64_t, int64_t>> places;
      for (int64_t i = 0; i < n; ++i)
        for (int64_t j = 0; j < k; ++j) {
          const int64_t at = mxs_weight_data_offset(type, k, i, j);
          const bool high = type == MXS_WEIGHT_I4 && j % 8 >= 4;
          ASSERT_GE(at, 0);
          ASSERT_LT(at, mxs_weight_data_bytes(type, n, k));
          ASSERT_TRUE(places.insert({at, high}).second) << i << "," << j;
        }
    }
}

TEST(WeightLayout, SplitsThatFitGroups) {
  EXPECT_TRUE(mxs_weight_split_fits(96, 2, 0)); // no scales
  EXPECT_TRUE(mxs_weight_split_fits(96, 1, 32));
  EXPECT_TRUE(mxs_weight_split_fits(128, 2, 32));
  EXPECT_TRUE(mxs_weight_split_fits(64, 4, 32)); // 16 of a group
  EXPECT_TRUE(mxs_weight_split_fits(48, 2, 128)); // 24 of the only group
  EXPECT_FALSE(mxs_weight_split_fits(96, 2, 32)); // 48 to 95 begins and ends inside groups
  EXPECT_FALSE(mxs_weight_split_fits(48, 2, 32));
}

TEST(WeightLayout, Bf16RoundsToNearestEven) {
  EXPECT_EQ(mxs_bf16_from_f32(1.0f), 0x3f80);
  EXPECT_EQ(mxs_bf16_from_f32(-2.5f), 0xc020);
  EXPECT_EQ(mxs_bf16_from_f32(1.0f + 0x1p-8f), 0x3f80);   // a tie, to even
  EXPECT_EQ(mxs_bf16_from_f32(1.0f + 0x1.8p-7f), 0x3f82); // a tie, to even upwards
  EXPECT_EQ(mxs_bf16_from_f32(1.0f + 0x1.02p-8f), 0x3f81);
  EXPECT_EQ(mxs_bf16_from_f32(std::numeric_limits<float>::max()), 0x7f80);
  EXPECT_EQ(mxs_bf16_from_f32(-INFINITY), 0xff80);
  EXPECT_TRUE(std::isnan(mxs_bf16_to_f32(mxs_bf16_from_f32(NAN))));
  for (uint32_t bits = 0; bits < 0x7f80; ++bits)
    ASSERT_EQ(mxs_bf16_from_f32(mxs_bf16_to_f32(uint16_t(bits))), bits);
}

} // namespace
