//===- ControlGroupTest.cpp - Limits of both versions, of outer groups, odd files ------------===//
#include "machine/ControlGroup.h"

#include "machine/IdList.h"

#include "FakeRoot.h"

#include <gtest/gtest.h>

#include <locale>

using namespace mxs;
using mxs::test::FakeRoot;

namespace {

using Ids = std::vector<int>;

TEST(IdList, ReadsRangesAndStopsAtWhatIsNone) {
  EXPECT_EQ(parseIdList("0-3,8"), (Ids{0, 1, 2, 3, 8}));
  EXPECT_EQ(parseIdList("5\n"), (Ids{5}));
  EXPECT_EQ(parseIdList(""), Ids{});
  EXPECT_EQ(parseIdList("-1"), Ids{});
  EXPECT_EQ(parseIdList("2,x"), (Ids{2}));
  EXPECT_EQ(parseIdList("3-1"), Ids{});
  EXPECT_EQ(parseIdList("1-"), Ids{});
  EXPECT_EQ(parseIdList("0-99999999").size(), 65536u);
}

TEST(ControlGroup, NoFilesAreNoLimits) {
  const FakeRoot root;
  const ControlGroup group = ControlGroup::read(root.path);
  EXPECT_EQ(group.cpuTime, 0);
  EXPECT_EQ(group.cpus, 0);
  EXPECT_EQ(group.memory, 0);
}

TEST(ControlGroup, VersionTwoTakesTheSmallestOfTheGroupsAbove) {
  const FakeRoot root;
  root.write("proc/self/cgroup", "0::/outer/inner");
  root.write("sys/fs/cgroup/outer/inner/cpu.max", "max 100000");
  root.write("sys/fs/cgroup/outer/cpu.max", "250000 100000");
  root.write("sys/fs/cgroup/outer/inner/memory.max", "3000000");
  root.write("sys/fs/cgroup/outer/memory.max", "2000000");
  root.write("sys/fs/cgroup/outer/inner/cpuset.cpus.effective", "2-5");
  root.write("sys/fs/cgroup/cpuset.cpus.effective", "0-15");
  const ControlGroup group = ControlGroup::read(root.path);
  EXPECT_EQ(group.cpuTime, 2.5);
  EXPECT_EQ(group.memory, 2000000);
  EXPECT_EQ(group.cpus, 4);
}

TEST(ControlGroup, AContainerSeesItsLimitsAtTheTop) {
  const FakeRoot root;
  root.write("proc/self/cgroup", "0::/system.slice/docker-1.scope"); // a path of the host's
  root.write("sys/fs/cgroup/cpu.max", "150000 100000");
  root.write("sys/fs/cgroup/memory.max", "max");
  const ControlGroup group = ControlGroup::read(root.path);
  EXPECT_EQ(group.cpuTime, 1.5);
  EXPECT_EQ(group.memory, 0);
}

TEST(ControlGroup, VersionOne) {
  const FakeRoot root;
  root.write("proc/self/cgroup", "5:cpuset:/job\n4:memory:/job\n3:cpu,cpuacct:/job\n0::/");
  root.write("sys/fs/cgroup/cpu/job/cpu.cfs_quota_us", "300000");
  root.write("sys/fs/cgroup/cpu/job/cpu.cfs_period_us", "100000");
  root.write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1");
  root.write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000");
  root.write("sys/fs/cgroup/memory/job/memory.limit_in_bytes", "1048576");
  root.write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712");
  root.write("sys/fs/cgroup/cpuset/job/cpuset.effective_cpus", "0,2,4");
  const ControlGroup group = ControlGroup::read(root.path);
  EXPECT_EQ(group.cpuTime, 3);
  EXPECT_EQ(group.memory, 1048576);
  EXPECT_EQ(group.cpus, 3);
}

TEST(ControlGroup, OddFilesAreNoLimits) {
  const FakeRoot root;
  root.write("proc/self/cgroup", "no colons\n0:\n0::relative\n:::");
  root.write("sys/fs/cgroup/cpu.max", "100000 0");
  root.write("sys/fs/cgroup/memory.max", "-5");
  root.write("sys/fs/cgroup/cpuset.cpus.effective", "all");
  const ControlGroup group = ControlGroup::read(root.path);
  EXPECT_EQ(group.cpuTime, 0);
  EXPECT_EQ(group.memory, 0);
  EXPECT_EQ(group.cpus, 0);
}

TEST(ControlGroup, TheProgramsLocaleChangesNothing) {
  struct Thousands : std::numpunct<char> {
    char do_thousands_sep() const override { return ','; }
    std::string do_grouping() const override { return "\3"; }
  };
  const std::locale before = std::locale::global(std::locale(std::locale(), new Thousands));
  EXPECT_EQ(parseIdList("0,2,4"), (Ids{0, 2, 4}));
  EXPECT_EQ(parseIdList("0-3,8"), (Ids{0, 1, 2, 3, 8}));
  std::locale::global(before);
}

TEST(ControlGroup, VersionTwoBesideVersionOne) {
  const FakeRoot root;
  root.write("proc/self/cgroup", "4:memory:/\n0::/job");
  root.write("sys/fs/cgroup/unified/job/cpu.max", "200000 100000");
  EXPECT_EQ(ControlGroup::read(root.path).cpuTime, 2);
}

TEST(UsableMemory, OfTheMachineOrOfASmallerGroup) {
  const FakeRoot root;
  const UsableMemory all = UsableMemory::read(root.path);
  EXPECT_GT(all.bytes, 1 << 20);
  EXPECT_FALSE(all.ofGroup);
  root.write("sys/fs/cgroup/memory.max", std::to_string(int64_t(1) << 60));
  EXPECT_EQ(UsableMemory::read(root.path).bytes, all.bytes);
  root.write("sys/fs/cgroup/memory.max", "1048576");
  EXPECT_EQ(UsableMemory::read(root.path).bytes, 1048576);
  EXPECT_TRUE(UsableMemory::read(root.path).ofGroup);
}

} // namespace
