//===- ArtifactFolder.cpp - A folder that appears whole or not at all -------===//
#include "ArtifactFolder.h"
#include "mixserve/Emit/EmitArtifact.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <mutex>
#include <set>
#include <sys/stat.h>
#include <unistd.h>

using namespace mlir;
using namespace mixserve;
namespace fs = llvm::sys::fs;

//===----------------------------------------------------------------------===//
// Folders that are not finished
//===----------------------------------------------------------------------===//

namespace {
struct Unfinished {
  std::mutex mutex; ///< held while a folder gets, changes or loses its name
  std::set<std::string> folders;
};
} // namespace

static Unfinished &unfinished() {
  static Unfinished *all = new Unfinished; // outlives a thread that waits for signals while the process exits
  return *all;
}

void mixserve::removeUnfinishedArtifacts() {
  unfinished().mutex.lock(); // for good: nothing may get its final name any more
  // The compiling thread may still add a file while its folder is emptied.
  for (const std::string &folder : unfinished().folders)
    for (int attempt = 0; attempt < 100 && fs::exists(folder); ++attempt)
      fs::remove_directories(folder);
}

//===----------------------------------------------------------------------===//
// ArtifactFolder
//===----------------------------------------------------------------------===//

static bool isArtifact(const std::string &folder) {
  auto manifest = llvm::MemoryBuffer::getFile(folder + "/manifest.json");
  if (!manifest)
    return false;
  llvm::Expected<llvm::json::Value> value = llvm::json::parse((*manifest)->getBuffer());
  if (!value) {
    llvm::consumeError(value.takeError());
    return false;
  }
  const llvm::json::Object *object = value->getAsObject();
  std::optional<StringRef> schema = object ? object->getString("schema") : std::nullopt;
  return schema && schema->starts_with("mixserve.artifact/");
}

static bool isEmptyFolder(const std::string &folder) {
  std::error_code error;
  return fs::is_directory(folder) && fs::directory_iterator(folder, error) == fs::directory_iterator() && !error;
}

static LogicalResult syncFolder(const std::string &folder, Location loc) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool ok = fd >= 0 && ::fsync(fd) == 0;
  const int error = errno;
  if (fd >= 0)
    ::close(fd);
  if (!ok)
    return emitError(loc) << "cannot sync '" << folder << "': " << std::strerror(error);
  return success();
}

ArtifactFolder::~ArtifactFolder() {
  if (temporary.empty())
    return;
  std::lock_guard<std::mutex> lock(unfinished().mutex);
  fs::remove_directories(temporary);
  unfinished().folders.erase(temporary);
}

LogicalResult ArtifactFolder::checkPlace(Location loc) const {
  fs::file_status status;
  if (fs::status(place, status) || status.type() == fs::file_type::file_not_found || isEmptyFolder(place))
    return success();
  if (!isArtifact(place))
    return emitError(loc) << "'" << place << "' is there and is no artifact; it is never replaced: choose another name";
  if (!force)
    return emitError(loc) << "'" << place << "' holds an artifact already; choose another name or give --force";
  return success();
}

LogicalResult ArtifactFolder::create(StringRef where, bool mayReplace, Location loc) {
  force = mayReplace;
  SmallString<256> absolute(where);
  if (where.empty() || fs::make_absolute(absolute))
    return emitError(loc) << "an artifact needs a folder to be written to";
  llvm::sys::path::remove_dots(absolute, /*remove_dot_dot=*/true);
  while (absolute.size() > 1 && absolute.ends_with("/"))
    absolute.pop_back();
  place = absolute.str().str();
  if (failed(checkPlace(loc)))
    return failure();
  std::lock_guard<std::mutex> lock(unfinished().mutex);
  for (int attempt = 0;; ++attempt) {
    std::string name = place + ".partial-" + std::to_string(llvm::sys::Process::getProcessId()) + "-" +
                       std::to_string(attempt);
    if (::mkdir(name.c_str(), 0777) == 0) {
      temporary = name;
      unfinished().folders.insert(name);
      break;
    }
    if (const int error = errno; error != EEXIST) {
      const StringRef parent = llvm::sys::path::parent_path(place);
      return emitError(loc) << "cannot write the artifact '" << place << "': "
                            << (fs::is_directory(parent) ? "no folder can be made in '" : "there is no folder '")
                            << parent << "': " << std::strerror(error)
                            << "; make that folder first, or choose another one with -o";
    }
  }
  // LLVM's default is 0770; who may read an artifact is up to the umask, as for its files.
  for (StringRef part : {"code", "weights"})
    if (std::error_code error = fs::create_directory(temporary + "/" + part,
                                                     /*IgnoreExisting=*/false, fs::all_all))
      return emitError(loc) << "cannot make '" << temporary << "/" << part << "': " << error.message();
  return success();
}

LogicalResult ArtifactFolder::commit(Location loc) {
  for (const std::string &folder : {temporary + "/code", temporary + "/weights", temporary})
    if (failed(syncFolder(folder, loc)))
      return failure();
  std::lock_guard<std::mutex> lock(unfinished().mutex);
  if (failed(checkPlace(loc)))
    return failure();
  // One system call either way, so a reader sees the old artifact or the new one. After an exchange
  // the temporary name is the old artifact's, which goes.
  const bool replaces = isArtifact(place);
  const int status = replaces ? ::renameat2(AT_FDCWD, temporary.c_str(), AT_FDCWD, place.c_str(), RENAME_EXCHANGE)
                              : ::rename(temporary.c_str(), place.c_str());
  if (status != 0)
    return emitError(loc) << "cannot move the artifact to '" << place << "': " << std::strerror(errno);
  if (replaces)
    fs::remove_directories(temporary);
  unfinished().folders.erase(temporary);
  temporary.clear();
  return syncFolder(llvm::sys::path::parent_path(place).str(), loc);
}
