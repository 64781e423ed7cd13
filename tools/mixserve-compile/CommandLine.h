//===- CommandLine.h - What mixserve-compile is asked for ---------*- C++ -*-===//
#ifndef MIXSERVE_TOOLS_COMPILE_COMMANDLINE_H
#define MIXSERVE_TOOLS_COMPILE_COMMANDLINE_H

#include "mixserve/Pipeline/Compile.h"
#include "tools/options/Options.h"

namespace mixserve::tools {

struct CommandLine {
  CompileOptions compile;
  Phase until = Phase::Emit;
  bool printsIr = false; ///< --compile-to a phase before emit
  bool explain = false, timed = false;
  std::string timingFile; ///< of --timing; empty: to stderr
};

/// Reads and checks the command line as far as that needs no model: every option is one that will
/// be honoured. An exit code means: stop now with it; what there is to say was printed.
std::optional<int> parseCommandLine(int argc, char **argv, CommandLine &line);

} // namespace mixserve::tools

#endif // MIXSERVE_TOOLS_COMPILE_COMMANDLINE_H
