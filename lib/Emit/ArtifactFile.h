//===- ArtifactFile.h - A file of an artifact, hashed as it is written -*- C++ -*-===//
#ifndef MIXSERVE_LIB_EMIT_ARTIFACTFILE_H
#define MIXSERVE_LIB_EMIT_ARTIFACTFILE_H

#include "mlir/IR/Location.h"
#include <memory>
#include <string>
#include <vector>

namespace mixserve {

/// Bytes that one block checksum of a weight file covers.
inline constexpr int64_t kBlockBytes = 1 << 20;

/// What the manifest says of a file.
struct FileRecord {
  std::string path; ///< relative to the artifact
  int64_t bytes = 0;
  std::string sha256;              ///< hex
  std::vector<std::string> blocks; ///< XXH3-64 of each block, hex; empty: the file has none
};

/// Writes a file once, from begin to end. After an error all writes do nothing and `finish` fails.
class ArtifactFile {
public:
  /// `folder`/`path` must not exist. `hasBlocks`: record block checksums too.
  ArtifactFile(llvm::StringRef folder, llvm::StringRef path, bool hasBlocks);
  ~ArtifactFile();
  void write(const void *data, size_t bytes);
  void write(llvm::StringRef text) { write(text.data(), text.size()); }
  /// Syncs and closes. Fails, naming the file, if anything could not be written.
  llvm::FailureOr<FileRecord> finish(mlir::Location loc);

private:
  void flush();
  void startWriting();

  struct State;
  std::unique_ptr<State> state;
};

/// Records a file that another program wrote; syncs it.
llvm::FailureOr<FileRecord> recordFile(llvm::StringRef folder, llvm::StringRef path,
                                       mlir::Location loc);

/// Hex sha256 of a text.
std::string sha256Hex(llvm::StringRef text);

} // namespace mixserve

#endif // MIXSERVE_LIB_EMIT_ARTIFACTFILE_H
