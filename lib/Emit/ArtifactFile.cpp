//===- ArtifactFile.cpp - A file of an artifact, hashed as it is written ----===//
#include "ArtifactFile.h"
#include "FileHashes.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/Support/MemoryBuffer.h"
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

using namespace mlir;
using namespace mixserve;

/// Files reach the system in pieces of this size that begin at its multiples: then they lie in the
/// page cache as huge pages, where a file system has those, and are mapped as such (runtime/bench:
/// a fifth more bandwidth than pieces of other sizes and places).
static constexpr size_t kPieceBytes = 2 << 20;

struct ArtifactFile::State {
  FileRecord record;
  std::string fullPath;
  bool hasBlocks = false;
  int fd = -1;
  int error = 0;             ///< errno of the first failure
  std::vector<char> pending; ///< passed `write`, not yet written; less than kPieceBytes
  int64_t written = 0;
  int64_t handedOver = 0; ///< bytes that the system was asked to write to the disk
  Sha256 sha;
  BlockHash blocks;
};

ArtifactFile::ArtifactFile(StringRef folder, StringRef path, bool hasBlocks) : state(new State) {
  state->record.path = path.str();
  state->fullPath = (folder + "/" + path).str();
  state->hasBlocks = hasBlocks;
  state->fd = ::open(state->fullPath.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (state->fd < 0)
    state->error = errno;
}

ArtifactFile::~ArtifactFile() {
  if (state->fd >= 0)
    ::close(state->fd);
}

void ArtifactFile::write(const void *data, size_t bytes) {
  if (state->error)
    return;
  state->sha.update(data, bytes);
  if (state->hasBlocks)
    state->blocks.update(static_cast<const char *>(data), bytes);
  state->record.bytes += bytes;
  for (const char *next = static_cast<const char *>(data); bytes > 0;) {
    const size_t part = std::min(bytes, kPieceBytes - state->pending.size());
    state->pending.insert(state->pending.end(), next, next + part);
    next += part, bytes -= part;
    if (state->pending.size() == kPieceBytes)
      flush();
  }
}

void ArtifactFile::flush() {
  const char *next = state->pending.data();
  for (size_t left = state->pending.size(); left > 0 && !state->error;) {
    const ssize_t written = ::write(state->fd, next, left);
    if (written < 0 && errno == EINTR)
      continue;
    if (written < 0)
      state->error = errno;
    else
      next += written, left -= written, state->written += written;
  }
  state->pending.clear();
  startWriting();
}

void ArtifactFile::startWriting() {
  constexpr int64_t step = 16 << 20;
  const int64_t waiting = state->written - state->handedOver;
  if (state->error || waiting < step)
    return;
  // The disk works while the rest is packed, and `finish` has less to wait for. Only a hint.
  ::sync_file_range(state->fd, state->handedOver, waiting, SYNC_FILE_RANGE_WRITE);
  state->handedOver = state->written;
}

FailureOr<FileRecord> ArtifactFile::finish(Location loc) {
  flush();
  if (!state->error && ::fsync(state->fd) != 0)
    state->error = errno;
  if (state->fd >= 0 && ::close(state->fd) != 0 && !state->error)
    state->error = errno;
  state->fd = -1;
  if (state->error)
    return emitError(loc) << "cannot write '" << state->fullPath
                          << "': " << std::strerror(state->error);
  state->record.sha256 = state->sha.hex();
  if (state->hasBlocks)
    state->record.blocks = state->blocks.finish();
  return std::move(state->record);
}

FailureOr<FileRecord> mixserve::recordFile(StringRef folder, StringRef path, Location loc) {
  const std::string full = (folder + "/" + path).str();
  auto content =
      llvm::MemoryBuffer::getFile(full, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!content)
    return emitError(loc) << "cannot read '" << full << "': " << content.getError().message();
  const int fd = ::open(full.c_str(), O_RDONLY | O_CLOEXEC);
  const bool synced = fd >= 0 && ::fsync(fd) == 0;
  const int error = errno;
  if (fd >= 0)
    ::close(fd);
  if (!synced)
    return emitError(loc) << "cannot sync '" << full << "': " << std::strerror(error);
  FileRecord record;
  record.path = path.str();
  record.bytes = (*content)->getBufferSize();
  record.sha256 = sha256Hex((*content)->getBuffer());
  return record;
}

std::string mixserve::sha256Hex(StringRef text) {
  Sha256 sha;
  sha.update(text.data(), text.size());
  return sha.hex();
}
