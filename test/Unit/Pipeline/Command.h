//===- Command.h - one of the project's commands, run and measured ----------===//
#ifndef MIXSERVE_TEST_UNIT_PIPELINE_COMMAND_H
#define MIXSERVE_TEST_UNIT_PIPELINE_COMMAND_H

#include <cstdint>
#include <string>
#include <vector>

namespace mixserve::test {

struct Finished {
  int code = -1;         ///< exit status; -1: ended by a signal or not started
  double cpuSeconds = 0; ///< user + system
  double wallSeconds = 0;
  uint64_t peakBytes = 0; ///< largest resident set
};

/// Runs build/bin/`name` to its end, its output going to `log` (both streams). The kernel counts
/// the memory of the program that starts another into the other's peak, so programs that include
/// this must stay small: no MLIR.
Finished runCommand(const std::string &name, const std::vector<std::string> &arguments,
                    const std::string &log);

} // namespace mixserve::test

#endif // MIXSERVE_TEST_UNIT_PIPELINE_COMMAND_H
