//===- Phases.h - The phases of compilation, in order -------------*- C++ -*-===//
#ifndef MIXSERVE_PIPELINE_PHASES_H
#define MIXSERVE_PIPELINE_PHASES_H

#include "llvm/ADT/StringRef.h"
#include <array>
#include <optional>

namespace mixserve {

/// A phase is a folder in lib/, in include/mixserve/, in test/, and a value of --compile-to.
enum class Phase { Import, Raise, Plan, Shard, Fuse, Emit };

inline constexpr std::array<Phase, 6> kPhases = {Phase::Import, Phase::Raise, Phase::Plan,
                                                 Phase::Shard,  Phase::Fuse,  Phase::Emit};

/// "import", "raise", ... as the command line writes them.
llvm::StringRef phaseName(Phase phase);
std::optional<Phase> parsePhase(llvm::StringRef name);

} // namespace mixserve

#endif // MIXSERVE_PIPELINE_PHASES_H
