//===- MeasuredBlockTest.cpp - The `measured:` part of a cluster file ---------------------===//
#include "tools/mixserve-bench/MeasuredBlock.h"

#include <gtest/gtest.h>

using namespace mixserve::tools;

namespace {

const char *const kRest = "schema: x\n# links as sold\nlevels:\n  - {name: node}\n";

MeasuredBlock block(const std::string &wire, const std::string &date,
                    const std::vector<std::string> &layers) {
  MeasuredBlock result;
  result.how = {date, "0.1", "mpi", 2, 4};
  result.wire = wire;
  result.links = {"inter: {bw: 1MB/s}"};
  result.layers = layers;
  return result;
}

MergedMeasured merge(const std::string &file, const MeasuredBlock &block) {
  MergedMeasured merged;
  EXPECT_EQ(mergeMeasured(file, block, merged), "");
  return merged;
}

TEST(MeasuredBlock, StandsInPlaceOfTheOldOne) {
  const MeasuredBlock first = block("f32", "d1", {"{tokens: 1, time: 1us}"});
  const MeasuredBlock second = block("f32", "d2", {"{tokens: 2, time: 2us}"});
  const std::string file = merge(kRest, first).text;
  EXPECT_EQ(file, kRest + first.text());
  // Another size of the same type was measured at another time: it goes.
  EXPECT_EQ(merge(file, second).text, kRest + second.text());
  EXPECT_EQ(merge(file, second).kept, 0u);
  // What stands behind the block stays, too.
  EXPECT_EQ(merge(file + "device: {}\n# the end\n", second).text,
            std::string(kRest) + "device: {}\n# the end\n" + second.text());
}

TEST(MeasuredBlock, LayersOfTheOtherWireTypeStay) {
  const MeasuredBlock f32 =
      block("f32", "d1", {"{tokens: 1, time: 1us}", "{tokens: 2, time: 2us}"});
  const MeasuredBlock bf16 = block("bf16", "d2", {"{tokens: 1, wire: bf16, time: 3us}"});
  const MergedMeasured both = merge(merge(kRest, f32).text, bf16);
  EXPECT_EQ(both.kept, 2u);
  EXPECT_EQ(both.keptDate, "d1");
  EXPECT_EQ(both.text, kRest + bf16.text() + "    - {tokens: 1, time: 1us, date: \"d1\"}\n" +
                           "    - {tokens: 2, time: 2us, date: \"d1\"}\n");
  // Again: they keep their own date.
  const MeasuredBlock again = block("bf16", "d3", {"{tokens: 4, wire: bf16, time: 4us}"});
  EXPECT_EQ(merge(both.text, again).text,
            kRest + again.text() + both.text.substr(both.text.find("    - {tokens: 1, time")));
  // And are replaced by a run of theirs, which the others outlast.
  const MeasuredBlock anew = block("f32", "d4", {"{tokens: 8, time: 8us}"});
  EXPECT_EQ(merge(both.text, anew).text,
            kRest + anew.text() + "    - {tokens: 1, wire: bf16, time: 3us, date: \"d2\"}\n");
}

TEST(MeasuredBlock, LayersOfOtherMachinesDoNot) {
  const std::string file = merge(kRest, block("f32", "d1", {"{tokens: 1, time: 1us}"})).text;
  for (int which = 0; which < 3; ++which) {
    MeasuredBlock other = block("bf16", "d2", {"{tokens: 1, wire: bf16, time: 3us}"});
    if (which == 0)
      other.how.engine = "loopback";
    (which == 1 ? other.how.nodes : other.how.devices) += which > 0;
    EXPECT_EQ(merge(file, other).text, kRest + other.text()) << which;
  }
}

TEST(MeasuredBlock, WhatCannotBeKeptIsRefused) {
  MergedMeasured merged;
  const std::string head = "levels:\nmeasured:\n  mesh: {nodes: 2, devices: 4}\n";
  std::string wrong = mergeMeasured(head + "  layers:\n    - method: hybrid\n", {}, merged);
  EXPECT_NE(wrong.find("line 5: measured: '- method: hybrid' is no layer"), std::string::npos)
      << wrong;
  wrong = mergeMeasured(head + "  layers: [{method: hybrid}]\n", {}, merged);
  EXPECT_NE(wrong.find("line 4: measured: layers must be a list with one in each line"),
            std::string::npos)
      << wrong;
  EXPECT_EQ(mergeMeasured(head + "  layers: # none yet\n\n    # soon\n", {}, merged), "");
  EXPECT_EQ(mergeMeasured("measured: {}\n", {}, merged), "");
}

} // namespace
