//===- Report.cpp - What all measurements share: failures, lists, conditions ===//
#include "tools/mixserve-bench/Commands.h"
#include "tools/options/Options.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <sstream>
#include <thread>

using namespace mixserve::tools;
using nlohmann::json;

int mixserve::tools::fail(int code, const std::string &message) {
  std::fprintf(stderr, "mixserve-bench: %s\n", message.c_str());
  return code;
}

int mixserve::tools::fail(const mxs::Status &status) {
  const bool lost =
      status.code() == MXS_TIMEOUT || status.code() == MXS_ABORTED || status.code() == MXS_INTERNAL;
  return fail(lost ? kRankFailed : kBadInput, status.message());
}

std::optional<std::vector<int64_t>> mixserve::tools::parseList(const std::string &text,
                                                               int64_t least) {
  std::vector<int64_t> values;
  std::stringstream stream(text + ",");
  for (std::string item; std::getline(stream, item, ',');) {
    char *end = nullptr;
    errno = 0;
    const long long value = std::strtoll(item.c_str(), &end, 10);
    if (item.empty() || *end != '\0' || errno != 0 || value < least)
      return std::nullopt;
    values.push_back(value);
  }
  return values;
}

json mixserve::tools::resultHeader(const char *benchmark) {
  const std::time_t now = std::time(nullptr);
  std::tm utc = {};
  gmtime_r(&now, &utc);
  char date[32];
  std::strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &utc);
  // Other work on the machine shows in every time: whoever reads a result should see it.
  double load[1] = {-1};
  (void)getloadavg(load, 1);
  return {{"schema", "mixserve.bench/v1"},
          {"benchmark", benchmark},
          {"version", MIXSERVE_VERSION},
          {"date", date},
          {"machine", {{"cpus", std::thread::hardware_concurrency()}, {"load", load[0]}}}};
}
