//===- ArtifactFileTest.cpp - What the manifest says of a file is so --------===//
#include "lib/Emit/ArtifactFile.h"
#include "Fixture.h"

#include <csignal>
#include <sys/resource.h>
#include <xxhash.h>

using namespace mlir;
using namespace mixserve;
using mixserve::test::EmitFixture;

namespace {

/// Hex XXH3-64, as the manifest has it.
std::string blockHex(const std::string &bytes) {
  char text[17];
  snprintf(text, sizeof text, "%016llx",
           static_cast<unsigned long long>(XXH3_64bits(bytes.data(), bytes.size())));
  return text;
}

struct ArtifactFiles : EmitFixture {};

TEST_F(ArtifactFiles, Sha256OfAText) {
  // FIPS 180-2, appendix B.1.
  EXPECT_EQ(sha256Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_F(ArtifactFiles, RecordIsOfTheBytes) {
  ArtifactFile file(folder, "text", /*hasBlocks=*/false);
  file.write("ab");
  file.write("c");
  FailureOr<FileRecord> record = file.finish(loc);
  ASSERT_TRUE(succeeded(record));
  EXPECT_EQ(readBytes("text"), "abc");
  EXPECT_EQ(record->path, "text");
  EXPECT_EQ(record->bytes, 3);
  EXPECT_EQ(record->sha256, sha256Hex("abc"));
  EXPECT_TRUE(record->blocks.empty());
}

TEST_F(ArtifactFiles, BlocksEndAtMultiplesNotAtWrites) {
  const std::string bytes(kBlockBytes + 5, 'x');
  ArtifactFile file(folder, "weights", /*hasBlocks=*/true);
  file.write(bytes.data(), 1);
  file.write(bytes.data() + 1, bytes.size() - 1);
  FailureOr<FileRecord> record = file.finish(loc);
  ASSERT_TRUE(succeeded(record));
  EXPECT_EQ(record->blocks, (std::vector<std::string>{blockHex(bytes.substr(0, kBlockBytes)),
                                                      blockHex(bytes.substr(kBlockBytes))}));
}

TEST_F(ArtifactFiles, WholeBlocksHaveNoEmptyOneAfter) {
  ArtifactFile file(folder, "weights", /*hasBlocks=*/true);
  file.write(std::string(kBlockBytes, 'x'));
  FailureOr<FileRecord> record = file.finish(loc);
  ASSERT_TRUE(succeeded(record));
  EXPECT_EQ(record->blocks.size(), 1u);
}

TEST_F(ArtifactFiles, WritesOfAnySizeGiveTheBytesInOrder) {
  std::string bytes(5'000'007, '\0');
  for (size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<char>(i * 2654435761u >> 13);
  ArtifactFile file(folder, "weights", /*hasBlocks=*/true);
  size_t at = 0;
  for (size_t part : {size_t(1), size_t(2 << 20), size_t(0), size_t(3), size_t(2'900'000)}) {
    file.write(bytes.data() + at, part);
    at += part;
  }
  file.write(bytes.data() + at, bytes.size() - at);
  FailureOr<FileRecord> record = file.finish(loc);
  ASSERT_TRUE(succeeded(record));
  EXPECT_TRUE(readBytes("weights") == bytes);
  EXPECT_EQ(record->bytes, static_cast<int64_t>(bytes.size()));
  EXPECT_EQ(record->sha256, sha256Hex(bytes));
  EXPECT_EQ(record->blocks.size(), 5u);
}

TEST_F(ArtifactFiles, FileThatIsThereIsNotOverwritten) {
  writeBytes("text", "old", 3);
  ArtifactFile file(folder, "text", /*hasBlocks=*/false);
  file.write("new");
  EXPECT_TRUE(failed(file.finish(loc)));
  EXPECT_EQ(takeErrors(), "cannot write '" + at("text") + "': File exists\n");
  EXPECT_EQ(readBytes("text"), "old");
}

TEST_F(ArtifactFiles, WriteThatDoesNotFitIsAnError) {
  // A full disk, but for the reason: files of this process may not grow beyond 4 KiB.
  rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = signal(SIGXFSZ, SIG_IGN);
  const rlimit small{4096, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  ArtifactFile file(folder, "weights", /*hasBlocks=*/true);
  file.write(std::string(5000, 'x'));
  file.write("more");
  EXPECT_TRUE(failed(file.finish(loc)));
  EXPECT_EQ(takeErrors(), "cannot write '" + at("weights") + "': File too large\n");
  setrlimit(RLIMIT_FSIZE, &before);
  signal(SIGXFSZ, handler);
}

TEST_F(ArtifactFiles, RecordOfAnotherProgramsFile) {
  writeBytes("code", "abc", 3);
  FailureOr<FileRecord> record = recordFile(folder, "code", loc);
  ASSERT_TRUE(succeeded(record));
  EXPECT_EQ(record->bytes, 3);
  EXPECT_EQ(record->sha256, sha256Hex("abc"));
}

TEST_F(ArtifactFiles, MissingFileHasNoRecord) {
  EXPECT_TRUE(failed(recordFile(folder, "code", loc)));
  EXPECT_EQ(takeErrors(), "cannot read '" + at("code") + "': No such file or directory\n");
}

} // namespace
