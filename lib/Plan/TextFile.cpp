//===- TextFile.cpp - Whole files -----------------------------------------===//
#include "TextFile.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

namespace mixserve::planner {
namespace {

struct Close {
  void operator()(FILE *file) const { std::fclose(file); }
};

} // namespace

std::optional<std::string> readTextFile(const std::string &path, const std::string &what,
                                        std::string &error) {
  // With stdio errno says why; reading a folder fails, opening one does not.
  std::unique_ptr<FILE, Close> file(std::fopen(path.c_str(), "rb"));
  std::string text;
  char block[65536];
  size_t got = 0;
  while (file && (got = std::fread(block, 1, sizeof block, file.get())) > 0)
    text.append(block, got);
  if (!file || std::ferror(file.get())) {
    error = path + ": cannot read the " + what + ": " + std::strerror(errno) + "; check the path";
    return std::nullopt;
  }
  return text;
}

} // namespace mixserve::planner
