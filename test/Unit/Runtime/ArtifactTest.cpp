//===- ArtifactTest.cpp - Every way in which an artifact can be wrong -----------------------===//
#include "HandMadeArtifact.h"
#include "HandMadeShape.h"

#include "core/Artifact.h"
#include "core/Checksum.h"
#include "core/Target.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <unistd.h>

namespace fs = std::filesystem;
using namespace mxs;
using nlohmann::json;

namespace {

std::string readAll(const fs::path &path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void writeAll(const fs::path &path, const std::string &bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

void flipByte(const fs::path &path, size_t at) {
  std::string bytes = readAll(path);
  bytes.at(at) ^= 1;
  writeAll(path, bytes);
}

class ArtifactErrors : public testing::Test {
protected:
  void SetUp() override {
    folder = handmade::freshFolder();
    handmade::writeArtifact(folder, {1, 4, 2});
  }

  /// Opens the artifact and the weights of all ranks.
  Status openAll() {
    Artifact artifact;
    MXS_TRY(Artifact::open(folder, artifact));
    for (int rank = 0; rank < artifact.manifest().ranks(); ++rank) {
      RankWeights weights;
      MXS_TRY(artifact.openWeights(rank, true, true, {}, weights));
    }
    return okStatus();
  }

  void expect(mxs_status_t code, const std::string &message) {
    const Status status = openAll();
    EXPECT_EQ(status.code(), code) << status.message();
    EXPECT_NE(status.message().find(message), std::string::npos) << status.message();
    EXPECT_NE(status.message().find(folder), std::string::npos) << "says which artifact";
  }

  std::string folder;
};

TEST_F(ArtifactErrors, NoneInAGoodOne) {
  const Status status = openAll();
  EXPECT_TRUE(status.ok()) << status.message();
  Artifact artifact;
  ASSERT_TRUE(Artifact::open(folder, artifact).ok());
  EXPECT_TRUE(artifact.checkWeightFiles().ok());
}

TEST_F(ArtifactErrors, OneByteChangedInEachFile) {
  std::vector<fs::path> files;
  for (const auto &entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file())
      files.push_back(entry.path());
  ASSERT_EQ(files.size(), 9u); // manifest, its checksum, plan, code, shared, four ranks
  for (const fs::path &file : files)
    for (size_t at : {size_t(0), fs::file_size(file) / 2, size_t(fs::file_size(file)) - 1}) {
      const std::string before = readAll(file);
      flipByte(file, at);
      const Status status = openAll();
      EXPECT_EQ(status.code(), MXS_BAD_ARTIFACT) << file << " byte " << at;
      EXPECT_NE(status.message().find(file.filename().string()), std::string::npos)
          << status.message();
      writeAll(file, before);
    }
  EXPECT_TRUE(openAll().ok());
}

TEST_F(ArtifactErrors, AWrongBlockIsNamed) {
  flipByte(fs::path(folder) / rankWeightsFile(2), 1500);
  expect(MXS_BAD_ARTIFACT, "'weights/rank-0002.safetensors': block 1 (bytes 1024 to 2047)");
}

TEST_F(ArtifactErrors, EachFileMissingOrShort) {
  for (const std::string file : {"manifest.json", "manifest.sha256", "plan.json", "code/model.so",
                                 "weights/shared.safetensors", "weights/rank-0003.safetensors"}) {
    const fs::path path = fs::path(folder) / file;
    const std::string before = readAll(path);
    fs::remove(path);
    expect(MXS_BAD_ARTIFACT, file);
    fs::create_directory(path);
    expect(MXS_BAD_ARTIFACT, file);
    fs::remove(path);
    writeAll(path, before.substr(0, before.size() / 2));
    expect(MXS_BAD_ARTIFACT, file);
    writeAll(path, "");
    expect(MXS_BAD_ARTIFACT, file);
    writeAll(path, before);
  }
  EXPECT_TRUE(openAll().ok());
  folder += "/none";
  expect(MXS_BAD_ARTIFACT, "no such folder");
}

/// Acts as a user without rights where the tests run as root, who may read everything.
class AsNobody {
public:
  AsNobody() : before(::geteuid()), hasLeft(before == 0 && ::seteuid(65534) == 0) {}
  ~AsNobody() {
    if (hasLeft) {
      EXPECT_EQ(::seteuid(before), 0);
    }
  }
  /// Whether this is no superuser, to whom rights mean nothing, and may enter `folder`.
  bool mayEnter(const std::string &folder) const {
    return (before != 0 || hasLeft) && ::faccessat(AT_FDCWD, folder.c_str(), X_OK, AT_EACCESS) == 0;
  }

private:
  const uid_t before;
  const bool hasLeft;
};

TEST_F(ArtifactErrors, WhatMayNotBeReadIsNotMissing) {
  for (const auto &entry : fs::recursive_directory_iterator(folder))
    fs::permissions(entry.path(),
                    fs::perms::others_read |
                        (entry.is_directory() ? fs::perms::others_exec : fs::perms::none),
                    fs::perm_options::add);
  for (const fs::path &parent : {fs::path(folder), fs::path(folder).parent_path()})
    fs::permissions(parent, fs::perms(0755));
  const AsNobody nobody;
  if (!nobody.mayEnter(folder))
    GTEST_SKIP() << "nobody else may come to " << folder << ", or the superuser cannot become one";
  const auto expectWithout = [&](const std::string &path, const std::string &message) {
    const auto rights = [&](fs::perms perms) {
      const uid_t reader = ::geteuid();
      if (::getuid() == 0) {
        EXPECT_EQ(::seteuid(0), 0);
      }
      fs::permissions(path, perms);
      EXPECT_EQ(::seteuid(reader), 0);
    };
    const fs::perms before = fs::status(path).permissions();
    rights(fs::perms::none);
    expect(MXS_BAD_ARTIFACT, message + ": Permission denied; give this user the right to read");
    rights(before);
  };
  expectWithout(folder + "/weights", "cannot read file 'weights/shared.safetensors'");
  expectWithout(folder + "/code", "cannot read file 'code/model.so'");
  expectWithout(folder + "/weights/shared.safetensors",
                "cannot read file 'weights/shared.safetensors'");
  expectWithout(folder + "/manifest.json", "manifest.json'");
  expectWithout(folder + "/plan.json", "plan.json'");
  expectWithout(folder, "manifest.json'");
  const Status status = openAll();
  EXPECT_TRUE(status.ok()) << status.message();
}

/// The system has more reasons than rights.
TEST_F(ArtifactErrors, WhyAFileCannotBeLookedAtIsSaid) {
  const fs::path path = fs::path(folder) / "plan.json";
  fs::remove(path);
  fs::create_symlink("plan.json", path);
  expect(MXS_BAD_ARTIFACT, "cannot read file 'plan.json': Too many levels of symbolic links; copy");
  fs::remove(path);
  fs::create_directory(path);
  expect(MXS_BAD_ARTIFACT, "'plan.json' is not a regular file; copy the artifact anew");
}

/// An artifact of eight ranks below one of four leaves files that nobody would read.
TEST_F(ArtifactErrors, CodeOrWeightsTooMany) {
  for (const char *file : {"weights/rank-0004.safetensors", "code/layers.so"}) {
    const fs::path path = fs::path(folder) / file;
    writeAll(path, "left over");
    expect(MXS_BAD_ARTIFACT, std::string("file '") + file + "' is not listed in the manifest");
    fs::remove(path);
  }
  writeAll(fs::path(folder) / "weights/.nfs0001", "the file system's own");
  writeAll(fs::path(folder) / "notes.txt", "whose artifact this is");
  const Status status = openAll();
  EXPECT_TRUE(status.ok()) << status.message();
}

TEST_F(ArtifactErrors, ManifestsThatDoNotFit) {
  struct {
    handmade::Edit edit;
    mxs_status_t code;
    const char *message;
  } const cases[] = {
      {[](json &m) { m["schema"] = "mixserve.artifact/v2"; }, MXS_BAD_ARTIFACT,
       "schema is 'mixserve.artifact/v2'"},
      {[](json &m) { m["abi"] = 99; }, MXS_MISMATCH, "runtime ABI 99"},
      {[](json &m) { m["target"]["triple"] = "riscv64-linux"; }, MXS_MISMATCH, "riscv64"},
      {[](json &m) { m["target"]["features"] = "x86-64-v9"; }, MXS_MISMATCH, "x86-64-v9"},
      {[](json &m) { m["plan_hash"] = std::string(64, '0'); }, MXS_BAD_ARTIFACT, "plan_hash"},
      {[](json &m) { m["model"].erase("vocab"); }, MXS_BAD_ARTIFACT, "model.vocab is missing"},
      {[](json &m) { m["model"]["vocab"] = "many"; }, MXS_BAD_ARTIFACT, "model.vocab must be"},
      {[](json &m) { m["model"]["top_k"] = 9; }, MXS_BAD_ARTIFACT, "model.top_k must be in [1, 8]"},
      {[](json &m) { m["layout"]["attn_dp"] = 1; }, MXS_BAD_ARTIFACT, "4 ranks of the mesh"},
      {[](json &m) { m["mesh"]["nodes"] = 0; }, MXS_BAD_ARTIFACT, "mesh.nodes must be in"},
      {[](json &m) { m["wire"] = "f16"; }, MXS_BAD_ARTIFACT, "wire must be \"f32\" or \"bf16\""},
      {[](json &m) { m["vocab_local"] = 3; }, MXS_BAD_ARTIFACT, "vocab_local"},
      {[](json &m) { m["variants"] = json::array(); }, MXS_BAD_ARTIFACT, "variants"},
      {[](json &m) { m["table"][0]["variant"] = 1; }, MXS_BAD_ARTIFACT, "table[0].variant"},
      {[](json &m) { m["table"][0]["max_tokens"] = 5; }, MXS_BAD_ARTIFACT, "max_batch_tokens"},
      {[](json &m) { m["table"].push_back(m["table"][0]); }, MXS_BAD_ARTIFACT, "must ascend"},
      {[](json &m) { m["arena_bytes"] = -1; }, MXS_BAD_ARTIFACT, "arena_bytes"},
      {[](json &m) { m["arena_bytes"] = int64_t(1) << 40; }, MXS_MISMATCH,
       "MiB for activations and cache, "},
      {[](json &m) { m["params"][0]["file"] = "other"; }, MXS_BAD_ARTIFACT, "params[0].file"},
      {[](json &m) { m["params"][0]["name"] = "x"; }, MXS_BAD_ARTIFACT, "no tensor 'x'"},
      {[](json &m) { m["params"][0]["pack"] = "n32"; }, MXS_BAD_ARTIFACT, "params[0].pack 'n32'"},
      {[](json &m) { m["params"][0]["type"] = "int8"; }, MXS_BAD_ARTIFACT, "params[0].type 'int8'"},
      {[](json &m) { m["params"][1]["type"] = "f64"; }, MXS_BAD_ARTIFACT, "params[1].type 'f64'"},
      {[](json &m) { m["params"][1]["type"] = "bf16"; }, MXS_BAD_ARTIFACT, "has type F32"},
      {[](json &m) { m["params"][1]["type"] = "int4"; }, MXS_BAD_ARTIFACT, "params[1].group"},
      {[](json &m) { m["params"][1]["type"] = "int4", m["params"][1]["group"] = 64; },
       MXS_BAD_ARTIFACT, "must be 32 or 128"},
      {[](json &m) { m["params"][0]["n"] = 7; }, MXS_BAD_ARTIFACT, "tensor 'embed' has"},
      {[](json &m) { m["params"][1]["k"] = 1000; }, MXS_BAD_ARTIFACT, "tensor 'q' has"},
      {[](json &m) { m["params"][6]["n"] = 1000; }, MXS_BAD_ARTIFACT, "a multiple of"},
      {[](json &m) { m["files"][0]["path"] = "../x"; }, MXS_BAD_ARTIFACT, "leads out"},
      {[](json &m) { m["files"][0]["path"] = "/etc/passwd"; }, MXS_BAD_ARTIFACT, "leads out"},
      {[](json &m) { m["files"][1]["path"] = "code/model.so"; }, MXS_BAD_ARTIFACT, "twice"},
      {[](json &m) { m["files"].erase(m["files"].begin()); }, MXS_BAD_ARTIFACT,
       "does not list 'code/model.so'"},
      {[](json &m) { m["files"][2]["blocks"].erase(0); }, MXS_BAD_ARTIFACT, "block checksums"},
      {[](json &m) { m["files"][2].erase("blocks"); }, MXS_BAD_ARTIFACT, "no block checksums"},
      {[](json &m) { m["files"][2]["block_bytes"] = 0; }, MXS_BAD_ARTIFACT, "block_bytes"},
      {[](json &m) { m = json::array(); }, MXS_BAD_ARTIFACT, "must be an object"},
  };
  const std::string manifest = readAll(fs::path(folder) / "manifest.json");
  for (const auto &[edit, code, message] : cases) {
    handmade::editManifest(folder, edit);
    expect(code, message);
    writeAll(fs::path(folder) / "manifest.json", manifest);
  }
}

TEST_F(ArtifactErrors, ChecksComeInOrder) {
  // Several faults at once: the earlier check speaks.
  handmade::editManifest(folder, [](json &m) {
    m["abi"] = 99;
    m["target"]["triple"] = "riscv64-linux";
  });
  expect(MXS_MISMATCH, "riscv64");
  flipByte(fs::path(folder) / "plan.json", 0);
  expect(MXS_BAD_ARTIFACT, "'plan.json' does not match its sha256");
}

TEST_F(ArtifactErrors, ManifestCutAnywhere) {
  const std::string manifest = readAll(fs::path(folder) / "manifest.json");
  for (size_t size = 0; size < manifest.size() - 1; size += 37) {
    const std::string cut = manifest.substr(0, size);
    writeAll(fs::path(folder) / "manifest.json", cut);
    writeAll(fs::path(folder) / "manifest.sha256",
             sha256Hex(cut.data(), cut.size()) + "  manifest.json\n");
    expect(MXS_BAD_ARTIFACT, "manifest.json: ");
  }
}

/// A rank maps its own file and the shared one: the others may hold anything, or be gone.
TEST_F(ArtifactErrors, OtherRanksFilesAreNotRead) {
  Artifact artifact;
  ASSERT_TRUE(Artifact::open(folder, artifact).ok());
  for (int rank : {0, 1, 3})
    fs::remove(fs::path(folder) / rankWeightsFile(rank));
  RankWeights weights;
  const Status status = artifact.openWeights(2, true, true, {}, weights);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(weights.count(), 10);
  for (int i = 0; i < weights.count(); ++i) {
    EXPECT_EQ(reinterpret_cast<uintptr_t>(weights.weight(i).data) % 64, 0u);
    EXPECT_TRUE(std::isfinite(*static_cast<const float *>(weights.weight(i).data)));
  }
  EXPECT_EQ(artifact.openWeights(0, true, true, {}, weights).code(), MXS_BAD_ARTIFACT);
}

TEST(Target, LevelsOfThisMachine) {
#if defined(__x86_64__)
  EXPECT_TRUE(checkTarget("x86_64-pc-linux-gnu", "x86-64").ok());
  EXPECT_EQ(checkTarget("aarch64-linux-gnu", "generic").code(), MXS_MISMATCH);
#endif
  EXPECT_EQ(checkTarget("", "").code(), MXS_MISMATCH);
}

TEST(Checksum, KnownValues) {
  EXPECT_EQ(sha256Hex("abc", 3),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(xxh3Hex("", 0), "2d06800538d394c2"); // XXH3_64bits of nothing, seed 0
}

} // namespace
