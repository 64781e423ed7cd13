//===- WorkloadTest.cpp - Workload and limits -----------------------------===//
#include "mixserve/Plan/Workload.h"

#include <gtest/gtest.h>

using namespace mixserve::planner;

namespace {

TEST(Workload, TextRoundTripsAndDefaultsStay) {
  std::string error;
  const auto workload = parseWorkload("output=8,rate=2.5", error);
  ASSERT_TRUE(workload) << error;
  EXPECT_EQ(workload->str(), "prompt=1024,output=8,concurrency=16,rate=2.5");
  EXPECT_FALSE(parseWorkload("promt=8", error));
  EXPECT_EQ(
      error,
      "workload: 'promt=8' in 'promt=8' is not one of prompt=N output=N concurrency=N rate=N");
  EXPECT_FALSE(parseWorkload("prompt=-1", error));
  EXPECT_FALSE(parseWorkload("rate=nan", error));
  EXPECT_FALSE(parseWorkload("", error));
}

TEST(Workload, LimitsFollowTheWorkloadOrAreRefused) {
  std::string error;
  const Workload workload{100, 20, 4, 0};
  const auto limits = resolveLimits({}, workload, error);
  ASSERT_TRUE(limits) << error;
  EXPECT_EQ(limits->maxBatchTokens, 2048);
  EXPECT_EQ(limits->maxSeqs, 4);
  EXPECT_EQ(limits->maxContext, 120);
  EXPECT_FALSE(resolveLimits({0, 0, 119}, workload, error));
  EXPECT_EQ(error, "max-context 119 is below the workload's prompt + output = 120; raise "
                   "--max-context or change "
                   "--workload");
  EXPECT_FALSE(resolveLimits({3, 0, 0}, workload, error));
  EXPECT_NE(error.find("below the workload's concurrency 4"), std::string::npos);
}

TEST(Workload, PositionsBeyondTrainingAreWarnedOf) {
  EXPECT_EQ(whyBeyondTraining({64, 1, 512}, 512), "");
  EXPECT_EQ(whyBeyondTraining({64, 1, 512}, 0), "") << "the model does not say";
  EXPECT_EQ(
      whyBeyondTraining({64, 1, 513}, 512)
          .rfind("max-context 513 is beyond the 512 positions that the model was trained on", 0),
      0u);
}

} // namespace
