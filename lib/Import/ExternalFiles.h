//===- ExternalFiles.h - the data files beside a model ----------------------===//

#ifndef MIXSERVE_LIB_IMPORT_EXTERNALFILES_H
#define MIXSERVE_LIB_IMPORT_EXTERNALFILES_H

#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <string>

namespace mixserve::import {

/// Looks at the data files of one model, each once. A location names a regular file inside the
/// model's folder; absolute paths, `..` and links that lead out of the folder are refused, so that
/// a model cannot make the compiler read other files. One kind of link may: the Hugging Face cache
/// keeps a model as MODEL/snapshots/REVISION/name -> ../../blobs/HASH.
class ExternalFiles {
public:
  /// `what` calls the files in messages.
  explicit ExternalFiles(llvm::StringRef folder, llvm::StringRef what = "external data")
      : folder(folder), what(what) {}

  struct File {
    uint64_t size = 0;
    /// Empty if the file may be used; else why not and what to do.
    std::string problem;
  };
  const File &look(llvm::StringRef location);

  /// Reads `count` bytes at `offset` of the file that `location` names into `out`; false if that
  /// fails.
  bool read(llvm::StringRef location, uint64_t offset, uint64_t count, std::string &out) const;

private:
  File inspect(llvm::StringRef location) const;

  std::string folder, what;
  llvm::StringMap<File> files;
};

} // namespace mixserve::import

#endif // MIXSERVE_LIB_IMPORT_EXTERNALFILES_H
