//===- NumaSpreadTest.cpp - Which nodes a thread uses, and the policy while it spreads -------===//
#include "machine/NumaSpread.h"

#include "FakeRoot.h"

#include <gtest/gtest.h>

#include <linux/mempolicy.h>
#include <sched.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>

using namespace mxs;
using mxs::test::FakeRoot;

namespace {

using Nodes = std::vector<int>;

int policy() {
  int mode = -1;
  const long failed = syscall(SYS_get_mempolicy, &mode, nullptr, 0, nullptr, 0);
  return failed ? -1 : mode;
}

long setPolicy(int mode, unsigned long nodes) {
  return syscall(SYS_set_mempolicy, mode, nodes ? &nodes : nullptr, nodes ? 64ul : 0ul);
}

/// A machine of three nodes: the CPU that this thread may use is on node 1, others on node 0, and
/// node 2 has memory alone.
class NumaNodes : public testing::Test {
protected:
  void SetUp() override {
    cpu = sched_getcpu();
    ASSERT_GE(cpu, 0);
    root.write("sys/devices/system/node/has_memory", "0-2");
    root.write("sys/devices/system/node/node0/cpulist", "60000-60003");
    root.write("sys/devices/system/node/node1/cpulist", std::to_string(cpu));
    root.write("sys/devices/system/node/node2/cpulist", "");
  }
  FakeRoot root;
  int cpu = 0;
};

TEST_F(NumaNodes, OnlyThoseOfTheMask) {
  std::thread([&] {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
    EXPECT_EQ(numaNodesOfThread(root.path), Nodes{1});
    root.write("sys/devices/system/node/node0/cpulist", "0-1023");
    EXPECT_EQ(numaNodesOfThread(root.path), (Nodes{0, 1}));
    root.write("sys/devices/system/node/has_memory", "1");
    EXPECT_EQ(numaNodesOfThread(root.path), Nodes{1});
  }).join();
}

TEST_F(NumaNodes, NoneWhereTheSystemDoesNotSay) {
  EXPECT_EQ(numaNodesOfThread(FakeRoot().path), Nodes{});
}

/// On a node that there is, and one that there may not be.
class Spread : public testing::Test {
protected:
  void SetUp() override {
    unsigned long allowed[16] = {};
    if (policy() != MPOL_DEFAULT ||
        syscall(SYS_get_mempolicy, nullptr, allowed, 1024ul, nullptr, MPOL_F_MEMS_ALLOWED) != 0)
      GTEST_SKIP() << "memory policies are not to be had here, or set already";
    while (node < 60 && !(allowed[0] >> node & 1))
      ++node;
    if (setPolicy(MPOL_INTERLEAVE, 3ul << node) != 0 || setPolicy(MPOL_DEFAULT, 0) != 0)
      GTEST_SKIP() << "memory policies may not be set here";
  }
  int node = 0;
  void TearDown() override { setPolicy(MPOL_DEFAULT, 0); }
};

TEST_F(Spread, InterleavesWhileItLives) {
  {
    const NumaSpread spread({node, node + 1}); // the kernel leaves out one that is not there
    EXPECT_TRUE(spread.active());
    EXPECT_EQ(policy(), MPOL_INTERLEAVE);
  }
  EXPECT_EQ(policy(), MPOL_DEFAULT);
}

TEST_F(Spread, LeavesOneNodeAlone) {
  const NumaSpread one({node}), none({});
  EXPECT_FALSE(one.active());
  EXPECT_FALSE(none.active());
  EXPECT_EQ(policy(), MPOL_DEFAULT);
}

TEST_F(Spread, LeavesWhatIsSetAlready) {
  ASSERT_EQ(setPolicy(MPOL_BIND, 1ul << node), 0);
  {
    const NumaSpread spread({node, node + 1});
    EXPECT_FALSE(spread.active());
  }
  EXPECT_EQ(policy(), MPOL_BIND);
}

} // namespace
