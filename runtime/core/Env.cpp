//===- Env.cpp ------------------------------------------------------------------------------===//
#include "core/Env.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

using namespace mxs;

/// The number in variable `name` -> `out`, which stays as it is if the variable is not set.
static Status readNumber(const char *name, const char *what, unsigned long long limit,
                         uint64_t &out) {
  const char *text = std::getenv(name);
  if (!text)
    return okStatus();
  char *end = nullptr;
  errno = 0;
  const unsigned long long value = std::strtoull(text, &end, 10);
  if (*text < '0' || *text > '9' || *end || errno || value == 0 || value > limit)
    return invalidArgument("environment variable " + std::string(name) + " is '" + text +
                           "', expected " + what + " in [1, " + std::to_string(limit) +
                           "]; unset it or correct it");
  out = value;
  return okStatus();
}

/// What srun starts without --mpi=pmix, mpirun's processes in a Slurm step aside: they have
/// mpirun's own PMIx.
static bool isTaskWithoutPmix() {
  const char *tasks = std::getenv("SLURM_STEP_NUM_TASKS");
  return tasks && std::string(tasks) != "1" && !std::getenv("OMPI_COMM_WORLD_SIZE") &&
         !std::getenv("PMIX_RANK");
}

/// How many of a launch's processes are on this host; 1 where no launcher says: Open MPI's, MPICH's
/// and Intel's; Slurm's, which counts by host, "2(x3),1": the largest, for it does not say which is
/// this one.
static int localProcesses(int processes) {
  for (const char *name :
       {"OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS", "SLURM_STEP_TASKS_PER_NODE"})
    if (const char *text = std::getenv(name)) {
      long most = 1;
      for (const char *entry = text; entry; entry = std::strchr(entry, ',')) {
        entry += *entry == ',';
        most = std::max(most, std::strtol(entry, nullptr, 10));
      }
      return most <= processes ? static_cast<int>(most) : 1;
    }
  return 1;
}

/// Open MPI's mpirun; other launchers by their process manager; Slurm's srun. A batch script of
/// Slurm is no step of several tasks and sets only the other variables of its kind.
static Status readLaunch(Launch &out) {
  constexpr const char *variables[][2] = {{"OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"},
                                          {"PMI_SIZE", "PMI_RANK"},
                                          {"SLURM_STEP_NUM_TASKS", "SLURM_PROCID"}};
  for (const auto &[size, rank] : variables) {
    const char *text = std::getenv(rank);
    if (!std::getenv(size))
      continue;
    uint64_t processes = 0;
    MXS_TRY(readNumber(size, "a number of processes", 1'000'000, processes));
    char *end = nullptr;
    const unsigned long process = text ? std::strtoul(text, &end, 10) : 0;
    if (!text || *text < '0' || *text > '9' || *end || process >= processes)
      return invalidArgument("environment variable " + std::string(size) + " says " +
                             std::to_string(processes) + " processes, but " + rank + " is " +
                             (text ? "'" + std::string(text) + "'" : "not set") +
                             "; start with mpirun or srun, or unset " + size);
    out.process = static_cast<int>(process);
    out.processes = static_cast<int>(processes);
    out.local = localProcesses(out.processes);
    out.variable = size;
    out.pmixMissing = isTaskWithoutPmix();
    return okStatus();
  }
  return okStatus();
}

Status Env::read(Env &out) {
  Env env;
  uint64_t deadlineMs = env.deadlineNs / 1'000'000, threads = 0;
  const unsigned long long elevenDays = 1'000'000'000; // keeps the nanoseconds in 64 bits
  MXS_TRY(readNumber("MXS_DEADLINE_MS", "milliseconds", elevenDays, deadlineMs));
  MXS_TRY(readNumber("MXS_THREADS", "a number of threads", 4096, threads));
  MXS_TRY(readLaunch(env.launch));
  env.deadlineNs = deadlineMs * 1'000'000;
  env.threads = static_cast<int>(threads);
  if (const char *isa = std::getenv("MXS_ISA"))
    env.isa = isa;
  if (const char *rows = std::getenv("MXS_LINEAR_ROWS"); rows && *rows)
    env.linearRows = rows;
  out = std::move(env);
  return okStatus();
}
