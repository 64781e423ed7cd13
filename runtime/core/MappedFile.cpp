//===- MappedFile.cpp -----------------------------------------------------------------------===//
#include "core/MappedFile.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

using namespace mxs;

namespace {

struct FileDescriptor {
  int fd;
  ~FileDescriptor() {
    if (fd >= 0)
      ::close(fd);
  }
};

Status failedTo(const char *verb, const std::string &path) {
  return invalidArgument(std::string("cannot ") + verb + " '" + path +
                         "': " + std::strerror(errno));
}

Status openRegular(const std::string &path, FileDescriptor &file, size_t &size) {
  // O_NONBLOCK: opening a pipe must not wait for its writer; it is refused below.
  file.fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file.fd < 0)
    return failedTo("open", path);
  struct stat info;
  if (::fstat(file.fd, &info) != 0)
    return failedTo("read", path);
  if (!S_ISREG(info.st_mode))
    return invalidArgument("'" + path + "' is not a regular file");
  size = static_cast<size_t>(info.st_size);
  return okStatus();
}

} // namespace

MappedFile::MappedFile(MappedFile &&other) noexcept
    : bytes(std::exchange(other.bytes, nullptr)), count(std::exchange(other.count, 0)) {}

MappedFile &MappedFile::operator=(MappedFile &&other) noexcept {
  std::swap(bytes, other.bytes);
  std::swap(count, other.count);
  return *this;
}

MappedFile::~MappedFile() {
  if (bytes)
    ::munmap(const_cast<uint8_t *>(bytes), count);
}

Status MappedFile::open(const std::string &path, MappedFile &out) {
  FileDescriptor file{-1};
  size_t size = 0;
  MXS_TRY(openRegular(path, file, size));
  MappedFile mapped;
  if (size > 0) {
    void *address = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file.fd, 0);
    if (address == MAP_FAILED)
      return failedTo("map", path);
    mapped.bytes = static_cast<const uint8_t *>(address);
    mapped.count = size;
#ifdef MADV_HUGEPAGE
    ::madvise(address, size, MADV_HUGEPAGE);
#endif
  }
  out = std::move(mapped);
  return okStatus();
}

/// madvise() on the pages of a range, inside the mapping. What it refuses changes no result.
static void advise(const uint8_t *bytes, size_t count, size_t begin, size_t length, int advice) {
  static const size_t page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  if (begin >= count || length == 0)
    return;
  const size_t first = begin / page * page, end = begin + std::min(length, count - begin);
  ::madvise(const_cast<uint8_t *>(bytes) + first, end - first, advice);
}

void MappedFile::makePresent(size_t begin, size_t length) const {
#ifdef MADV_POPULATE_READ // Linux 5.14
  advise(bytes, count, begin, length, MADV_POPULATE_READ);
#else
  (void)begin, (void)length;
#endif
}

Status mxs::readFile(const std::string &path, size_t limit, std::string &out) {
  FileDescriptor file{-1};
  size_t size = 0;
  MXS_TRY(openRegular(path, file, size));
  if (size > limit)
    return invalidArgument("'" + path + "' has " + std::to_string(size) + " bytes, at most " +
                           std::to_string(limit) + " are read");
  out.resize(size);
  for (size_t done = 0; done < size;) {
    const ssize_t got = ::read(file.fd, &out[done], size - done);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return failedTo("read", path);
    if (got == 0)
      return invalidArgument("'" + path + "' became shorter while it was read");
    done += static_cast<size_t>(got);
  }
  return okStatus();
}

static bool writeAll(int file, const void *data, size_t size) {
  const char *bytes = static_cast<const char *>(data);
  for (size_t done = 0; done < size;) {
    const ssize_t put = ::write(file, bytes + done, size - done);
    if (put < 0 && errno == EINTR)
      continue;
    if (put < 0)
      return false;
    done += static_cast<size_t>(put);
  }
  return true;
}

Status mxs::writeFileAtomically(const std::string &path, const void *data, size_t size) {
  struct stat there;
  if (::lstat(path.c_str(), &there) == 0 && !S_ISREG(there.st_mode)) {
    FileDescriptor file{::open(path.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC)};
    return file.fd >= 0 && writeAll(file.fd, data, size) ? okStatus() : failedTo("write", path);
  }
  const std::string temporary = path + ".tmp." + std::to_string(::getpid());
  FileDescriptor file{::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)};
  if (file.fd < 0)
    return failedTo("write", temporary);
  if (!writeAll(file.fd, data, size) || ::fsync(file.fd) != 0 ||
      ::rename(temporary.c_str(), path.c_str()) != 0) {
    const Status status = failedTo("write", temporary);
    ::unlink(temporary.c_str());
    return status;
  }
  return okStatus();
}
