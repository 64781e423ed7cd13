//===- FileHashes.h - What a written file's bytes hash to ---------*- C++ -*-===//
#ifndef MIXSERVE_LIB_EMIT_FILEHASHES_H
#define MIXSERVE_LIB_EMIT_FILEHASHES_H

#include "ArtifactFile.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringExtras.h"
#include <algorithm>
#include <cstdint>
#include <memory>
#include <openssl/evp.h>
#include <string>
#include <utility>
#include <vector>
#include <xxhash.h>

namespace mixserve {

/// SHA-256 of the bytes that pass.
class Sha256 {
public:
  Sha256() : context(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
    EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr);
  }
  void update(const void *data, size_t bytes) { EVP_DigestUpdate(context.get(), data, bytes); }
  std::string hex() {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    EVP_DigestFinal_ex(context.get(), digest, &size);
    return llvm::toHex(llvm::ArrayRef<uint8_t>(digest, size), /*LowerCase=*/true);
  }

private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context;
};

/// XXH3-64 of every `kBlockBytes` bytes that pass.
class BlockHash {
public:
  BlockHash() : state(XXH3_createState(), XXH3_freeState) { XXH3_64bits_reset(state.get()); }
  void update(const char *data, size_t bytes) {
    while (bytes > 0) {
      const size_t part = std::min<size_t>(bytes, kBlockBytes - filled);
      XXH3_64bits_update(state.get(), data, part);
      data += part, bytes -= part, filled += part;
      if (filled == kBlockBytes)
        close();
    }
  }
  std::vector<std::string> finish() {
    if (filled > 0)
      close();
    return std::move(blocks);
  }

private:
  void close() {
    XXH64_canonical_t canonical; // big-endian: the same text on every machine
    XXH64_canonicalFromHash(&canonical, XXH3_64bits_digest(state.get()));
    blocks.push_back(
        llvm::toHex(llvm::ArrayRef<uint8_t>(canonical.digest, sizeof canonical.digest), true));
    XXH3_64bits_reset(state.get());
    filled = 0;
  }
  std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state;
  int64_t filled = 0;
  std::vector<std::string> blocks;
};

} // namespace mixserve

#endif // MIXSERVE_LIB_EMIT_FILEHASHES_H
