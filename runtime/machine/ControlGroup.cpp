//===- ControlGroup.cpp ---------------------------------------------------------------------===//
#include "machine/ControlGroup.h"

#include "machine/IdList.h"

#include <algorithm>
#include <fstream>
#include <locale>
#include <sstream>
#include <unistd.h>
#include <vector>

using namespace mxs;

namespace {

/// The group of this process in one hierarchy, and those above it.
struct Hierarchy {
  std::string mount; ///< where the hierarchy's files are
  std::string group; ///< the process's group in it, "/" or "/a/b"

  /// Calls body(first line) for the file of that name of the group and of each above it, from the
  /// inside out. A container that does not see its own group at that path sees its limits at the
  /// top.
  template <class Body> void each(const char *file, const Body &body) const {
    for (std::string path = group;;) {
      std::ifstream in(mount + (path == "/" ? "" : path) + "/" + file);
      if (std::string line; std::getline(in, line))
        body(line);
      if (path.empty() || path == "/")
        return;
      path.erase(path.rfind('/'));
    }
  }
};

/// Of a controller ("cpu", "memory", "cpuset") of version 1, or of version 2 ("").
Hierarchy hierarchyOf(const std::string &root, const std::string &controller) {
  std::ifstream groups(root + "/proc/self/cgroup"); // lines "id:controllers:/group"
  Hierarchy found{root + "/sys/fs/cgroup", "/"};
  if (!controller.empty())
    found.mount += "/" + controller; // also a link to "cpu,cpuacct"
  for (std::string line; std::getline(groups, line);) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos)
      continue;
    std::istringstream names(line.substr(first + 1, second - first - 1));
    bool has = controller.empty() && second == first + 1;
    for (std::string name; std::getline(names, name, ',');)
      has |= !controller.empty() && name == controller;
    if (has && line[second + 1] == '/')
      found.group = line.substr(second + 1);
  }
  return found;
}

/// A line of such a file, whatever the program's locale holds for a number.
struct Words : std::istringstream {
  explicit Words(const std::string &line) : std::istringstream(line) {
    imbue(std::locale::classic());
  }
};

/// The smaller one of two limits, of which 0 is none.
template <class T> void limit(T &to, T value) {
  if (value > 0)
    to = to > 0 ? std::min(to, value) : value;
}

} // namespace

ControlGroup ControlGroup::read(const std::string &root) {
  ControlGroup limits;
  const auto memory = [&](const std::string &line) {
    Words in(line); // "max", or version 1's largest number: no limit
    if (int64_t bytes = 0; in >> bytes && bytes < INT64_MAX / 2)
      limit(limits.memory, bytes);
  };
  // The innermost group's CPUs are in effect, whatever those above it have.
  const auto cpus = [&](const std::string &line) {
    if (limits.cpus == 0)
      limits.cpus = static_cast<int>(parseIdList(line).size());
  };
  const auto cpuTime = [&](const std::string &line) {
    Words in(line); // "150000 100000" or "max 100000"
    if (double quota = 0, period = 0; in >> quota >> period && period > 0)
      limit(limits.cpuTime, quota / period);
  };
  Hierarchy two = hierarchyOf(root, "");
  for (const char *mount : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}) { // alone, or beside one
    two.mount = root + mount;
    two.each("cpu.max", cpuTime);
    two.each("memory.max", memory);
    two.each("cpuset.cpus.effective", cpus);
  }

  const Hierarchy cpu = hierarchyOf(root, "cpu");
  std::vector<double> quotas, periods;
  const auto into = [](std::vector<double> &values) {
    return [&values](const std::string &line) {
      double value = 0;
      Words(line) >> value;
      values.push_back(value);
    };
  };
  cpu.each("cpu.cfs_quota_us", into(quotas)); // -1: no limit
  cpu.each("cpu.cfs_period_us", into(periods));
  for (size_t i = 0; i < std::min(quotas.size(), periods.size()); ++i)
    if (periods[i] > 0)
      limit(limits.cpuTime, quotas[i] / periods[i]);
  hierarchyOf(root, "memory").each("memory.limit_in_bytes", memory);
  hierarchyOf(root, "cpuset").each("cpuset.effective_cpus", cpus);
  return limits;
}

UsableMemory UsableMemory::read(const std::string &root) {
  const double machine = double(::sysconf(_SC_PHYS_PAGES)) * double(::sysconf(_SC_PAGESIZE));
  const double group = double(ControlGroup::read(root).memory);
  return group > 0 && group < machine ? UsableMemory{group, true} : UsableMemory{machine, false};
}
