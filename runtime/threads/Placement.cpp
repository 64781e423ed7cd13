//===- Placement.cpp ------------------------------------------------------------------------===//
#include "threads/Placement.h"

#include <sched.h>

using namespace mxs;

Placement::Placement(int numbers) : cpus(static_cast<size_t>(numbers)) {
  for (std::atomic<int> &cpu : cpus)
    cpu.store(kNone);
}

bool Placement::isTaken(int cpu, int number) const {
  for (size_t other = 0; other < cpus.size(); ++other)
    if (static_cast<int>(other) != number && cpus[other].load() == cpu)
      return true;
  return false;
}

void Placement::settle(int number) {
  std::atomic<int> &own = cpus[static_cast<size_t>(number)];
  const int cpu = sched_getcpu();
  if (cpu < 0 || own.load(std::memory_order_relaxed) == cpu)
    return;
  own.store(cpu);
  if (isTaken(cpu, number))
    moveAway(number);
}

void Placement::moveAway(int number) {
  std::unique_lock<std::mutex> lock(moves, std::try_to_lock);
  if (!lock.owns_lock()) { // a move can take a time slice of whoever else runs there
    cpus[static_cast<size_t>(number)].store(kNone); // asks again at its next call
    return;
  }
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) // more CPUs than cpu_set_t holds
    return;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed) || isTaken(cpu, number))
      continue;
    cpu_set_t target;
    CPU_ZERO(&target);
    CPU_SET(cpu, &target);
    if (sched_setaffinity(0, sizeof target, &target) == 0) {
      cpus[static_cast<size_t>(number)].store(cpu);
      sched_setaffinity(0, sizeof allowed, &allowed);
    }
    return;
  }
}
