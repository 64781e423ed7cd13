//===- Commands.h - What mixserve-bench can measure ---------------*- C++ -*-===//
//
// One file per word after `mixserve-bench`. Each parses its own options (argv[0] is the word),
// prints a table or, with --json, one object of mixserve.bench/v1, and returns an ExitCode.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_TOOLS_BENCH_COMMANDS_H
#define MIXSERVE_TOOLS_BENCH_COMMANDS_H

#include "core/Status.h"

#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <vector>

namespace mixserve::tools {

struct Command {
  const char *name, *summary;
  int (*run)(int argc, char **argv);
};

/// In the order of the help text; a null name ends it.
extern const Command kCommands[];

int serveCommand(int argc, char **argv);
int stepCommand(int argc, char **argv);
int layerCommand(int argc, char **argv);     // LayerCommand.cpp
int calibrateCommand(int argc, char **argv); // CalibrateCommand.cpp

/// Prints "mixserve-bench: message" to stderr; returns `code`.
int fail(int code, const std::string &message);
/// The same for a failure of the runtime: kRankFailed for lost ranks and links, kBadInput
/// otherwise.
int fail(const mxs::Status &status);

/// "1,8,32" as whole numbers of at least `least`; nothing if something is wrong.
std::optional<std::vector<int64_t>> parseList(const std::string &text, int64_t least);

/// {schema, benchmark, version, date, machine: {cpus, load}}: what every result begins with.
nlohmann::json resultHeader(const char *benchmark);

} // namespace mixserve::tools

#endif // MIXSERVE_TOOLS_BENCH_COMMANDS_H
