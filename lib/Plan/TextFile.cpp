//===- TextFile.cpp - Whole files -----------------------------------------===//
#include "TextFile.h"

#include <fstream>

namespace mixserve::planner {

std::optional<std::string> readTextFile(const std::string &path, const std::string &what,
                                        std::string &error) {
  std::ifstream file(path, std::ios::binary);
  std::string text;
  char block[65536];
  while (file.read(block, sizeof block) || file.gcount() > 0)
    text.append(block, file.gcount());
  if (!file.eof()) { // could not be opened, or is a folder
    error = path + ": cannot read the " + what + "; check the path";
    return std::nullopt;
  }
  return text;
}

} // namespace mixserve::planner
