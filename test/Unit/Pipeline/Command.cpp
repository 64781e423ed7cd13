//===- Command.cpp - one of the project's commands, run and measured --------===//
#include "Command.h"

#include <chrono>
#include <cstdlib>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace mixserve::test;

static double seconds(const timeval &time) {
  return double(time.tv_sec) + 1e-6 * double(time.tv_usec);
}

Finished mixserve::test::runCommand(const std::string &name,
                                    const std::vector<std::string> &arguments,
                                    const std::string &log) {
  const char *build = std::getenv("MIXSERVE_BUILD_DIR");
  std::vector<std::string> words{std::string(build ? build : ".") + "/bin/" + name};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char *> argv;
  for (std::string &word : words)
    argv.push_back(word.data());
  argv.push_back(nullptr);

  const auto start = std::chrono::steady_clock::now();
  const pid_t child = fork();
  if (child == 0) {
    const int file = open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (file < 0 || dup2(file, 1) < 0 || dup2(file, 2) < 0)
      _exit(126);
    execv(argv[0], argv.data());
    _exit(127);
  }
  Finished result;
  int status = 0;
  rusage usage{};
  if (child < 0 || wait4(child, &status, 0, &usage) != child)
    return result;
  result.wallSeconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  result.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  result.cpuSeconds = seconds(usage.ru_utime) + seconds(usage.ru_stime);
  result.peakBytes = uint64_t(usage.ru_maxrss) * 1024;
  return result;
}
