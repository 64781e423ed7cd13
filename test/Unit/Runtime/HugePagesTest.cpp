//===- HugePagesTest.cpp - Weights that come from the disk are mapped in huge pages ---------===//
#include "core/Checksum.h"
#include "core/WeightFile.h"

#include <cstdio>
#include <fcntl.h>
#include <fstream>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

using namespace mxs;

namespace {

constexpr size_t kBytes = 32 << 20;

/// Memory of files that this process has mapped in huge pages [byte]; 0 where the system does not
/// say.
size_t mappedHuge() {
  std::ifstream facts("/proc/self/smaps_rollup");
  for (std::string line; std::getline(facts, line);)
    if (size_t kib = 0; std::sscanf(line.c_str(), "FilePmdMapped: %zu kB", &kib) == 1)
      return kib << 10;
  return 0;
}

/// A file that no page of is in memory.
class ColdFile {
public:
  ColdFile() : path(testing::TempDir() + "mxs-huge-" + std::to_string(::getpid())) {
    std::ofstream(path, std::ios::binary) << std::string(kBytes, 'w');
    fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    forget();
  }
  ~ColdFile() {
    ::close(fd);
    ::unlink(path.c_str());
  }
  void forget() const {
    ::fsync(fd);
    ::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
  }

  const std::string path;
  int fd = -1;
};

/// Whether the system maps files of this folder in huge pages when they are touched.
bool canMapHuge(const ColdFile &file) {
  const size_t before = mappedHuge();
  void *start = ::mmap(nullptr, kBytes, PROT_READ, MAP_SHARED, file.fd, 0);
  if (start == MAP_FAILED)
    return false;
  ::madvise(start, kBytes, MADV_HUGEPAGE);
  for (size_t at = 0; at < kBytes; at += 4096)
    (void)static_cast<const volatile char *>(start)[at];
  const size_t after = mappedHuge();
  ::munmap(start, kBytes);
  file.forget();
  return after >= before + kBytes * 3 / 4;
}

TEST(HugePages, HoldWhatIsCheckedAsItComesFromTheDisk) {
  const ColdFile file;
  ASSERT_GE(file.fd, 0);
  if (!canMapHuge(file))
    GTEST_SKIP() << "no huge pages for files in " << testing::TempDir();
  FileEntry entry;
  entry.path = "weights";
  entry.bytes = kBytes;
  entry.blockBytes = 1 << 20;
  const std::string block(1 << 20, 'w');
  entry.blocks.assign(kBytes >> 20, xxh3Hex(block.data(), block.size()));
  const size_t before = mappedHuge();
  MappedFile mapped;
  ASSERT_TRUE(MappedFile::open(file.path, mapped).ok());
  const Status status = verifyBlocks(mapped, entry, {});
  EXPECT_TRUE(status.ok()) << status.message();
  // Some may be refused when memory is in pieces; small pages from a read-ahead would be most.
  EXPECT_GE(mappedHuge(), before + kBytes / 2);
}

} // namespace
