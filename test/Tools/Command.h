//===- Command.h - Runs a program of ours as a user would -------------------*- C++ -*-===//
#ifndef MIXSERVE_TEST_TOOLS_COMMAND_H
#define MIXSERVE_TEST_TOOLS_COMMAND_H

#include <cstdio>
#include <string>
#include <sys/wait.h>

namespace mixserve::test {

struct Finished {
  int code = -1;    ///< the exit code; 124: it hung, -1 or above 128: a signal ended it
  std::string text; ///< stdout and stderr

  bool says(const std::string &part) const { return text.find(part) != std::string::npos; }
};

/// Runs a shell command line. One that hangs is ended after two minutes.
inline Finished runCommand(const std::string &line) {
  Finished result;
  FILE *pipe = popen(("timeout -k 5 120 " + line + " 2>&1").c_str(), "r");
  if (!pipe)
    return result;
  char buffer[4096];
  while (size_t got = fread(buffer, 1, sizeof buffer, pipe))
    result.text.append(buffer, got);
  const int status = pclose(pipe);
  if (WIFEXITED(status))
    result.code = WEXITSTATUS(status);
  return result;
}

} // namespace mixserve::test

#endif // MIXSERVE_TEST_TOOLS_COMMAND_H
