//===- CommandLine.h - What mixserve-run is asked for -------------*- C++ -*-===//
#ifndef MIXSERVE_TOOLS_RUN_COMMANDLINE_H
#define MIXSERVE_TOOLS_RUN_COMMANDLINE_H

#include "tools/options/Options.h"

namespace mixserve::tools {

struct RunOptions {
  std::string artifact, prompt, verify, output, routing, trace, statsFile, method;
  std::vector<std::string> promptIds;
  int64_t newTokens = -1, chunks = 0, microBatches = 0, paceInter = 0, paceIntra = 0;
  uint64_t deadlineNs = 0, latencyNs = 0;
  double tolerance = -1;
  bool json = false, stats = false, mixed = false;
  std::string promptFile, stopIds;
  double temperature = 0, topP = 0, minP = 0, penalty = 0;
  int64_t topK = 0, concurrency = 0;
  int64_t seed = -1; ///< -1: not given
  bool ignoreEos = false, logprobs = false;
};

/// Reads the command line, checks it and fills in what was not given. An exit code means: stop now
/// with it; what there is to say was printed.
std::optional<int> parseCommandLine(Options &parser, int argc, char **argv, RunOptions &options);

/// Why an output that was asked for cannot be written, or "". Better said before a run than after
/// it.
std::string whyNotWritable(const RunOptions &options);

/// "1,2,3" as token ids; what is wrong goes to `error`, with `where` (an option, a line) before it.
std::vector<int32_t> parseIds(const std::string &where, const std::string &text,
                              std::string &error);

} // namespace mixserve::tools

#endif // MIXSERVE_TOOLS_RUN_COMMANDLINE_H
