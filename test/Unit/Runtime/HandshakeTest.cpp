//===- HandshakeTest.cpp - What nodes that start together are told ---------------------------===//
#include "core/Handshake.h"
#include "core/ControlChannel.h"
#include "core/NodeReport.h"

#include <gtest/gtest.h>

using namespace mxs;

namespace {

Hello hello(const std::string &identity, int nodes) {
  Hello hello;
  hello.identity = identity;
  hello.planHash = "plan-" + identity;
  hello.nodes = nodes;
  return hello;
}

void expectMismatch(const std::vector<Hello> &hellos, const std::string &part) {
  const Status status = judge(hellos);
  EXPECT_EQ(status.code(), MXS_MISMATCH);
  EXPECT_NE(status.message().find(part), std::string::npos) << status.message();
}

TEST(Handshake, AgreementIsOk) {
  EXPECT_TRUE(judge({hello("a", 2), hello("a", 2)}).ok());
  EXPECT_TRUE(judge({hello("a", 1)}).ok());
}

TEST(Handshake, AnotherArtifactIsNamedWithItsNodes) {
  expectMismatch({hello("a", 2), hello("b", 2)}, "node 0 opened one with manifest a");
  expectMismatch({hello("a", 2), hello("b", 2)},
                 "node 1 opened one with manifest b and plan plan-b");
  // The majority comes first, whoever it is.
  expectMismatch({hello("b", 4), hello("a", 4), hello("b", 4), hello("a", 4), hello("a", 4)},
                 "different artifacts: nodes 1, 3, 4 opened one with manifest a and plan plan-a; "
                 "nodes 0, 2 opened one with manifest b");
}

TEST(Handshake, OneProcessPerNode) {
  expectMismatch({hello("a", 2), hello("a", 2), hello("a", 2)},
                 "the artifact is for 2 nodes, but 3 processes were started");
  expectMismatch({hello("a", 1), hello("a", 1)}, "the artifact is for 1 node, but 2 processes");
}

TEST(Handshake, RowsOfLinearsAreRoundedEverywhereOrNowhere) {
  std::vector<Hello> hellos(3, hello("a", 3));
  for (Hello &hello : hellos)
    hello.linearRows = "f32";
  EXPECT_TRUE(judge(hellos).ok());
  hellos[1].linearRows = "bf16";
  expectMismatch(hellos,
                 "MXS_LINEAR_ROWS is f32 on nodes 0, 2, bf16 on node 1; set it alike on all hosts");
}

TEST(Handshake, DifferentKernelsAreWarnedOfAndGoOn) {
  std::vector<Hello> hellos(3, hello("a", 3));
  for (Hello &hello : hellos)
    hello.kernels = "avx512_vnni";
  EXPECT_EQ(warningOn(hellos), "");
  hellos[1].kernels = "avx2";
  EXPECT_TRUE(judge(hellos).ok());
  const std::string warning = warningOn(hellos);
  EXPECT_EQ(warning.rfind("kernels of different instruction sets: avx512_vnni on nodes 0, 2, avx2 "
                          "on node 1; ",
                          0),
            0u)
      << warning;
  EXPECT_NE(warning.find("set MXS_ISA=avx2 on all hosts"), std::string::npos) << warning;
}

TEST(Handshake, ANodeWithoutItsArtifactIsNamed) {
  std::vector<Hello> hellos = {hello("a", 2), Hello()};
  hellos[1].status = badArtifact("no such folder");
  const Status status = judge(hellos);
  EXPECT_EQ(status.code(), MXS_BAD_ARTIFACT);
  EXPECT_EQ(status.message(), "node 1: no such folder");
}

TEST(Handshake, AnotherRuntimeComesFirst) {
  std::vector<Hello> hellos = {hello("a", 3), hello("b", 3), hello("a", 3)};
  hellos[1].abi = MXS_ABI_VERSION + 1;
  expectMismatch(hellos, "node 1 run a runtime with ABI " + std::to_string(MXS_ABI_VERSION + 1));
}

TEST(NodeReport, IsReadBackAndRefusedWhereItDoesNotFit) {
  NodeReport report, back;
  report.calls.resize(2);
  report.times.resize(2);
  report.spent.resize(2);
  report.spent[1].wait = 5;
  report.calls[1][3] = 7;
  report.times[0][2] = 9;
  report.bytes = {{-1, MXS_SITE_DISPATCH, Link::Inter, Direction::In, 3, 1234567890123u}};
  ASSERT_TRUE(back.read(report.written(), 2, 4));
  EXPECT_EQ(back.calls, report.calls);
  EXPECT_EQ(back.times, report.times);
  ASSERT_EQ(back.spent.size(), 2u);
  EXPECT_EQ(back.spent[1].wait, 5);
  ASSERT_EQ(back.bytes.size(), 1u);
  EXPECT_EQ(back.bytes[0].layer, -1);
  EXPECT_EQ(back.bytes[0].op, MXS_SITE_DISPATCH);
  EXPECT_EQ(back.bytes[0].link, Link::Inter);
  EXPECT_EQ(back.bytes[0].direction, Direction::In);
  EXPECT_EQ(back.bytes[0].rank, 3);
  EXPECT_EQ(back.bytes[0].bytes, 1234567890123u);
  EXPECT_FALSE(back.read(report.written(), 3, 4)) << "another number of devices";
  EXPECT_FALSE(back.read(report.written(), 2, 3)) << "a rank that does not exist";
  for (size_t size = 0; size < report.written().size(); ++size)
    EXPECT_FALSE(back.read(report.written().substr(0, size), 2, 4)) << size;
}

TEST(NodeReport, FlightsAreReadBackAndRefusedWhereTheyDoNotFit) {
  const std::vector<RankFlight> flights = {{2, {{7, 3, MXS_SITE_COMBINE, 900, -1}}}, {3, {}}};
  const std::string text = writeFlights(flights);
  std::vector<RankFlight> back;
  ASSERT_TRUE(readFlights(text, 4, back));
  ASSERT_EQ(back.size(), 2u);
  EXPECT_EQ(back[0].rank, 2);
  ASSERT_EQ(back[0].entries.size(), 1u);
  EXPECT_EQ(back[0].entries[0].sequence, 7u);
  EXPECT_EQ(back[0].entries[0].enteredNs, 900);
  EXPECT_TRUE(back[1].entries.empty());
  EXPECT_FALSE(readFlights(text, 3, back)) << "a rank that does not exist";
  for (size_t size = 0; size < text.size(); ++size)
    EXPECT_FALSE(readFlights(text.substr(0, size), 4, back)) << size;
}

TEST(NodeReport, EventsAreReadBackWithTheirClockMoved) {
  const std::vector<TraceEvent> events = {{"reduce", {3, MXS_SITE_DISPATCH}, 2, -1, 4, 5, 100, 200},
                                          {"in-flight", {0, MXS_SITE_COMBINE}, 2, 0, 1, -1, 7, 8}};
  std::set<std::string> names;
  std::vector<TraceEvent> back;
  ASSERT_TRUE(readEvents(writeEvents(events), -50, names, back));
  ASSERT_EQ(back.size(), 2u);
  EXPECT_STREQ(back[0].name, "reduce");
  EXPECT_STREQ(back[1].name, "in-flight");
  EXPECT_EQ(back[0].site.layer, 3);
  EXPECT_EQ(back[0].chunk, 4);
  EXPECT_EQ(back[0].peer, 5);
  EXPECT_EQ(back[1].target, 0);
  EXPECT_EQ(back[0].beginNs, 50);
  EXPECT_EQ(back[1].endNs, -42);
  const std::string text = writeEvents(events);
  for (size_t size = 0; size < text.size(); ++size)
    EXPECT_FALSE(readEvents(text.substr(0, size), 0, names, back)) << size;
}

TEST(Reply, IsReadBackAndRefusedWhereItIsCut) {
  const std::string text = Reply{Message::Done, timeoutError("rank 1: late"), "payload"}.written();
  Reply back;
  ASSERT_TRUE(Reply::read(text, back).ok());
  EXPECT_EQ(back.kind, Message::Done);
  EXPECT_EQ(back.status.code(), MXS_TIMEOUT);
  EXPECT_EQ(back.status.message(), "rank 1: late");
  EXPECT_EQ(back.payload, "payload");
  for (size_t size = 0; size < text.size(); ++size)
    EXPECT_FALSE(Reply::read(text.substr(0, size), back).ok()) << size;
}

} // namespace
