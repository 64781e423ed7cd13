//===- StatusTest.cpp - Which of several failures a step tells ------------------------------===//
#include "core/Status.h"

#include <gtest/gtest.h>

#include <algorithm>

using namespace mxs;

namespace {

TEST(Status, OfTwoOutcomesTheCauseIsTold) {
  // From what says least to what says most; two of the same kind: the one that came first.
  const Status rising[] = {okStatus(), abortedError("told to end"), timeoutError("waited in vain"),
                           badArtifact("block 3 is damaged")};
  for (size_t a = 0; a < 4; ++a)
    for (size_t b = 0; b < 4; ++b)
      EXPECT_EQ(&moreTelling(rising[a], rising[b]), &rising[std::max(a, b)]) << a << " " << b;
  const Status other = internalError("also");
  EXPECT_EQ(&moreTelling(rising[3], other), &rising[3]);
  EXPECT_EQ(&moreTelling(other, rising[3]), &other);
}

TEST(Status, WhereIsPutBeforeAFailureOnly) {
  EXPECT_TRUE(okStatus().in("artifact 'a'").ok());
  const Status failure = badArtifact("no such folder").in("artifact 'a'");
  EXPECT_EQ(failure.code(), MXS_BAD_ARTIFACT);
  EXPECT_EQ(failure.message(), "artifact 'a': no such folder");
}

} // namespace
