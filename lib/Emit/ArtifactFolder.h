//===- ArtifactFolder.h - A folder that appears whole or not at all -*- C++ -*-===//
#ifndef MIXSERVE_LIB_EMIT_ARTIFACTFOLDER_H
#define MIXSERVE_LIB_EMIT_ARTIFACTFOLDER_H

#include "mlir/IR/Location.h"
#include <string>

namespace mixserve {

/// A folder under a temporary name beside its place; `commit` moves it there in one step. Without
/// commit it is removed.
class ArtifactFolder {
public:
  ArtifactFolder() = default;
  ArtifactFolder(const ArtifactFolder &) = delete;
  ~ArtifactFolder();

  /// Makes the temporary folder with `code` and `weights`. Fails if `place` is anything but nothing, an
  /// empty folder, or (with `force`) an artifact, or if its parent is not there.
  llvm::LogicalResult create(llvm::StringRef place, bool force, mlir::Location loc);
  /// Where to write now.
  llvm::StringRef path() const { return temporary; }
  /// Syncs the folders and moves them to their place, replacing what `create` allowed to replace. The
  /// files in them must be synced already.
  llvm::LogicalResult commit(mlir::Location loc);

private:
  llvm::LogicalResult checkPlace(mlir::Location loc) const;

  std::string place, temporary;
  bool force = false;
};

} // namespace mixserve

#endif // MIXSERVE_LIB_EMIT_ARTIFACTFOLDER_H
