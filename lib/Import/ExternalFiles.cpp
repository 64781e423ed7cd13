//===- ExternalFiles.cpp - the data files beside a model --------------------===//

#include "ExternalFiles.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace llvm;

namespace mixserve::import {

/// True if `real` lies in `folder`, or in the blobs of the Hugging Face cache that `folder` is a
/// snapshot of. Both are real paths.
static bool belongsTo(StringRef folder, StringRef real) {
  auto isInside = [&](StringRef root) {
    return real.size() > root.size() && real.starts_with(root) &&
           (root.ends_with("/") || real[root.size()] == '/');
  };
  if (isInside(folder))
    return true;
  StringRef snapshots = sys::path::parent_path(folder);
  if (sys::path::filename(snapshots) != "snapshots")
    return false;
  SmallString<128> blobs(sys::path::parent_path(snapshots));
  sys::path::append(blobs, "blobs");
  return isInside(blobs);
}

ExternalFiles::File ExternalFiles::inspect(StringRef location) const {
  auto refuse = [&](const Twine &why) {
    return File{0, (what + " '" + location + "' " + why).str()};
  };
  if (location.empty() || location.contains('\0'))
    return refuse("has no usable file name; export the model again");
  if (sys::path::is_absolute(location, sys::path::Style::posix) ||
      sys::path::is_absolute(location, sys::path::Style::windows))
    return refuse("is an absolute path; it must be relative to the model's folder");
  for (auto part = sys::path::begin(location), end = sys::path::end(location); part != end; ++part)
    if (*part == "..")
      return refuse("leaves the model's folder with '..'; put the file beside the model");

  SmallString<128> path(folder), real, realFolder;
  sys::path::append(path, location);
  if (std::error_code error = sys::fs::real_path(path, real)) {
    if (error == std::errc::no_such_file_or_directory)
      return refuse("is missing in folder '" + Twine(folder) + "'; copy it beside the model");
    return refuse("cannot be opened: " + error.message());
  }
  if (std::error_code error = sys::fs::real_path(folder, realFolder))
    return refuse("cannot be opened: " + error.message());
  if (!belongsTo(realFolder, real))
    return refuse("is a link that leaves the model's folder; put the file itself beside the model");
  sys::fs::file_status status;
  if (std::error_code error = sys::fs::status(real, status))
    return refuse("cannot be opened: " + error.message());
  if (status.type() != sys::fs::file_type::regular_file)
    return refuse("is not a file");
  return File{status.getSize(), ""};
}

const ExternalFiles::File &ExternalFiles::look(StringRef location) {
  auto [entry, isNew] = files.try_emplace(location);
  if (isNew)
    entry->second = inspect(location);
  return entry->second;
}

bool ExternalFiles::read(StringRef location, uint64_t offset, uint64_t count,
                         std::string &out) const {
  SmallString<128> path(folder);
  sys::path::append(path, location);
  Expected<sys::fs::file_t> file = sys::fs::openNativeFileForRead(path);
  if (!file) {
    consumeError(file.takeError());
    return false;
  }
  out.resize(count);
  bool ok = true;
  for (uint64_t done = 0; ok && done < count;) {
    Expected<size_t> got = sys::fs::readNativeFileSlice(
        *file, MutableArrayRef<char>(out.data() + done, count - done), offset + done);
    if (!got) {
      consumeError(got.takeError());
      ok = false;
    } else if (*got == 0) {
      ok = false;
    } else {
      done += *got;
    }
  }
  sys::fs::closeFile(*file);
  return ok;
}

} // namespace mixserve::import
