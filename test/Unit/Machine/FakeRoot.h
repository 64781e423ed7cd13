//===- FakeRoot.h - A folder with files of /proc and /sys ---------------------------*- C++ -*-===//
#ifndef MIXSERVE_TEST_UNIT_MACHINE_FAKEROOT_H
#define MIXSERVE_TEST_UNIT_MACHINE_FAKEROOT_H

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <stdlib.h>
#include <string>

namespace mxs::test {

/// Gone with the object.
class FakeRoot {
public:
  FakeRoot() : path((std::filesystem::temp_directory_path() / "machine-XXXXXX").string()) {
    if (!mkdtemp(path.data()))
      throw std::runtime_error("cannot create " + path);
  }
  ~FakeRoot() { std::filesystem::remove_all(path); }
  FakeRoot(const FakeRoot &) = delete;
  FakeRoot &operator=(const FakeRoot &) = delete;

  void write(const std::string &file, const std::string &text) const {
    const std::filesystem::path full = path + "/" + file;
    std::filesystem::create_directories(full.parent_path());
    std::ofstream(full) << text << "\n";
  }

  std::string path;
};

} // namespace mxs::test

#endif // MIXSERVE_TEST_UNIT_MACHINE_FAKEROOT_H
