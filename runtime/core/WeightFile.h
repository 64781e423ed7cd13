//===- WeightFile.h - One mapped weight file --------------------------------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_CORE_WEIGHTFILE_H
#define MIXSERVE_RUNTIME_CORE_WEIGHTFILE_H

#include "core/Manifest.h"
#include "core/MappedFile.h"
#include "core/Safetensors.h"

#include <functional>

namespace mxs {

/// A safetensors file of the artifact, mapped and never copied.
class WeightFile {
public:
  /// Called after every checked block, on any thread; a long check shows that it moves.
  using Progress = std::function<void()>;

  /// Maps `folder`/`entry.path`; with `verify` reads it whole, on the threads of the process's pool,
  /// and compares every block with its checksum while its bytes are in the cache. Without, pages are
  /// read when they are first used. MXS_BAD_ARTIFACT: missing, of another size, malformed, or a
  /// wrong block (file, number and byte range of the first one are named).
  static Status open(const std::string &folder, const FileEntry &entry, bool verify,
                     const Progress &progress, WeightFile &out);

  /// Data of tensor `name`, 64-byte aligned, of element type `dtype`, and how many bytes it has.
  /// MXS_BAD_ARTIFACT: none of that name, of another type, or misaligned.
  Status tensor(const std::string &name, const std::string &dtype, const void *&out,
                int64_t &bytes) const;

  /// The weight that the manifest's `param` describes. MXS_BAD_ARTIFACT: as above, or its size
  /// contradicts the manifest.
  Status weight(const ParamEntry &param, mxs_weight_t &out) const;

private:
  std::string path;
  MappedFile file;
  Safetensors index;
};

/// Compares every block of `file` with `entry`'s checksums; `entry.bytes` is the file's size.
Status verifyBlocks(const MappedFile &file, const FileEntry &entry,
                    const WeightFile::Progress &progress);

} // namespace mxs

#endif // MIXSERVE_RUNTIME_CORE_WEIGHTFILE_H
