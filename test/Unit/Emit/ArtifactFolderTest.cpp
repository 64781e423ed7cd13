//===- ArtifactFolderTest.cpp - An artifact is there whole or not at all ----===//
#include "lib/Emit/ArtifactFolder.h"
#include "Fixture.h"

#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

using namespace mlir;
using namespace mixserve;
using mixserve::test::EmitFixture;
using Names = std::vector<std::string>;

namespace {

struct ArtifactFolders : EmitFixture {
  /// Name of the first temporary folder of this process.
  std::string temporaryName() const { return "out.partial-" + std::to_string(getpid()) + "-0"; }
  /// An artifact at `out` with a file `which`.
  void makeArtifact(const std::string &which) {
    ArtifactFolder artifact;
    ASSERT_TRUE(succeeded(artifact.create(at("out"), /*mayReplace=*/true, loc)));
    const std::string inside = artifact.path().substr(folder.size() + 1).str();
    writeBytes(inside + "/manifest.json", R"({"schema": "mixserve.artifact/v1"})", 34);
    writeBytes(inside + "/" + which, "", 0);
    ASSERT_TRUE(succeeded(artifact.commit(loc)));
  }
};

TEST_F(ArtifactFolders, TemporaryUntilCommitted) {
  ArtifactFolder artifact;
  ASSERT_TRUE(succeeded(artifact.create(at("out"), /*mayReplace=*/false, loc)));
  EXPECT_EQ(artifact.path(), at(temporaryName()));
  EXPECT_EQ(list(), Names{temporaryName()});
  EXPECT_EQ(list(temporaryName()), (Names{"code", "weights"}));
  ASSERT_TRUE(succeeded(artifact.commit(loc)));
  EXPECT_EQ(list(), Names{"out"});
  EXPECT_EQ(list("out"), (Names{"code", "weights"}));
}

TEST_F(ArtifactFolders, TheUmaskAloneSaysWhoMayRead) {
  for (const mode_t mask : {0, 022, 027, 077}) {
    const mode_t before = ::umask(mask);
    ArtifactFolder artifact;
    const LogicalResult created = artifact.create(at("out"), /*mayReplace=*/false, loc);
    ::umask(before);
    ASSERT_TRUE(succeeded(created));
    for (const char *part : {"", "/code", "/weights"}) {
      struct stat info;
      ASSERT_EQ(::stat((artifact.path().str() + part).c_str(), &info), 0) << part;
      EXPECT_EQ(info.st_mode & 0777, 0777 & ~mask) << part;
    }
  }
}

TEST_F(ArtifactFolders, NothingIsLeftWithoutCommit) {
  {
    ArtifactFolder artifact;
    ASSERT_TRUE(succeeded(artifact.create(at("out"), /*mayReplace=*/false, loc)));
    writeBytes(temporaryName() + "/code/model.o", "x", 1);
  }
  EXPECT_EQ(list(), Names{});
}

TEST_F(ArtifactFolders, NamesDoNotCollide) {
  ArtifactFolder one, two;
  ASSERT_TRUE(succeeded(one.create(at("out"), false, loc)));
  ASSERT_TRUE(succeeded(two.create(at("out"), false, loc)));
  EXPECT_NE(one.path(), two.path());
}

TEST_F(ArtifactFolders, EmptyFolderIsTaken) {
  std::filesystem::create_directory(at("out"));
  ArtifactFolder artifact;
  ASSERT_TRUE(succeeded(artifact.create(at("out"), false, loc)));
  EXPECT_TRUE(succeeded(artifact.commit(loc)));
}

TEST_F(ArtifactFolders, SlashAtTheEndAndDots) {
  ArtifactFolder artifact;
  ASSERT_TRUE(succeeded(artifact.create(at("./out//"), false, loc)));
  EXPECT_EQ(artifact.path(), at(temporaryName()));
}

TEST_F(ArtifactFolders, ArtifactIsNotReplacedUnasked) {
  makeArtifact("first");
  ArtifactFolder artifact;
  EXPECT_TRUE(failed(artifact.create(at("out"), /*mayReplace=*/false, loc)));
  EXPECT_EQ(takeErrors(),
            "'" + at("out") + "' holds an artifact already; choose another name or give --force\n");
  EXPECT_EQ(list(), Names{"out"});
}

TEST_F(ArtifactFolders, ArtifactIsReplacedWhenAsked) {
  makeArtifact("first");
  makeArtifact("second");
  EXPECT_EQ(list(), Names{"out"});
  EXPECT_EQ(list("out"), (Names{"code", "manifest.json", "second", "weights"}));
}

TEST_F(ArtifactFolders, ReplacedOneStaysUntilCommit) {
  makeArtifact("first");
  {
    ArtifactFolder artifact;
    ASSERT_TRUE(succeeded(artifact.create(at("out"), /*mayReplace=*/true, loc)));
  }
  EXPECT_EQ(list(), Names{"out"});
  EXPECT_EQ(list("out"), (Names{"code", "first", "manifest.json", "weights"}));
}

TEST_F(ArtifactFolders, OtherFoldersAreNeverReplaced) {
  std::filesystem::create_directory(at("out"));
  writeBytes("out/thesis.tex", "x", 1);
  ArtifactFolder artifact;
  EXPECT_TRUE(failed(artifact.create(at("out"), /*mayReplace=*/true, loc)));
  EXPECT_EQ(takeErrors(),
            "'" + at("out") +
                "' is there and is no artifact; it is never replaced: choose another name\n");
  EXPECT_EQ(list("out"), Names{"thesis.tex"});
}

TEST_F(ArtifactFolders, FilesAreNeverReplaced) {
  writeBytes("out", "x", 1);
  ArtifactFolder artifact;
  EXPECT_TRUE(failed(artifact.create(at("out"), /*mayReplace=*/true, loc)));
  EXPECT_EQ(readBytes("out"), "x");
}

TEST_F(ArtifactFolders, WhatCameMeanwhileStays) {
  {
    ArtifactFolder artifact;
    ASSERT_TRUE(succeeded(artifact.create(at("out"), /*mayReplace=*/true, loc)));
    std::filesystem::create_directory(at("out"));
    writeBytes("out/thesis.tex", "x", 1);
    EXPECT_TRUE(failed(artifact.commit(loc)));
  }
  EXPECT_EQ(list(), Names{"out"});
  EXPECT_EQ(list("out"), Names{"thesis.tex"});
}

TEST_F(ArtifactFolders, ParentMustBeThere) {
  ArtifactFolder artifact;
  EXPECT_TRUE(failed(artifact.create(at("none/out"), false, loc)));
  EXPECT_EQ(takeErrors(),
            "cannot write the artifact '" + at("none/out") + "': there is no folder '" + at("none") +
                "': No such file or directory; make that folder first, or choose another one with -o\n");
}

TEST_F(ArtifactFolders, NameMustBeGiven) {
  ArtifactFolder artifact;
  EXPECT_TRUE(failed(artifact.create("", false, loc)));
  EXPECT_EQ(takeErrors(), "an artifact needs a folder to be written to\n");
}

} // namespace
