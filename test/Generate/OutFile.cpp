//===- OutFile.cpp --------------------------------------------------------===//
#include "test/Generate/OutFile.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <stdexcept>
#include <unistd.h>

using namespace mixserve::generate;

OutFile::OutFile(const std::string &path, IfThere ifThere)
    : path(path),
      fd(open(path.c_str(),
              O_WRONLY | O_CREAT | O_CLOEXEC | (ifThere == Refuse ? O_EXCL : O_TRUNC), 0666)) {
  check(fd >= 0, "create");
}

OutFile::~OutFile() {
  if (fd >= 0)
    close(fd);
}

void OutFile::check(bool fine, const char *what) const {
  if (!fine)
    throw std::runtime_error(std::string("cannot ") + what + " '" + path +
                             "': " + std::strerror(errno));
}

void OutFile::writeAt(uint64_t offset, const char *bytes, size_t count) {
  while (count) {
    const ssize_t done = pwrite(fd, bytes, count, off_t(offset));
    check(done > 0, "write");
    bytes += done, offset += uint64_t(done), count -= size_t(done);
  }
}

void OutFile::append(const char *bytes, size_t count) {
  writeAt(end, bytes, count);
  end += count;
}

void OutFile::finish(uint64_t atLeast) {
  check(ftruncate(fd, off_t(std::max(end, atLeast))) == 0, "set the size of");
  check(close(fd) == 0, "close");
  fd = -1;
}
