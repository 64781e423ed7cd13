//===- mixserve-bench.cpp - Measures collectives, layers, artifacts ---------===//
#include "tools/mixserve-bench/Commands.h"
#include "tools/options/Options.h"

#include <cstdio>
#include <new>

using namespace mixserve::tools;

const Command mixserve::tools::kCommands[] = {
    {"step", "whole steps of an artifact, beside the bound of bytes and operations", stepCommand},
    {"serve", "a load of requests through an artifact: TTFT, ITL, throughput", serveCommand},
    {"layer", "a MoE layer's communication, by every dispatch method", layerCommand},
    {"calibrate", "a cluster's links and methods, for the planner", calibrateCommand},
    {nullptr, nullptr, nullptr},
};

static void printHelp() {
  std::printf("usage: mixserve-bench WHAT [options]\n\n"
              "Measures what mixserve is made of. Results are medians; --json prints them as "
              "mixserve.bench/v1.\n\nwhat to measure (each has its own --help):\n");
  for (const Command *command = kCommands; command->name; ++command)
    std::printf("  %-10s %s\n", command->name, command->summary);
  std::printf("\nexit codes: 0 ok, 1 usage, 2 bad input, 3 no feasible plan, 4 verification "
              "mismatch,\n            5 a rank or a link failed\n\nexample:\n"
              "  mixserve-bench layer --nodes 2 --devices 4 --tokens 512\n");
}

static int usageError(const std::string &message) {
  fail(kUsage, message);
  std::fprintf(stderr, "run 'mixserve-bench --help' for what can be measured\n");
  return kUsage;
}

int main(int argc, char **argv) {
  if (argc < 2)
    return usageError("what to measure?");
  const std::string word = argv[1];
  if (word == "--help" || word == "-h") {
    printHelp();
    return kOk;
  }
  if (word == "--version") {
    std::printf("mixserve-bench (mixserve) %s\n", MIXSERVE_VERSION);
    return kOk;
  }
  for (const Command *command = kCommands; command->name; ++command)
    if (word == command->name)
      try {
        return command->run(argc - 1, argv + 1);
      } catch (const std::bad_alloc &) {
        return fail(kBadInput, "there is not enough memory for it; ask for less");
      }
  return usageError(word[0] == '-' ? "unknown option '" + word + "'; what to measure comes first"
                                   : "cannot measure '" + word + "'");
}
