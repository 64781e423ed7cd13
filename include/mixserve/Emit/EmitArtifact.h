//===- EmitArtifact.h - From fused local IR to an artifact folder -*- C++ -*-===//
#ifndef MIXSERVE_EMIT_EMITARTIFACT_H
#define MIXSERVE_EMIT_EMITARTIFACT_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Support/Timing.h"
#include "llvm/ADT/StringRef.h"
#include <string>

namespace mixserve {

struct EmitOptions {
  /// Artifact folder to make. Its parent must exist.
  std::string outputFolder;
  /// Folder that the boxes of parameters are relative to; empty: the module's `nn.source_folder`.
  std::string sourceFolder;
  /// Instruction set level that code is made for: x86-64, x86-64-v2, -v3 or -v4; "native": the highest
  /// of this machine; empty: x86-64-v3 on x86-64, the baseline ("generic") elsewhere.
  std::string targetCpu;
  /// Linker to run; empty: ld.lld-22, ld.lld or cc, the first that is found.
  std::string linker;
  /// Replace an artifact that is at `outputFolder`. Anything else there is never replaced.
  bool force = false;
};

/// Writes the artifact of `fused` (the module after phase fuse, which is not changed). The folder
/// is written under a temporary name beside it, synced, and renamed: it is there whole or not at
/// all. Same module, options and weight files: same bytes. Errors go to the context's diagnostics. Its
/// steps leave timers below `timing`, if that is a live scope.
llvm::LogicalResult emitArtifact(mlir::ModuleOp fused, const EmitOptions &options, mlir::TimingScope &timing);

/// Why `cpu` is no value of EmitOptions::targetCpu on this machine, or "".
std::string whyUnknownTarget(llvm::StringRef cpu);

/// Removes the temporary folders of artifacts that are being written, and holds up every thread that would make,
/// move or remove one from then on: for a process that is about to end because it was interrupted. Not for signal
/// handlers; call it from a thread that waits for the signal.
void removeUnfinishedArtifacts();

} // namespace mixserve

#endif // MIXSERVE_EMIT_EMITARTIFACT_H
