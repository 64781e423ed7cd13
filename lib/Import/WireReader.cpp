//===- WireReader.cpp - Protobuf's wire format, straight from a file --------------------------===//

#include "WireReader.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <unistd.h>

namespace mixserve::import {

static void appendVarint(std::string &out, uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>((value & 0x7f) | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}

bool WireReader::fail(const std::string &what) {
  if (message.empty())
    message = what + " at byte " + std::to_string(at) + " of " + std::to_string(size);
  return false;
}

bool WireReader::fill() {
  if (!message.empty())
    return false;
  if (at >= size)
    return fail("the file ends in the middle of a message");
  const bool continues = bufferBytes > 0 && at == bufferStart + bufferBytes;
  readAhead = continues ? std::min(readAhead * 2, kLargestRead) : kSmallestRead;
  const uint64_t wanted = std::min(readAhead, size - at);
  buffer.resize(std::max<uint64_t>(buffer.size(), wanted));
  bufferStart = at;
  bufferBytes = 0;
  const ssize_t got = pread(fd, buffer.data(), wanted, static_cast<off_t>(at));
  if (got < 0)
    return fail(std::string("cannot be read: ") + std::strerror(errno));
  if (got == 0)
    return fail("the file became shorter while it was read");
  bufferBytes = static_cast<uint64_t>(got);
  return true;
}

bool WireReader::readByte(uint8_t &byte) {
  if (at < bufferStart || at >= bufferStart + bufferBytes)
    if (!fill())
      return false;
  byte = static_cast<uint8_t>(buffer[at - bufferStart]);
  ++at;
  return true;
}

bool WireReader::readVarint(uint64_t end, uint64_t &value) {
  value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    uint8_t byte;
    if (at >= end)
      return fail("a number runs over the end of its message");
    if (!readByte(byte))
      return false;
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (!(byte & 0x80))
      return true;
  }
  return fail("a number has more than 10 bytes");
}

uint64_t WireReader::payloadBytes(const Field &field) const {
  switch (field.type) {
  case Varint:
    return 0; // already read
  case Fixed64:
    return 8;
  case Fixed32:
    return 4;
  case Bytes:
    return field.value;
  }
  return 0;
}

bool WireReader::readField(uint64_t end, Field &field) {
  uint64_t tag;
  field.value = 0;
  if (!readVarint(end, tag))
    return false;
  field.number = static_cast<uint32_t>(tag >> 3);
  const unsigned type = tag & 7;
  if (tag >> 32 || field.number == 0 || (type > Bytes && type != Fixed32))
    return fail("not a Protobuf field (tag " + std::to_string(tag) + ")");
  field.type = static_cast<WireType>(type);
  if (field.type == Varint || field.type == Bytes)
    if (!readVarint(end, field.value))
      return false;
  if (payloadBytes(field) > end - at)
    return fail("field " + std::to_string(field.number) + " of " +
                std::to_string(payloadBytes(field)) + " bytes runs over the end of its message");
  return true;
}

bool WireReader::readBytes(uint64_t count, std::string &out) {
  while (count > 0) {
    if (at < bufferStart || at >= bufferStart + bufferBytes)
      if (!fill())
        return false;
    const uint64_t chunk = std::min(count, bufferStart + bufferBytes - at);
    out.append(buffer.data() + (at - bufferStart), chunk);
    at += chunk;
    count -= chunk;
  }
  return message.empty();
}

bool WireReader::skip(uint64_t count) {
  if (count > size - at)
    return fail("the file ends in the middle of a message");
  at += count;
  return message.empty();
}

bool WireReader::copyField(const Field &field, std::string &out) {
  if (field.type == Varint) {
    appendVarintField(out, field.number, field.value);
    return true;
  }
  if (field.type == Bytes) {
    appendBytesHead(out, field.number, field.value);
  } else {
    appendVarint(out, static_cast<uint64_t>(field.number) << 3 | field.type);
  }
  return readBytes(payloadBytes(field), out);
}

bool WireReader::skipField(const Field &field) { return skip(payloadBytes(field)); }

void appendVarintField(std::string &out, uint32_t number, uint64_t value) {
  appendVarint(out, static_cast<uint64_t>(number) << 3 | WireReader::Varint);
  appendVarint(out, value);
}

void appendBytesHead(std::string &out, uint32_t number, uint64_t length) {
  appendVarint(out, static_cast<uint64_t>(number) << 3 | WireReader::Bytes);
  appendVarint(out, length);
}

} // namespace mixserve::import
