//===- Checksum.cpp -------------------------------------------------------------------------===//
#include "core/Checksum.h"

#include <openssl/sha.h>
#include <xxhash.h>

static std::string toHex(const unsigned char *bytes, size_t count) {
  static const char digits[] = "0123456789abcdef";
  std::string text;
  for (size_t i = 0; i < count; ++i) {
    text += digits[bytes[i] >> 4];
    text += digits[bytes[i] & 15];
  }
  return text;
}

std::string mxs::sha256Hex(const void *data, size_t size) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(static_cast<const unsigned char *>(data), size, digest);
  return toHex(digest, sizeof digest);
}

std::string mxs::xxh3Hex(const void *data, size_t size) {
  XXH64_canonical_t canonical;
  XXH64_canonicalFromHash(&canonical, XXH3_64bits(data, size));
  return toHex(canonical.digest, sizeof canonical.digest);
}
