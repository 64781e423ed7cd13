//===- Env.cpp ------------------------------------------------------------------------------===//
#include "core/Env.h"

#include <cerrno>
#include <cstdlib>

using namespace mxs;

Status Env::read(Env &out) {
  out = Env();
  if (const char *text = std::getenv("MIXSERVE_DEADLINE_MS")) {
    char *end = nullptr;
    errno = 0;
    const unsigned long long value = std::strtoull(text, &end, 10);
    const unsigned long long limit = 1'000'000'000; // 11 days; keeps the nanoseconds in 64 bits
    if (*text < '0' || *text > '9' || *end || errno || value == 0 || value > limit)
      return invalidArgument("environment variable MIXSERVE_DEADLINE_MS is '" + std::string(text) +
                             "', expected milliseconds in [1, 1000000000]; unset it or correct it");
    out.deadlineNs = value * 1'000'000;
  }
  return okStatus();
}
