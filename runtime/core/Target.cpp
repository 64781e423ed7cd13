//===- Target.cpp ---------------------------------------------------------------------------===//
#include "core/Target.h"

using namespace mxs;

static constexpr const char *kX86 = "x86_64";

Processor mxs::thisProcessor() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  // The builtin takes literals only.
  const int level = __builtin_cpu_supports("x86-64-v4")   ? 4
                    : __builtin_cpu_supports("x86-64-v3") ? 3
                    : __builtin_cpu_supports("x86-64-v2") ? 2
                                                          : 1;
  return {kX86, level};
#elif defined(__aarch64__)
  return {"aarch64", 1};
#else
#error "teach Target.cpp the processor family"
#endif
}

static std::string levelName(int level) {
  return level == 1 ? "x86-64" : "x86-64-v" + std::to_string(level);
}

/// 0 for a name that is not known.
static int levelOf(const std::string &features, const std::string &family) {
  if (features == "generic")
    return 1;
  for (int level = 1; family == kX86 && level <= 4; ++level)
    if (features == levelName(level))
      return level;
  return 0;
}

Status mxs::checkTarget(const std::string &triple, const std::string &features,
                        const Processor &processor) {
  if (triple.substr(0, triple.find('-')) != processor.family)
    return mismatch("the artifact was compiled for '" + triple + "', this machine is " +
                    processor.family + "; compile the model for this machine");
  const int level = levelOf(features, processor.family);
  if (level == 0)
    return mismatch("the artifact needs the instruction set '" + features +
                    "', which this runtime does not know; use the runtime that came with the "
                    "compiler");
  if (level > processor.level)
    return mismatch("the artifact needs a processor with " + features + ", this one has " +
                    levelName(processor.level) + " only; compile the model with --target " +
                    levelName(processor.level));
  return okStatus();
}
