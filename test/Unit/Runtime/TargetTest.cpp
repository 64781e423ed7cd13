//===- TargetTest.cpp - Code that this processor cannot run is refused ----------------------===//
#include "core/Target.h"

#include <gtest/gtest.h>

using namespace mxs;

namespace {

constexpr const char *kTriple = "x86_64-unknown-linux-gnu";

TEST(Target, LevelsUpToTheProcessors) {
  const char *levels[] = {"x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4"};
  for (int has = 1; has <= 4; ++has)
    for (int needs = 1; needs <= 4; ++needs) {
      const Status status = checkTarget(kTriple, levels[needs - 1], {"x86_64", has});
      EXPECT_EQ(status.ok(), needs <= has) << levels[needs - 1] << " on level " << has;
      if (needs <= has)
        continue;
      EXPECT_EQ(status.code(), MXS_MISMATCH);
      EXPECT_NE(status.message().find("needs a processor with " + std::string(levels[needs - 1]) +
                                      ", this one has " + levels[has - 1] + " only"),
                std::string::npos)
          << status.message();
      EXPECT_NE(status.message().find("--target " + std::string(levels[has - 1])),
                std::string::npos);
    }
}

TEST(Target, UnknownNamesAndOtherFamilies) {
  EXPECT_TRUE(checkTarget(kTriple, "generic", {"x86_64", 1}).ok());
  for (const char *features : {"x86-64-v5", "x86-64-v", "x86-64-v33", "native", "", "AVX2"})
    EXPECT_EQ(checkTarget(kTriple, features, {"x86_64", 4}).code(), MXS_MISMATCH) << features;
  EXPECT_TRUE(checkTarget("aarch64-linux-gnu", "generic", {"aarch64", 1}).ok());
  EXPECT_EQ(checkTarget("aarch64-linux-gnu", "x86-64", {"aarch64", 1}).code(), MXS_MISMATCH);
  EXPECT_NE(checkTarget(kTriple, "x86-64", {"aarch64", 1}).message().find("this machine is aarch64"),
            std::string::npos);
}

TEST(Target, ThisMachineHasItsOwnLevel) {
  const Processor here = thisProcessor();
  EXPECT_TRUE(checkTarget(here.family + "-linux-gnu", "generic").ok());
  EXPECT_GE(here.level, 1);
}

} // namespace
