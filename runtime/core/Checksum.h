//===- Checksum.h - sha256 of small files, XXH3 of weight blocks ------------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_CORE_CHECKSUM_H
#define MIXSERVE_RUNTIME_CORE_CHECKSUM_H

#include <cstddef>
#include <string>

namespace mxs {

/// 64 lower-case hex digits.
std::string sha256Hex(const void *data, size_t size);

/// XXH3, 64 bits, seed 0, as 16 lower-case hex digits of the number (most significant first).
std::string xxh3Hex(const void *data, size_t size);

} // namespace mxs

#endif // MIXSERVE_RUNTIME_CORE_CHECKSUM_H
