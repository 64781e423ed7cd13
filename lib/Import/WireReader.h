//===- WireReader.h - Protobuf's wire format, straight from a file ----------------------------===//
//
// https://protobuf.dev/programming-guides/encoding : a message is a sequence of (tag, payload), the
// tag a varint of field number and wire type, the payload of type 2 a length and that many bytes.
// The reader moves through a file without holding it, so a weight is passed by moving the position.
//
//===-----------------------------------------------------------------------------------------===//

#ifndef MIXSERVE_LIB_IMPORT_WIREREADER_H
#define MIXSERVE_LIB_IMPORT_WIREREADER_H

#include <cstdint>
#include <string>
#include <vector>

namespace mixserve::import {

/// A position in an open file, with a small read-ahead buffer. After an error `error()` says what
/// and at which byte; every later read fails too.
class WireReader {
public:
  enum WireType { Varint = 0, Fixed64 = 1, Bytes = 2, Fixed32 = 5 };
  struct Field {
    uint32_t number;
    WireType type;
    /// Varint: the value. Bytes: the length; the payload is next. Fixed: unused; the payload is
    /// next.
    uint64_t value;
  };

  /// Reads from the open file `fd` of `size` bytes; does not own it.
  WireReader(int fd, uint64_t size) : fd(fd), size(size) {}

  uint64_t position() const { return at; }
  const std::string &error() const { return message; }

  /// Reads the head of the next field of a message that ends at `end`. A payload that would pass
  /// `end` is an error.
  bool readField(uint64_t end, Field &field);
  /// Reads `count` bytes behind those in `out`.
  bool readBytes(uint64_t count, std::string &out);
  /// Moves `count` bytes on without reading them.
  bool skip(uint64_t count);
  /// Copies the payload of `field`, with its head, to `out`.
  bool copyField(const Field &field, std::string &out);
  /// Moves behind the payload of `field`.
  bool skipField(const Field &field);

private:
  bool fill();
  bool readByte(uint8_t &byte);
  bool readVarint(uint64_t end, uint64_t &value);
  bool fail(const std::string &what);
  uint64_t payloadBytes(const Field &field) const;

  int fd;
  uint64_t size;
  uint64_t at = 0;
  std::vector<char> buffer;
  uint64_t bufferStart = 0, bufferBytes = 0;
  /// Grows while reading goes on without gaps, so short fields between weights read little.
  uint64_t readAhead = kSmallestRead;
  std::string message;
  static constexpr uint64_t kSmallestRead = 1024, kLargestRead = 1 << 18;
};

/// Appends a varint field or the head of a Bytes field to `out`.
void appendVarintField(std::string &out, uint32_t number, uint64_t value);
void appendBytesHead(std::string &out, uint32_t number, uint64_t length);

} // namespace mixserve::import

#endif // MIXSERVE_LIB_IMPORT_WIREREADER_H
