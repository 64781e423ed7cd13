//===- Wire.h - Bytes of control messages -----------------------------------*- C++ -*-===//
//
// Control messages go between the nodes of one run, which are of one machine type: numbers travel
// in native order. The reader checks every length, since a message of another version may arrive.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_RUNTIME_CORE_WIRE_H
#define MIXSERVE_RUNTIME_CORE_WIRE_H

#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

namespace mxs {

class ByteWriter {
public:
  template <class T> void put(const T &value) {
    static_assert(std::is_trivially_copyable_v<T>);
    bytes.append(reinterpret_cast<const char *>(&value), sizeof value);
  }
  template <class T> void putArray(const T *values, size_t count) {
    static_assert(std::is_trivially_copyable_v<T>);
    put<uint64_t>(count);
    bytes.append(reinterpret_cast<const char *>(values), count * sizeof(T));
  }
  template <class T> void putArray(const std::vector<T> &values) {
    putArray(values.data(), values.size());
  }
  void putText(const std::string &text) { putArray(text.data(), text.size()); }
  std::string take() { return std::move(bytes); }

private:
  std::string bytes;
};

/// After a read that does not fit, ok() is false and everything read is zero or empty.
class ByteReader {
public:
  explicit ByteReader(const std::string &bytes) : next(bytes.data()), left(bytes.size()) {}

  template <class T> void get(T &value) {
    static_assert(std::is_trivially_copyable_v<T>);
    value = T();
    if (!fits(sizeof value))
      return;
    std::memcpy(&value, next, sizeof value);
    skip(sizeof value);
  }
  template <class T> void getArray(std::vector<T> &values) {
    values.clear();
    const size_t count = arrayLength(sizeof(T));
    if (count == 0)
      return;
    values.resize(count);
    std::memcpy(values.data(), next, count * sizeof(T));
    skip(count * sizeof(T));
  }
  void getText(std::string &text) {
    const size_t count = arrayLength(1);
    text.assign(next, count);
    skip(count);
  }

  bool ok() const { return !failed; }
  /// ok, and nothing is left.
  bool finished() const { return !failed && left == 0; }

private:
  bool fits(size_t bytes) {
    failed = failed || bytes > left;
    return !failed;
  }
  void skip(size_t bytes) {
    next += bytes;
    left -= bytes;
  }
  size_t arrayLength(size_t itemBytes) {
    uint64_t count = 0;
    get(count);
    if (count > left / itemBytes)
      failed = true;
    return failed ? 0 : static_cast<size_t>(count);
  }

  const char *next;
  size_t left;
  bool failed = false;
};

} // namespace mxs

#endif // MIXSERVE_RUNTIME_CORE_WIRE_H
