//===- SafetensorsTest.cpp - Round trip; damaged and hostile files --------------------------===//
#include "core/Safetensors.h"
#include "core/MappedFile.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <sys/stat.h>
#include <thread>

using namespace mxs;

namespace {

Status parse(const std::string &bytes, Safetensors &out) {
  return Safetensors::parse(reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size(), out);
}

std::string fileWith(const std::string &header, size_t dataBytes) {
  std::string bytes;
  for (int i = 0; i < 8; ++i)
    bytes += char(header.size() >> (8 * i) & 255);
  return bytes + header + std::string(dataBytes, 'x');
}

std::string sample() {
  SafetensorsWriter writer;
  writer.add("b", {2, 3}, std::vector<float>{1, 2, 3, 4, 5, 6});
  writer.add("a", {2}, std::vector<int64_t>{-7, 1LL << 40});
  writer.add("empty", {0, 4}, std::vector<float>{});
  writer.add("scalar", {}, std::vector<float>{9});
  return writer.bytes();
}

TEST(Safetensors, RoundTrip) {
  const std::string bytes = sample();
  Safetensors file;
  ASSERT_TRUE(parse(bytes, file).ok());
  EXPECT_EQ(file.tensors().size(), 4u);
  std::vector<float> floats;
  std::vector<int64_t> integers, shape;
  ASSERT_TRUE(file.read("b", floats, shape).ok());
  EXPECT_EQ(floats, (std::vector<float>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(shape, (std::vector<int64_t>{2, 3}));
  ASSERT_TRUE(file.read("a", integers, shape).ok());
  EXPECT_EQ(integers, (std::vector<int64_t>{-7, 1LL << 40}));
  ASSERT_TRUE(file.read("empty", floats, shape).ok());
  EXPECT_TRUE(floats.empty());
  ASSERT_TRUE(file.read("scalar", floats, shape).ok());
  EXPECT_EQ(floats, std::vector<float>{9});
  EXPECT_EQ(file.read("b", integers, shape).code(), MXS_BAD_ARTIFACT);
  EXPECT_EQ(file.read("c", floats, shape).code(), MXS_BAD_ARTIFACT);
}

TEST(Safetensors, EveryTruncationIsRefused) {
  const std::string bytes = sample();
  for (size_t size = 0; size < bytes.size(); ++size) {
    Safetensors file;
    // An exact copy, so that a sanitizer sees any read behind its end.
    const std::vector<uint8_t> cut(bytes.begin(), bytes.begin() + long(size));
    EXPECT_FALSE(Safetensors::parse(cut.data(), cut.size(), file).ok()) << size;
  }
}

TEST(Safetensors, FlippedBytesNeverLeadOutOfTheFile) {
  const std::string bytes = sample();
  std::mt19937 engine(1);
  for (int round = 0; round < 20000; ++round) {
    std::vector<uint8_t> damaged(bytes.begin(), bytes.end());
    for (unsigned flips = 1 + engine() % 3; flips > 0; --flips)
      damaged[engine() % damaged.size()] = uint8_t(engine());
    Safetensors file;
    if (!Safetensors::parse(damaged.data(), damaged.size(), file).ok())
      continue;
    for (const auto &[name, tensor] : file.tensors()) {
      ASSERT_LE(tensor.begin + tensor.bytes, damaged.size());
      std::vector<float> floats;
      std::vector<int64_t> integers, shape;
      (void)file.read(name, floats, shape);
      (void)file.read(name, integers, shape);
    }
  }
}

TEST(Safetensors, HostileHeaders) {
  const std::string one = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
  Safetensors file;
  ASSERT_TRUE(parse(fileWith(one, 8), file).ok());
  struct {
    std::string header;
    size_t data;
    const char *message;
  } const cases[] = {
      {one, 7, "truncated or damaged"},
      {R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", 8, "need 12"},
      {R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,8]}})", 8, "must be in [0,"},
      {R"({"a":{"dtype":"F32","shape":[4294967296,4294967296,4],"data_offsets":[0,0]}})", 8,
       "overflows"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}})", 8, "truncated or damaged"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0]}})", 8, "truncated or damaged"},
      {R"({"a":{"dtype":"F32","shape":[0],"data_offsets":[18446744073709551608,18446744073709551608]}})",
       8, "must be in [0,"},
      {R"({"a":{"dtype":"Q4","shape":[2],"data_offsets":[0,8]}})", 8, "unknown dtype 'Q4'"},
      {R"({"a":{"shape":[2],"data_offsets":[0,8]}})", 8, "dtype is missing"},
      {R"({"a":{"dtype":1,"shape":[2],"data_offsets":[0,8]}})", 8, "must be a string"},
      {R"({"a":{"dtype":"F32","shape":2,"data_offsets":[0,8]}})", 8, "must be an array"},
      {R"({"a":3})", 8, "must be an object"},
      {R"([1])", 8, "must be an object"},
      {R"({"a")", 8, "not valid JSON"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})",
       12, "overlap"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
       8, "occurs twice"},
  };
  for (const auto &[header, data, message] : cases) {
    const Status status = parse(fileWith(header, data), file);
    EXPECT_EQ(status.code(), MXS_BAD_ARTIFACT) << header;
    EXPECT_NE(status.message().find(message), std::string::npos) << status.message();
  }
  EXPECT_FALSE(parse(std::string(8, '\xff'), file).ok());
  EXPECT_FALSE(parse(fileWith(std::string(50000, '['), 0), file).ok()) << "deep nesting";
}

TEST(Safetensors, MetadataIsSkippedAndGapsAreFine) {
  Safetensors file;
  ASSERT_TRUE(parse(fileWith(R"({"__metadata__":{"k":"v"},"a":{"dtype":"U8","shape":[1],)"
                             R"("data_offsets":[5,6]}})",
                             8),
                    file)
                  .ok());
  EXPECT_EQ(file.tensors().size(), 1u);
}

TEST(WrittenFile, ReplacesFilesAlone) {
  namespace fs = std::filesystem;
  std::string name = testing::TempDir() + "writtenXXXXXX";
  ASSERT_NE(mkdtemp(name.data()), nullptr);
  const fs::path folder = name;
  const auto write = [](const fs::path &path, const std::string &text) {
    return writeFileAtomically(path.string(), text.data(), text.size());
  };
  const auto read = [](const fs::path &path) {
    std::ifstream file(path);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  ASSERT_TRUE(write(folder / "file", "first").ok());
  ASSERT_TRUE(write(folder / "file", "2nd").ok());
  EXPECT_EQ(read(folder / "file"), "2nd");
  // A link stays one, and so does a pipe: as root a rename would replace /dev/null.
  fs::create_symlink("file", folder / "link");
  ASSERT_TRUE(write(folder / "link", "3").ok());
  EXPECT_TRUE(fs::is_symlink(folder / "link"));
  EXPECT_EQ(read(folder / "file"), "3");
  ASSERT_EQ(mkfifo((folder / "pipe").c_str(), 0600), 0);
  std::string got;
  std::thread reader([&] { got = read(folder / "pipe"); });
  EXPECT_TRUE(write(folder / "pipe", "through").ok());
  reader.join();
  EXPECT_EQ(got, "through");
  EXPECT_TRUE(fs::is_fifo(folder / "pipe"));
  EXPECT_EQ(write(folder / "none" / "file", "x").code(), MXS_INVALID_ARGUMENT);
  EXPECT_EQ(write(folder, "x").code(), MXS_INVALID_ARGUMENT);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder), {}), 3); // nothing temporary is left
  fs::remove_all(folder);
}

} // namespace
