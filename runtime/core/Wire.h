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
    putBytes(values, count * sizeof(T));
  }
  void putBytes(const void *data, size_t count) {
    bytes.append(static_cast<const char *>(data), count);
  }
  template <class T> void putArray(const std::vector<T> &values) {
    putArray(values.data(), values.size());
  }
  void putText(const std::string &text) { putArray(text.data(), text.size()); }
  /// Writes as a text what `write(*this)` writes.
  template <class Write> void putPart(const Write &write) {
    const size_t at = bytes.size();
    put<uint64_t>(0);
    write(*this);
    const uint64_t length = bytes.size() - at - sizeof(uint64_t);
    std::memcpy(&bytes[at], &length, sizeof length);
  }
  /// Forgets what was written; its memory stays.
  void clear() { bytes.clear(); }
  void reserve(size_t count) { bytes.reserve(count); }
  const std::string &written() const { return bytes; }
  std::string take() { return std::move(bytes); }

private:
  std::string bytes;
};

/// After a read that does not fit, ok() is false and everything read is zero or empty.
class ByteReader {
public:
  /// `bytes` must outlive the reader.
  explicit ByteReader(const std::string &bytes) : ByteReader(bytes.data(), bytes.size()) {}
  ByteReader(const char *bytes, size_t count) : next(bytes), left(count) {}

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

  /// A reader of a text, in place.
  ByteReader getPart() {
    const size_t count = arrayLength(1);
    const ByteReader part(next, count);
    skip(count);
    return part;
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
