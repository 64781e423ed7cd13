//===- OutFile.h - a file that is written at any place, with holes --------===//

#ifndef MIXSERVE_TEST_GENERATE_OUTFILE_H
#define MIXSERVE_TEST_GENERATE_OUTFILE_H

#include <cstddef>
#include <cstdint>
#include <string>

namespace mixserve::generate {

/// Throws std::runtime_error, naming the file and why, from every function that fails.
class OutFile {
public:
  enum IfThere { Refuse, Replace };

  OutFile(const std::string &path, IfThere ifThere);
  OutFile(const OutFile &) = delete;
  OutFile &operator=(const OutFile &) = delete;
  ~OutFile();

  /// May be called from several threads.
  void writeAt(uint64_t offset, const char *bytes, size_t count);

  /// Writes behind what was appended or skipped so far.
  void append(const char *bytes, size_t count);
  void append(const std::string &bytes) { append(bytes.data(), bytes.size()); }
  /// Leaves a hole: zeros that take no disk.
  void skip(uint64_t count) { end += count; }
  void skipTo(uint64_t offset) { end = offset; }

  /// Sets the size to what was appended or skipped, or to `atLeast`, and closes the file.
  void finish(uint64_t atLeast = 0);

private:
  void check(bool fine, const char *what) const;

  const std::string path;
  int fd;
  uint64_t end = 0;
};

} // namespace mixserve::generate

#endif // MIXSERVE_TEST_GENERATE_OUTFILE_H
