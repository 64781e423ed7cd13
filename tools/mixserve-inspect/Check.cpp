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

/// Files of the folder that are not in `listed`.
static void findStrangers(const std::string &folder, const std::set<std::string> &listed,
                          std::vector<std::string> &faults) {
  std::error_code error;
  for (fs::recursive_directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string path = entry->path().lexically_relative(folder).string();
    if (std::error_code ignored; !entry->is_directory(ignored) && !listed.count(path))
      faults.push_back(path + " is not listed in the manifest; remove it");
  }
  if (error)
    faults.push_back(". cannot be listed: " + error.message());
}

std::vector<std::string> mixserve::tools::checkArtifact(const std::string &folder,
                                                        const mxs::Manifest &manifest) {
  static const std::string anew = "; copy the artifact anew or compile the model again";
  std::vector<std::string> faults;
  std::ifstream checksum(folder + "/manifest.sha256", std::ios::binary);
  const std::string expected{std::istreambuf_iterator<char>(checksum), {}};
  if (expected !=
      sha256(folder + "/manifest.json") + "  manifest.json\n") // the line that sha256sum writes
    faults.push_back(
        "manifest.json does not have the checksum in manifest.sha256: one of them changed" + anew);

  std::set<std::string> listed = {"manifest.json", "manifest.sha256"};
  for (const mxs::FileEntry &entry : manifest.files) {
    listed.insert(entry.path);
    const std::string file = folder + "/" + entry.path, expectedBytes = std::to_string(entry.bytes);
    std::error_code error;
    const auto size = fs::file_size(file, error);
    if (error)
      faults.push_back(entry.path + " is missing or cannot be read: " + error.message() + anew);
    else if (std::to_string(size) != expectedBytes)
      faults.push_back(entry.path + " has " + std::to_string(size) + " bytes, the manifest says " +
                       expectedBytes + anew);
    else if (sha256(file) != entry.sha256)
      faults.push_back(entry.path +
                       " does not have the sha256 that the manifest says: some bytes changed" +
                       anew);
  }
  findStrangers(folder, listed, faults);
  return faults;
}
