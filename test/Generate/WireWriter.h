//===- WireWriter.h - Protobuf's wire format, appended to a string --------===//
//
// https://protobuf.dev/programming-guides/encoding : a message is a sequence of (tag, payload).
// Only the three wire types that ONNX graphs need are here.
//
//===----------------------------------------------------------------------===//

#ifndef MIXSERVE_TEST_GENERATE_WIREWRITER_H
#define MIXSERVE_TEST_GENERATE_WIREWRITER_H

#include <cstdint>
#include <string>
#include <string_view>

namespace mixserve::generate {

/// One message under construction. Fields keep the order of the calls.
class Message {
public:
  Message &integer(uint32_t field, int64_t value);
  Message &real(uint32_t field, float value);
  Message &text(uint32_t field, std::string_view value);
  Message &message(uint32_t field, const Message &value) { return text(field, value.bytes); }
  /// Only tag and length of a field whose `length` bytes the caller writes next.
  Message &head(uint32_t field, uint64_t length);

  const std::string &str() const { return bytes; }

private:
  void varint(uint64_t value);
  std::string bytes;
};

} // namespace mixserve::generate

#endif // MIXSERVE_TEST_GENERATE_WIREWRITER_H
