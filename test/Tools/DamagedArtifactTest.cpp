//===- DamagedArtifactTest.cpp - A compiled model that was damaged on its way ---------------===//
//
// The tiny model, compiled for 2 nodes x 2 devices as a user would. Whatever happens to one of its
// files, mixserve-run and mixserve-inspect --check refuse it, name the file, and neither crash nor
// hang. Damage that no checksum would show is in test/Unit/Runtime/ArtifactTest.cpp.
//
//===----------------------------------------------------------------------===//
#include "test/Tools/Command.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <unistd.h>

namespace fs = std::filesystem;
using namespace mixserve::test;

namespace {

std::string readAll(const fs::path &path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void writeAll(const fs::path &path, const std::string &bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

std::string environment(const char *name) {
  const char *value = std::getenv(name);
  return value ? value : ".";
}

std::string program(const std::string &name) {
  return environment("MIXSERVE_BUILD_DIR") + "/bin/" + name + " ";
}

class DamagedArtifact : public testing::Test {
protected:
  static void SetUpTestSuite() {
    const std::string models = environment("MIXSERVE_SOURCE_DIR") + "/models/";
    scratch = fs::temp_directory_path() / ("mixserve-damaged-" + std::to_string(getpid()));
    fs::create_directories(scratch);
    folder = scratch / "tiny.mxs";
    const Finished compiled = runCommand(
        program("mixserve-compile") + models +
        "qwen3moe-tiny/onnx/mobius-onnx-standard/model.onnx --cluster " + models +
        "clusters/2x2.yaml --workload prompt=12,output=16,concurrency=4 -o " + folder.string());
    ASSERT_EQ(compiled.code, 0) << compiled.text;
    for (const auto &entry : fs::recursive_directory_iterator(folder))
      if (entry.is_regular_file())
        files.push_back(fs::relative(entry.path(), folder).string());
    std::sort(files.begin(), files.end());
  }
  static void TearDownTestSuite() {
    fs::remove_all(scratch);
    files.clear();
  }

  /// Every test leaves the artifact as it found it.
  void TearDown() override {
    const Finished ran = run(), checked = check();
    EXPECT_EQ(ran.code, 0) << ran.text;
    EXPECT_EQ(checked.code, 0) << checked.text;
  }

  static Finished run() {
    return runCommand(program("mixserve-run") + folder.string() +
                      " --prompt-ids 1,2,3 --max-new-tokens 1");
  }
  static Finished check() {
    return runCommand(program("mixserve-inspect") + "--check " + folder.string());
  }

  /// Returns what mixserve-run said.
  static std::string expectRefused(const std::string &file, const std::string &damage) {
    const Finished ran = run();
    for (const Finished &result : {ran, check()}) {
      EXPECT_EQ(result.code, 2) << file << " " << damage << ": " << result.text;
      EXPECT_TRUE(result.says(file)) << file << " " << damage << ": " << result.text;
    }
    if (file.compare(0, 8, "weights/") == 0)
      return ran.text; // nothing looks into them unasked
    const Finished shown = runCommand(program("mixserve-inspect") + folder.string());
    EXPECT_TRUE(shown.code == 0 || shown.code == 2) << file << " " << damage << ": " << shown.text;
    return ran.text;
  }

  static fs::path scratch, folder;
  static std::vector<std::string> files; ///< of the artifact, relative to it
};

fs::path DamagedArtifact::scratch, DamagedArtifact::folder;
std::vector<std::string> DamagedArtifact::files;

/// Its first and last byte and some between; of weights the header's length and text, and the
/// first, middle and last byte of every block that has its own checksum.
std::vector<size_t> placesOf(const std::string &bytes, size_t blockBytes) {
  const size_t size = bytes.size();
  if (blockBytes == 0)
    return {0, size / 3, size / 2, size - 2, size - 1};
  std::vector<size_t> places = {7, 40};
  for (size_t begin = 0; begin < size; begin += blockBytes) {
    const size_t end = std::min(begin + blockBytes, size);
    places.insert(places.end(), {begin, begin + (end - begin) / 2, end - 1});
  }
  return places;
}

TEST_F(DamagedArtifact, OneByteChangedInEachFile) {
  const std::vector<std::string> expected = {"cluster.json",
                                             "code/model.so",
                                             "ir.mlir",
                                             "manifest.json",
                                             "manifest.sha256",
                                             "plan.json",
                                             "weights/rank-0000.safetensors",
                                             "weights/rank-0001.safetensors",
                                             "weights/rank-0002.safetensors",
                                             "weights/rank-0003.safetensors",
                                             "weights/shared.safetensors"};
  ASSERT_EQ(files, expected);
  const nlohmann::json manifest = nlohmann::json::parse(readAll(folder / "manifest.json"));
  std::map<std::string, size_t> blockBytes;
  for (const nlohmann::json &entry : manifest.at("files"))
    blockBytes[entry["path"]] = entry.value("block_bytes", size_t(0));
  for (const std::string &file : files) {
    const std::string whole = readAll(folder / file);
    const bool isWeights = file.compare(0, 8, "weights/") == 0;
    ASSERT_EQ(blockBytes[file] > 0, isWeights) << file;
    for (size_t at : placesOf(whole, blockBytes[file])) {
      std::string changed = whole;
      changed.at(at) ^= 1;
      writeAll(folder / file, changed);
      const std::string text = expectRefused(file, "byte " + std::to_string(at));
      if (isWeights) {
        const std::string block = "block " + std::to_string(at / blockBytes[file]) + " (bytes ";
        EXPECT_NE(text.find("'" + file + "': " + block), std::string::npos) << at << ": " << text;
      }
    }
    writeAll(folder / file, whole);
  }
}

TEST_F(DamagedArtifact, EachFileMissingOrCut) {
  for (const std::string &file : files) {
    const std::string whole = readAll(folder / file);
    fs::remove(folder / file);
    expectRefused(file, "missing");
    for (size_t size : {size_t(0), whole.size() - 1}) {
      writeAll(folder / file, whole.substr(0, size));
      expectRefused(file, "cut to " + std::to_string(size));
    }
    writeAll(folder / file, whole + "x");
    expectRefused(file, "with a byte more");
    writeAll(folder / file, whole);
  }
}

TEST_F(DamagedArtifact, FilesOfAnotherArtifact) {
  const fs::path extra = folder / "weights/rank-0004.safetensors";
  fs::copy_file(folder / "weights/rank-0003.safetensors", extra);
  expectRefused("weights/rank-0004.safetensors", "of a fifth rank");
  fs::remove(extra);
  // Two ranks' files exchanged: each is whole, but in the other's place.
  const fs::path one = folder / "weights/rank-0001.safetensors", other = folder / "swapped";
  const fs::path two = folder / "weights/rank-0002.safetensors";
  auto exchange = [&] {
    fs::rename(one, other);
    fs::rename(two, one);
    fs::rename(other, two);
  };
  exchange();
  expectRefused("weights/rank-000", "exchanged");
  exchange();
}

} // namespace
