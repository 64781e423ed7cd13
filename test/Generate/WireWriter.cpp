//===- WireWriter.cpp - Protobuf's wire format, appended to a string ------===//
#include "test/Generate/WireWriter.h"

#include <cstring>

namespace mixserve::generate {

void Message::varint(uint64_t value) {
  for (; value >= 0x80; value >>= 7)
    bytes.push_back(char(0x80 | (value & 0x7f)));
  bytes.push_back(char(value));
}

Message &Message::integer(uint32_t field, int64_t value) {
  varint(field << 3);
  varint(uint64_t(value));
  return *this;
}

Message &Message::real(uint32_t field, float value) {
  varint(field << 3 | 5);
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  for (int shift = 0; shift < 32; shift += 8)
    bytes.push_back(char(bits >> shift));
  return *this;
}

Message &Message::head(uint32_t field, uint64_t length) {
  varint(field << 3 | 2);
  varint(length);
  return *this;
}

Message &Message::text(uint32_t field, std::string_view value) {
  head(field, value.size());
  bytes.append(value);
  return *this;
}

} // namespace mixserve::generate
