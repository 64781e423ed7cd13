//===- MappedFile.h - Files as bytes ----------------------------------------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_CORE_MAPPEDFILE_H
#define MIXSERVE_RUNTIME_CORE_MAPPEDFILE_H

#include "core/Status.h"

#include <cstddef>
#include <cstdint>
#include <string>

namespace mxs {

/// A regular file mapped read-only for the life of the object. Move-only.
class MappedFile {
public:
  MappedFile() = default;
  MappedFile(MappedFile &&other) noexcept;
  MappedFile &operator=(MappedFile &&other) noexcept;
  ~MappedFile();

  /// MXS_INVALID_ARGUMENT: the file is missing, no regular file, or cannot be mapped. The system is
  /// asked for huge pages, where it has them for files.
  static Status open(const std::string &path, MappedFile &out);

  /// Makes a range present with one call instead of a page fault each. What comes from the disk
  /// comes in huge pages then, and the system reads ahead by itself; to ask for that
  /// (MADV_WILLNEED) would bring small pages, which are read a fifth slower ever after. May be
  /// refused: then pages come as they are touched.
  void makePresent(size_t begin, size_t length) const;

  const uint8_t *data() const { return bytes; }
  size_t size() const { return count; }

private:
  const uint8_t *bytes = nullptr;
  size_t count = 0;
};

/// Reads a whole small file. MXS_INVALID_ARGUMENT: missing, unreadable, or larger than `limit`.
Status readFile(const std::string &path, size_t limit, std::string &out);

/// Writes `size` bytes to a temporary file beside `path`, syncs it, and renames it to `path`: there
/// is never a partial file of that name. A device, a pipe or a link is written through, not
/// replaced: /dev/null stays what it is. MXS_INVALID_ARGUMENT: cannot be written.
Status writeFileAtomically(const std::string &path, const void *data, size_t size);

} // namespace mxs

#endif // MIXSERVE_RUNTIME_CORE_MAPPEDFILE_H
