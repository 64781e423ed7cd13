//===- Target.cpp ---------------------------------------------------------------------------===//
#include "core/Target.h"

using namespace mxs;

#if defined(__x86_64__)
static const char kFamily[] = "x86_64";

/// Levels of the x86-64 psABI, section 3.1.1; the features that tell one from the one below.
static bool hasLevel(int level) {
  __builtin_cpu_init();
  if (level >= 2 && !(__builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt")))
    return false;
  if (level >= 3 && !(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                      __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2")))
    return false;
  if (level >= 4 && !(__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512vl")))
    return false;
  return true;
}

/// 1 .. 4, 0 for a name that is not known.
static int levelOf(const std::string &features) {
  if (features == "generic" || features == "x86-64")
    return 1;
  if (features.size() == 9 && features.compare(0, 8, "x86-64-v") == 0 && features[8] >= '2' &&
      features[8] <= '4')
    return features[8] - '0';
  return 0;
}
#elif defined(__aarch64__)
static const char kFamily[] = "aarch64";
static bool hasLevel(int) { return true; }
static int levelOf(const std::string &features) { return features == "generic" ? 1 : 0; }
#else
#error "teach Target.cpp the processor family"
#endif

Status mxs::checkTarget(const std::string &triple, const std::string &features) {
  const std::string family = triple.substr(0, triple.find('-'));
  if (family != kFamily)
    return mismatch("the artifact was compiled for '" + triple + "', this machine is " + kFamily +
                    "; compile the model for this machine");
  const int level = levelOf(features);
  if (level == 0)
    return mismatch("the artifact needs the instruction set '" + features +
                    "', which this runtime does not know; use the runtime that came with the "
                    "compiler");
  if (!hasLevel(level))
    return mismatch("the artifact needs a processor with " + features +
                    ", this one lacks some of it; compile for a lower level");
  return okStatus();
}
