//===- Check.cpp - Every checksum of an artifact ----------------------------===//
#include "tools/mixserve-inspect/Check.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <openssl/evp.h>
#include <set>

using namespace mixserve::tools;
namespace fs = std::filesystem;

/// sha256 of a file in hex; empty if it cannot be read.
static std::string sha256(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> digest(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  if (!file || !digest || EVP_DigestInit_ex(digest.get(), EVP_sha256(), nullptr) != 1)
    return "";
  std::vector<char> buffer(1 << 20);
  while (file.read(buffer.data(), static_cast<std::streamsize>(buffer.size())) || file.gcount() > 0)
    EVP_DigestUpdate(digest.get(), buffer.data(), static_cast<size_t>(file.gcount()));
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  EVP_DigestFinal_ex(digest.get(), bytes, &size);
  std::string hex;
  for (unsigned i = 0; i < size; ++i) {
    char text[3];
    std::snprintf(text, sizeof text, "%02x", bytes[i]);
    hex += text;
  }
  return hex;
}

std::vector<std::string> mixserve::tools::checkArtifact(const std::string &folder, const nlohmann::json &manifest) {
  std::vector<std::string> faults;
  std::ifstream checksum(folder + "/manifest.sha256", std::ios::binary);
  const std::string expected{std::istreambuf_iterator<char>(checksum), {}};
  if (expected != sha256(folder + "/manifest.json") + "  manifest.json\n") // the line that sha256sum writes
    faults.push_back("manifest.json does not have the checksum in manifest.sha256");

  std::set<std::string> listed = {"manifest.json", "manifest.sha256"};
  for (const auto &entry : manifest.value("files", nlohmann::json::array())) {
    const std::string path = entry.value("path", "");
    listed.insert(path);
    std::error_code error;
    const auto size = fs::file_size(folder + "/" + path, error);
    if (error)
      faults.push_back(path + " is missing or cannot be read: " + error.message());
    else if (size != entry.value("bytes", uint64_t(0)))
      faults.push_back(path + " has " + std::to_string(size) + " bytes, the manifest says " +
                       std::to_string(entry.value("bytes", uint64_t(0))));
    else if (sha256(folder + "/" + path) != entry.value("sha256", ""))
      faults.push_back(path + " does not have the sha256 that the manifest says: some bytes changed");
  }
  for (const auto &entry : fs::recursive_directory_iterator(folder)) {
    const std::string path = fs::relative(entry.path(), folder).string();
    if (!entry.is_directory() && !listed.count(path))
      faults.push_back(path + " is not listed in the manifest");
  }
  return faults;
}
