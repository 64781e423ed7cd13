//===- StepWorkTest.cpp - What a step must read and compute ---------------===//
#include "tools/mixserve-bench/StepWork.h"

#include <gtest/gtest.h>

using namespace mixserve::tools;

namespace {

/// Two ranks of attention TP, one layer, no weights.
mxs::Manifest withCache(const mxs::CacheEntry &cache) {
  mxs::Manifest manifest;
  manifest.attnTp = 2;
  manifest.caches = {cache};
  return manifest;
}

TEST(StepWork, KeysAndValues) {
  mxs::CacheEntry cache;
  cache.kvHeads = 3, cache.headDim = 16, cache.isBf16 = true;
  // Tokens 10, 11 and 12 of four sequences see 11 + 12 + 13 positions.
  const StepWork work = workOf(withCache(cache), 6, {4, 3, 10}, 0);
  EXPECT_DOUBLE_EQ(work.cacheBytes, 4. * 10 * 2 * (3 * 16) * 2 * 2);
  EXPECT_DOUBLE_EQ(work.allFlops(), 4. * 36 * 6 * 4 * 16);
}

TEST(StepWork, LatentRowsAreWholeOnEveryRank) {
  mxs::CacheEntry cache;
  cache.latentDim = 32, cache.ropeDim = 16, cache.nopeDim = 24, cache.valueDim = 20,
  cache.heads = 3;
  const StepWork decode = workOf(withCache(cache), 6, {4, 1, 10}, 0);
  EXPECT_DOUBLE_EQ(decode.cacheBytes, 4. * 10 * (32 + 16) * 4 * 2);
  EXPECT_DOUBLE_EQ(decode.allFlops(), 4. * 11 * 6 * 2 * (2 * 32 + 16));
  const StepWork prompt = workOf(withCache(cache), 6, {4, 3, 10}, 0);
  EXPECT_DOUBLE_EQ(prompt.allFlops(), 4. * 6 * (36 * 2 * (24 + 20 + 16) + 10 * 2 * 32 * (24 + 20)));
}

} // namespace
