//===- Phases.cpp - Names of the phases -------------------------------------===//
#include "mixserve/Pipeline/Phases.h"

using namespace mixserve;

llvm::StringRef mixserve::phaseName(Phase phase) {
  switch (phase) {
  case Phase::Import:
    return "import";
  case Phase::Raise:
    return "raise";
  case Phase::Plan:
    return "plan";
  case Phase::Shard:
    return "shard";
  case Phase::Fuse:
    return "fuse";
  case Phase::Emit:
    return "emit";
  }
  return "";
}

std::optional<Phase> mixserve::parsePhase(llvm::StringRef name) {
  for (Phase phase : kPhases)
    if (phaseName(phase) == name)
      return phase;
  return std::nullopt;
}
