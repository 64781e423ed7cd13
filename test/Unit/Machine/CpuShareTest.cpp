//===- CpuShareTest.cpp - Threads from the mask, the host's processes and the granted time ---===//
#include "machine/CpuShare.h"

#include "FakeRoot.h"

#include <gtest/gtest.h>

#include <sched.h>
#include <thread>

using namespace mxs;

namespace {

int threads(int mask, int host, double cpuTime, int processes) {
  return CpuShare{mask, host, cpuTime, processes}.threads();
}

TEST(CpuShare, AloneTheWholeMask) {
  EXPECT_EQ(threads(16, 16, 0, 1), 16);
  EXPECT_EQ(threads(4, 16, 0, 1), 4);
}

TEST(CpuShare, ProcessesThatNobodyBoundDivideTheHost) {
  EXPECT_EQ(threads(16, 16, 0, 2), 8);
  EXPECT_EQ(threads(16, 16, 0, 3), 5);
  EXPECT_EQ(threads(2, 2, 0, 4), 1);
}

TEST(CpuShare, ProcessesBoundToPartsKeepThem) {
  EXPECT_EQ(threads(8, 16, 0, 2), 8); // a socket each
  EXPECT_EQ(threads(8, 16, 0, 4), 4); // two on a socket
  EXPECT_EQ(threads(1, 16, 0, 8), 1); // a core each
}

TEST(CpuShare, NoMoreThanTheGrantedTime) {
  EXPECT_EQ(threads(16, 16, 4, 1), 4);
  EXPECT_EQ(threads(16, 16, 2.5, 1), 2);
  EXPECT_EQ(threads(16, 16, 0.5, 1), 1);
  EXPECT_EQ(threads(2, 16, 4, 1), 2);
  EXPECT_EQ(threads(16, 16, 6, 2), 3);
}

TEST(CpuShare, ReadsTheMask) {
  std::thread([] {
    const int cpu = sched_getcpu();
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
    EXPECT_EQ(CpuShare::read(1).mask, 1);
    EXPECT_EQ(CpuShare::read(1).threads(), 1);
    EXPECT_EQ(CpuShare::read(3).processes, 3);
  }).join();
}

TEST(CpuShare, ReadsTheControlGroup) {
  const test::FakeRoot root;
  root.write("sys/fs/cgroup/cpu.max", "350000 100000");
  root.write("sys/fs/cgroup/cpuset.cpus.effective", "0-11");
  const CpuShare share = CpuShare::read(2, root.path);
  EXPECT_EQ(share.cpuTime, 3.5);
  EXPECT_EQ(share.host, 12);
  EXPECT_EQ(share.processes, 2);
}

} // namespace
