//===- Env.cpp ------------------------------------------------------------------------------===//
#include "core/Env.h"

#include <cerrno>
#include <cstdlib>

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

Status Env::read(Env &out) {
  Env env;
  uint64_t deadlineMs = env.deadlineNs / 1'000'000, threads = 0;
  const unsigned long long elevenDays = 1'000'000'000; // keeps the nanoseconds in 64 bits
  MXS_TRY(readNumber("MIXSERVE_DEADLINE_MS", "milliseconds", elevenDays, deadlineMs));
  MXS_TRY(readNumber("MXS_THREADS", "a number of threads", 4096, threads));
  env.deadlineNs = deadlineMs * 1'000'000;
  env.threads = static_cast<int>(threads);
  if (const char *isa = std::getenv("MXS_ISA"))
    env.isa = isa;
  out = std::move(env);
  return okStatus();
}
